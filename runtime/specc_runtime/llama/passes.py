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


def turned(x: Tensor, cosine: Tensor, sine: Tensor, way: float = 1.0) -> Tensor:
    """Rotary positions on [.., T, D]; with `way` -1 the opposite angle, which is the transposed rotation."""
    return (x * cosine).addcmul_(swap_halves(x), sine, value=way)


def heads_first(heads: Tensor, cosine: Tensor, sine: Tensor, groups: int) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values of [R, T, H + 2 G, D], with rotary positions: [H or G, R, T, D] each."""
    first = heads.permute(2, 0, 1, 3).contiguous()
    placed = turned(first[:-groups], cosine, sine)
    return placed[:-groups], placed[-groups:], first[-groups:]


def heads_last(query: Tensor, key: Tensor, value: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """What `heads_first` does to a gradient, the other way round: [R, T, H + 2 G, D]."""
    heads, rows, length, size = query.shape
    groups = len(key)
    whole = query.new_empty(rows, length, heads + 2 * groups, size)
    into = whole.permute(2, 0, 1, 3)
    into[:heads] = turned(query, cosine, sine, -1.0)
    into[heads:-groups] = turned(key, cosine, sine, -1.0)
    into[-groups:] = value
    return whole


class RotaryHeads(Function):
    """`heads_first`, for attention by a kernel of torch."""

    @staticmethod
    def forward(
        ctx: Any, heads: Tensor, cosine: Tensor, sine: Tensor, groups: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        ctx.save_for_backward(cosine, sine)
        return heads_first(heads, cosine, sine, groups)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None]:
        query, key, value = grads
        return heads_last(query, key, value, *ctx.saved_tensors), None, None, None


class RotaryAttention(Function):
    """Attention by products, softmax(bias + q k^T / sqrt(D)) v: from [R, T, H + 2 G, D] to [R, T, H D].

    The heads of a group share one product. The scale of the scores is taken up by the rotation back.
    """

    @staticmethod
    def forward(ctx: Any, heads: Tensor, cosine: Tensor, sine: Tensor, bias: Tensor, groups: int) -> Tensor:
        rows, length, _, size = heads.shape
        query, key, value = heads_first(heads, cosine, sine, groups)
        by_group = _by_group(query, groups)
        key, value = key.reshape(-1, length, size), value.reshape(-1, length, size)
        weights = softmax(torch.baddbmm(bias, by_group, key.mT, alpha=size**-0.5), -1)
        ctx.save_for_backward(by_group, key, value, weights, cosine, sine)
        mixed = _by_head(torch.bmm(weights, value), query.shape, groups)
        return mixed.permute(1, 2, 0, 3).reshape(rows, length, -1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None, None]:
        query, key, value, weights, cosine, sine = ctx.saved_tensors
        (grad,) = grads
        (rows, length, _), size = grad.shape, query.shape[-1]
        groups = len(key) // rows
        by_head = grad.view(rows, length, -1, size).permute(2, 0, 1, 3)
        into = _by_group(by_head, groups)
        to_scores = torch._softmax_backward_data(torch.bmm(into, value.mT), weights, -1, weights.dtype)
        to_query = _by_head(torch.bmm(to_scores, key), by_head.shape, groups)
        to_key, to_value = torch.bmm(to_scores.mT, query), torch.bmm(weights.mT, into)
        shape = (groups, rows, length, size)
        scale = size**-0.5
        back = heads_last(to_query, to_key.view(shape), to_value.view(shape), cosine * scale, sine * scale)
        return back, None, None, None, None


def _by_group(heads: Tensor, groups: int) -> Tensor:
    """[H, R, T, D] as [G R, (H / G) T, D], in memory of its own order."""
    count, rows, length, size = heads.shape
    if count > groups:
        heads = heads.reshape(groups, count // groups, rows, length, size).transpose(1, 2)
    return heads.reshape(groups * rows, -1, size)


def _by_head(grouped: Tensor, shape: tuple[int, ...], groups: int) -> Tensor:
    """The other way round; `shape` is [H, R, T, D]."""
    count, rows, length, size = shape
    if count > groups:
        grouped = grouped.view(groups, rows, count // groups, length, size).transpose(1, 2)
    return grouped.reshape(shape)


class SummedCrossEntropy(Function):
    """Cross-entropy of logits [N, V] summed over targets [N] that are not `ignored`, in nats.

    The gradient softmax(logits) - onehot(target) is made in the memory that held the logarithms, so it is
    taken once.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, targets: Tensor, ignored: int) -> Tensor:
        logs = torch.log_softmax(logits.float(), -1)
        counts = (targets != ignored)[:, None]
        columns = targets[:, None].clamp(min=0)
        ctx.save_for_backward(columns, counts)
        ctx.logs, ctx.dtype = logs, logits.dtype
        return -(logs.gather(-1, columns) * counts).sum()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        columns, counts = ctx.saved_tensors
        shares = ctx.logs.exp_()
        shares.scatter_(-1, columns, shares.gather(-1, columns).sub_(1.0))
        return shares.mul_(counts * grads[0]).to(ctx.dtype), None, None
