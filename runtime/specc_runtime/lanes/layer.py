"""A decoder layer of K stacked models, forward and backward.

Letters of tensor shapes: K models, B rows, T tokens of a row, N = B * T, D width, H query heads, G
heads of keys and values, E size of a head, M inner size, V vocabulary; R = H * K * B.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import silu

from specc_runtime.lanes.dropping import Drawn
from specc_runtime.lanes.rotary import Places, rotated
from specc_runtime.llama import Architecture


@dataclass(frozen=True, slots=True)
class LayerTensors:
    """Weights of a layer, or their gradients: views into the flat buffers, [K, out, in] and [K, D]."""

    qkv: Tensor
    out: Tensor
    gate_up: Tensor
    down: Tensor
    before: Tensor
    between: Tensor


@dataclass(slots=True)
class Normed:
    """What a norm keeps for its way back: y = unit * weight, unit = x * inverse."""

    y: Tensor
    unit: Tensor
    inverse: Tensor


@dataclass(slots=True)
class Saved:
    """What a layer keeps for its way back."""

    before: Normed
    q_RTE: Tensor
    k_RTE: Tensor
    v_RTE: Tensor
    weights_RTT: Tensor
    attended_KNA: Tensor
    between: Normed
    gate_KNM: Tensor
    up_KNM: Tensor
    opened_KNM: Tensor
    inner_KNM: Tensor


def norm(x_KND: Tensor, weight_KD: Tensor, eps: float, dtype: torch.dtype) -> Normed:
    """Root-mean-square norm (Zhang and Sennrich 2019, arXiv 1910.07467) with the result in `dtype`."""
    size = torch.linalg.vector_norm(x_KND, dim=-1, keepdim=True)
    inverse = size.square_().mul_(1.0 / x_KND.shape[-1]).add_(eps).rsqrt_()
    unit = x_KND * inverse
    return Normed((unit * weight_KD[:, None]).to(dtype), unit, inverse)


def norm_back(dx_KND: Tensor, dy_KND: Tensor, kept: Normed, weight_KD: Tensor, gradient_KD: Tensor) -> None:
    """Add to `dx` what flows back through a norm, and set the gradient of its weight."""
    dy_KND = dy_KND.float()
    torch.sum(dy_KND * kept.unit, 1, out=gradient_KD)
    dunit_KND = dy_KND * weight_KD[:, None]
    # A product with one column would do, but its bits depend on how many models there are.
    onto = (dunit_KND * kept.unit).sum(-1, keepdim=True).mul_(kept.inverse)
    dx_KND.addcmul_(dunit_KND, kept.inverse)
    dx_KND.addcmul_(kept.unit, onto, value=-1.0 / dx_KND.shape[-1])


def weight_gradient(dy_KNO: Tensor, x_KNI: Tensor, gradient_KOI: Tensor) -> None:
    """Set the gradient of a linear layer's weight."""
    gradient_KOI.baddbmm_(dy_KNO.mT, x_KNI, beta=0)


def added(x_KND: Tensor, y_KNI: Tensor, weight_KDI: Tensor, kept_KND: Tensor | None) -> Tensor:
    """The residual stream with a linear layer's output added."""
    if kept_KND is None and x_KND.dtype == y_KNI.dtype:
        return torch.baddbmm(x_KND, y_KNI, weight_KDI.mT)
    out_KND = torch.bmm(y_KNI, weight_KDI.mT)
    return x_KND + out_KND if kept_KND is None else torch.addcmul(x_KND, out_KND.float(), kept_KND)


