"""Parts of a layer with backward passes of their own, for eager execution.

What autograd derives for these parts reads and writes memory about twice as often as needed: slices
become zero-filled gradients that are added up, concatenations are copied, scales are passes of their
own. At the sizes that one core trains, that is a third of a step's time. `torch.compile` fuses
better than this, from the formulas in `traced`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn.functional import silu, softmax


def swap_halves(x: Tensor) -> Tensor:
    """The two halves of the last dimension, exchanged."""
    half = x.shape[-1] // 2
    return torch.cat((x[..., half:], x[..., :half]), -1)


class NormAndPass(Function):
    """RMSNorm of a residual stream, and the stream itself, whose gradient then takes one pass less.

    (x [N, d] float32, weight [d]) -> (normed in `dtype`, x). With r = 1 / rms(x), xh = x r
    and g = dy w: dx = r (g - xh mean(g xh)), dw = sum over N of dy xh.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        size = x.shape[-1]
        square = torch.linalg.vector_norm(x, dim=-1, keepdim=True).square_()
        scale = square.mul_(1 / size).add_(eps).rsqrt_()
        unit = x * scale
        ctx.save_for_backward(unit, scale, weight)
        return (unit * weight).to(dtype), x

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None, None]:
        unit, scale, weight = ctx.saved_tensors
        grad, passed = grads[0].float(), grads[1]
        both = grad * unit
        mean = torch.mm(both, weight[:, None]).mul_(scale)
        out = torch.addcmul(passed, grad * weight, scale)
        out.addcmul_(unit, mean, value=-1 / unit.shape[-1])
        return out, both.sum(-2), None, None


class GatedProjection(Function):
    """silu(x Wg^T) times x Wu^T for Wg over Wu in one matrix: [N, d], [2 m, d] -> [N, m].

    Gate and up are tensors of their own: where rows of m numbers lie between others, each row ends in
    numbers that fill no vector register, and their exponentials are taken one by one.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        to_gate, to_up = weight.chunk(2)
        gate, up = torch.mm(x, to_gate.mT), torch.mm(x, to_up.mT)
        opened = silu(gate)
        ctx.save_for_backward(x, weight, gate, up, opened)
        return opened * up

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        x, weight, gate, up, opened = ctx.saved_tensors
        (grad,) = grads
        to_gate, to_up = weight.chunk(2)
        into_up = grad * opened
        into_gate = torch.ops.aten.silu_backward(grad * up, gate)
        back = torch.addmm(torch.mm(into_up, to_up), into_gate, to_gate)
        into_weight = torch.cat((torch.mm(into_gate.mT, x), torch.mm(into_up.mT, x)))
        return back, into_weight


class RotaryHeads(Function):
    """Heads first, with rotary positions on the first `rotated` of them: [R, T, H, D] -> [H, R, T, D].

    The transposed rotation turns by the opposite angle.
    """

    @staticmethod
    def forward(ctx: Any, heads: Tensor, cosine: Tensor, sine: Tensor, rotated: int) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(cosine, sine)
        first = heads.permute(2, 0, 1, 3).contiguous()
        turned = first[:rotated]
        return (turned * cosine).addcmul_(swap_halves(turned), sine), first[rotated:]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None]:
        cosine, sine = ctx.saved_tensors
        turned, rest = grads
        back = (turned * cosine).addcmul_(swap_halves(turned), sine, value=-1)
        whole = torch.cat((back, rest))
        return whole.permute(1, 2, 0, 3).contiguous(), None, None, None


class ProductAttention(Function):
    """softmax(bias + scale q k^T) v of [Z, .., D] by matrix products."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, bias: Tensor, scale: float) -> Tensor:
        weights = softmax(torch.baddbmm(bias, query, key.mT, alpha=scale), -1)
        ctx.save_for_backward(query, key, value, weights)
        ctx.scale = scale
        return torch.bmm(weights, value)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        query, key, value, weights = ctx.saved_tensors
        (grad,) = grads
        to_weights = torch.bmm(grad, value.mT)
        to_scores = torch._softmax_backward_data(to_weights, weights, -1, weights.dtype)
        nothing = query.new_zeros(1, 1, 1)
        to_query = torch.baddbmm(nothing, to_scores, key, beta=0, alpha=ctx.scale)
        to_key = torch.baddbmm(nothing, to_scores.mT, query, beta=0, alpha=ctx.scale)
        return to_query, to_key, torch.bmm(weights.mT, grad), None, None