class Layer:
    """The arithmetic of a layer for one shape; it holds no weights."""

    def __init__(self, shape: Architecture, dtype: torch.dtype) -> None:
        self.shape = shape
        self.eps = shape.norm_eps
        self.dtype = dtype
        self.repeats = shape.heads // shape.kv_heads
        self.scale = float(shape.head**-0.5)

    def forward(
        self,
        x_KND: Tensor,
        weights: LayerTensors,
        places: Places,
        size: tuple[int, int, int],
        drawn: Drawn | None,
    ) -> tuple[Tensor, Saved]:
        """The residual stream behind the layer; `size` is K, B, T."""
        shape, (count, rows, length) = self.shape, size
        before = norm(x_KND, weights.before, self.eps, self.dtype)
        qkv_KNA = torch.bmm(before.y, weights.qkv.mT)
        heads = self._heads(qkv_KNA, size)
        turned = shape.heads + shape.kv_heads
        placed = rotated(heads[:turned], places)
        q_RTE = placed[: shape.heads].view(-1, length, shape.head)
        k_RTE = self._repeated(placed[shape.heads :])
        v_RTE = self._repeated(heads[turned:].contiguous())
        weights_RTT, attended_RTE = self._attend(q_RTE, k_RTE, v_RTE, places.mask, drawn)
        by_head = attended_RTE.view(shape.heads, count, rows, length, shape.head)
        attended_KNA = by_head.permute(1, 2, 3, 0, 4).reshape(count, rows * length, -1)
        middle_KND = added(x_KND, attended_KNA, weights.out, None if drawn is None else drawn.attended)
        between = norm(middle_KND, weights.between, self.eps, self.dtype)
        gate_up_KNM = torch.bmm(between.y, weights.gate_up.mT)
        gate_KNM, up_KNM = gate_up_KNM[..., : shape.mlp].contiguous(), gate_up_KNM[..., shape.mlp :]
        opened_KNM = silu(gate_KNM)  # twice as fast as of a part of each row
        inner_KNM = opened_KNM * up_KNM
        if drawn is not None:
            inner_KNM = (inner_KNM * drawn.inner).to(self.dtype)
        after_KND = added(middle_KND, inner_KNM, weights.down, None if drawn is None else drawn.fed)
        saved = Saved(
            before,
            q_RTE,
            k_RTE,
            v_RTE,
            weights_RTT,
            attended_KNA,
            between,
            gate_KNM,
            up_KNM,
            opened_KNM,
            inner_KNM,
        )
        return after_KND, saved

    def backward(
        self,
        dx_KND: Tensor,
        saved: Saved,
        weights: LayerTensors,
        gradients: LayerTensors,
        places: Places,
        size: tuple[int, int, int],
        drawn: Drawn | None,
    ) -> None:
        """Turn the gradient behind the layer, in place, into that before it; sets the weights' gradients.

        Args:
            places: with rotations back, scaled by the layer's `scale`, which queries and keys both need.
        """
        shape, (count, rows, length) = self.shape, size
        dout_KND = self._dropped(dx_KND, None if drawn is None else drawn.fed)
        weight_gradient(dout_KND, saved.inner_KNM, gradients.down)
        dinner_KNM = torch.bmm(dout_KND, weights.down)
        if drawn is not None:
            dinner_KNM = (dinner_KNM * drawn.inner).to(self.dtype)
        dgate_up_KNM = torch.empty(
            (*saved.gate_KNM.shape[:2], 2 * shape.mlp), dtype=self.dtype, device=dx_KND.device
        )
        torch.mul(dinner_KNM, saved.opened_KNM, out=dgate_up_KNM[..., shape.mlp :])
        dopened_KNM = dinner_KNM.mul_(saved.up_KNM)
        dgate_up_KNM[..., : shape.mlp] = torch.ops.aten.silu_backward(dopened_KNM, saved.gate_KNM)
        weight_gradient(dgate_up_KNM, saved.between.y, gradients.gate_up)
        norm_back(
            dx_KND,
            torch.bmm(dgate_up_KNM, weights.gate_up),
            saved.between,
            weights.between,
            gradients.between,
        )
        dout_KND = self._dropped(dx_KND, None if drawn is None else drawn.attended)
        weight_gradient(dout_KND, saved.attended_KNA, gradients.out)
        dattended = torch.bmm(dout_KND, weights.out).view(count, rows, length, shape.heads, shape.head)
        dattended_RTE = dattended.permute(3, 0, 1, 2, 4).reshape(-1, length, shape.head)
        dqkv_KNA = torch.empty(
            (count, rows * length, (shape.heads + 2 * shape.kv_heads) * shape.head),
            dtype=self.dtype,
            device=dx_KND.device,
        )
        self._attend_back(dattended_RTE, saved, places, self._heads(dqkv_KNA, size), drawn)
        weight_gradient(dqkv_KNA, saved.before.y, gradients.qkv)
        norm_back(dx_KND, torch.bmm(dqkv_KNA, weights.qkv), saved.before, weights.before, gradients.before)

    def _attend(
        self, q_RTE: Tensor, k_RTE: Tensor, v_RTE: Tensor, mask: Tensor, drawn: Drawn | None
    ) -> tuple[Tensor, Tensor]:
        """Attention weights, before dropout, and what they gather."""
        weights_RTT = torch.softmax(torch.baddbmm(mask, q_RTE, k_RTE.mT, alpha=self.scale), -1)
        used_RTT = weights_RTT if drawn is None else self._thinned(weights_RTT, drawn)
        return weights_RTT, torch.bmm(used_RTT, v_RTE)

    def _attend_back(
        self, dattended_RTE: Tensor, saved: Saved, places: Places, dheads: Tensor, drawn: Drawn | None
    ) -> None:
        """Write the gradients of queries, keys and values to `dheads` [H + 2 G, K, B, T, E]."""
        shape = self.shape
        used_RTT = saved.weights_RTT if drawn is None else self._thinned(saved.weights_RTT, drawn)
        dv_RTE = torch.bmm(used_RTT.mT, dattended_RTE)
        dweights_RTT = torch.bmm(dattended_RTE, saved.v_RTE.mT)
        if drawn is not None:
            dweights_RTT = self._thinned(dweights_RTT, drawn)
        dscores_RTT = torch._softmax_backward_data(dweights_RTT, saved.weights_RTT, -1, self.dtype)
        turned = shape.heads + shape.kv_heads
        drotated = torch.empty((turned, *dheads.shape[1:]), dtype=self.dtype, device=dheads.device)
        torch.bmm(dscores_RTT, saved.k_RTE, out=drotated[: shape.heads].view(saved.q_RTE.shape))
        if self.repeats == 1:
            torch.bmm(dscores_RTT.mT, saved.q_RTE, out=drotated[shape.heads :].view(saved.k_RTE.shape))
        else:
            drotated[shape.heads :] = self._gathered(torch.bmm(dscores_RTT.mT, saved.q_RTE), dheads)
        dheads[:turned] = rotated(drotated, places)
        dheads[turned:] = self._gathered(dv_RTE, dheads)

    def _heads(self, qkv_KNA: Tensor, size: tuple[int, int, int]) -> Tensor:
        """Queries, keys and values by head: [H + 2 G, K, B, T, E], a view."""
        count, rows, length = size
        return qkv_KNA.view(count, rows, length, -1, self.shape.head).permute(3, 0, 1, 2, 4)

    def _repeated(self, heads: Tensor) -> Tensor:
        """Keys or values [G, K, B, T, E], once for each query head, as [R, T, E]."""
        if self.repeats > 1:
            heads = heads.repeat_interleave(self.repeats, 0)
        return heads.reshape(-1, *heads.shape[-2:])

    def _gathered(self, gradient_RTE: Tensor, like: Tensor) -> Tensor:
        """Gradients of keys or values, [G, K, B, T, E], of those of all query heads."""
        by_head = gradient_RTE.view(self.shape.heads, *like.shape[1:])
        if self.repeats == 1:
            return by_head
        return by_head.view(self.shape.kv_heads, self.repeats, *like.shape[1:]).sum(1)

    def _dropped(self, dx_KND: Tensor, kept_KND: Tensor | None) -> Tensor:
        return (dx_KND if kept_KND is None else dx_KND * kept_KND).to(self.dtype)

    def _thinned(self, weights_RTT: Tensor, drawn: Drawn) -> Tensor:
        by_head = weights_RTT.view(drawn.attention.shape)
        return (by_head * drawn.attention).to(self.dtype).view(weights_RTT.shape)
