"""K models of one shape on flat buffers: losses and gradients, clipping, AdamW.

Letters of tensor shapes are those of `layer`; P numbers of a lane's buffer, M of which are matrices.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from specc_runtime.lanes.dropping import Kept, draw
from specc_runtime.lanes.layer import Layer, LayerTensors, norm, norm_back, weight_gradient
from specc_runtime.lanes.rotary import Rotary
from specc_runtime.llama.layout import EMBEDDING, HEAD, NORM, Layout
from specc_runtime.packing import IGNORED, Batch


@dataclass(slots=True, eq=False)
class LaneState:
    """What training changes of a model: flat buffers [P], and how often it was updated."""

    values: Tensor
    first: Tensor
    second: Tensor
    updates: Tensor


@dataclass(frozen=True, slots=True)
class LaneRule:
    """How a lane is updated; see AdamW in `specc_runtime.optimizer`.

    Attributes:
        decay: weight decay of matrices. clip: largest gradient norm; None for no clipping.
        dropout: probability.
    """

    beta1: float
    beta2: float
    eps: float
    decay: float
    clip: float | None
    dropout: float


@dataclass(frozen=True, slots=True)
class Asked:
    """What a lane is to do in a training step; `seed` is that of its dropout."""

    batch: Batch
    rate: float
    seed: int = 0


class Stack:
    """Trains several models at once; it moves their states into buffers that lie side by side."""

    def __init__(
        self, layout: Layout, states: Sequence[LaneState], rules: Sequence[LaneRule], dtype: torch.dtype
    ) -> None:
        self.layout = layout
        self.states = list(states)
        self.rules = list(rules)
        self.dtype = dtype
        self.device = states[0].values.device
        self.values_KP = torch.stack([state.values for state in states])
        self.first_KP = torch.stack([state.first for state in states])
        self.second_KP = torch.stack([state.second for state in states])
        self.gradients_KP = torch.zeros_like(self.values_KP)
        for row, state in enumerate(states):
            state.values, state.first, state.second = (
                self.values_KP[row],
                self.first_KP[row],
                self.second_KP[row],
            )
        # What matrices multiply, and where their gradients land: other buffers if they are in bfloat16.
        self.computed_KM, self.landed_KM = self.values_KP, self.gradients_KP
        if dtype != torch.float32:
            self.computed_KM = torch.empty_like(self.values_KP[:, : layout.matrices], dtype=dtype)
            self.landed_KM = torch.zeros_like(self.computed_KM)
        self.layer = Layer(layout.architecture, dtype)
        numbers = range(layout.architecture.layers)
        self.weights = [self._layer(number, self.computed_KM, self.values_KP) for number in numbers]
        self.gradients = [self._layer(number, self.landed_KM, self.gradients_KP) for number in numbers]
        head = EMBEDDING if layout.architecture.tied else HEAD
        self.head_KVD = self._view(self.computed_KM, head)
        self.head_gradient_KVD = self._view(self.landed_KM, head)
        self.rotary: dict[int, Rotary] = {}
        self.lane_K1 = torch.arange(len(states), device=self.device)[:, None]

    def _view(self, buffer_KP: Tensor, name: str, last: str | None = None) -> Tensor:
        """A weight of all lanes, or with `last` that and its neighbours up to it: [K, out, in] or [K, D]."""
        layout = self.layout
        begin, shape = layout.offsets[name], layout.shapes[name]
        end_name = last or name
        end = layout.offsets[end_name] + math.prod(layout.shapes[end_name])
        part = buffer_KP[:, begin:end]
        return part.view(len(self.states), -1, shape[-1]) if len(shape) > 1 else part

    def _layer(self, number: int, buffer_KP: Tensor, vectors_KP: Tensor) -> LayerTensors:
        layer = f"model.layers.{number}"
        attention, mlp = f"{layer}.self_attn", f"{layer}.mlp"
        return LayerTensors(
            qkv=self._view(buffer_KP, f"{attention}.q_proj.weight", f"{attention}.v_proj.weight"),
            out=self._view(buffer_KP, f"{attention}.o_proj.weight"),
            gate_up=self._view(buffer_KP, f"{mlp}.gate_proj.weight", f"{mlp}.up_proj.weight"),
            down=self._view(buffer_KP, f"{mlp}.down_proj.weight"),
            before=self._view(vectors_KP, f"{layer}.input_layernorm.weight"),
            between=self._view(vectors_KP, f"{layer}.post_attention_layernorm.weight"),
        )

    @torch.no_grad()
    def update(self, asked: Sequence[Asked]) -> list[tuple[float, float]]:
        """Make one update of every lane; for each the mean loss over its targets and the gradient's norm.

        A lane whose batch has no target (both are 0 then), or whose loss or norm is not finite, keeps
        its weights.
        """
        losses_K = self.differentiate(asked)
        norms_K = torch.linalg.vector_norm(self.gradients_KP, dim=1)
        figures = torch.stack([losses_K, norms_K]).tolist()
        results = []
        for row, (one, loss, size) in enumerate(zip(asked, *figures, strict=True)):
            if one.batch.targets == 0:
                results.append((0.0, 0.0))
                continue
            results.append((loss, size))
            if math.isfinite(loss) and math.isfinite(size):
                self._step(row, one.rate, size)
        return results

    def _step(self, row: int, rate: float, size: float) -> None:
        """Clip a lane's gradient of norm `size` and apply AdamW to it."""
        rule, state = self.rules[row], self.states[row]
        gradient_P = self.gradients_KP[row]
        if rule.clip is not None and rule.clip < size + 1e-6:
            gradient_P.mul_(rule.clip / (size + 1e-6))
        state.updates += 1
        cut = self.layout.matrices
        for part, decay in ((slice(0, cut), rule.decay), (slice(cut, None), 0.0)):
            torch._fused_adamw_(
                [state.values[part]],
                [gradient_P[part]],
                [state.first[part]],
                [state.second[part]],
                [],
                [state.updates],
                lr=rate,
                beta1=rule.beta1,
                beta2=rule.beta2,
                weight_decay=decay,
                eps=rule.eps,
                amsgrad=False,
                maximize=False,
            )

    def differentiate(self, asked: Sequence[Asked]) -> Tensor:
        """Mean losses [K] over each lane's targets, in nats; fills the gradients."""
        shape = self.layout.architecture
        rows, length = asked[0].batch.tokens.shape
        size = (len(asked), rows, length)
        if self.dtype != torch.float32:
            self.computed_KM.copy_(self.values_KP[:, : self.layout.matrices])
        tokens_KN = self._sent(np.stack([one.batch.tokens for one in asked])).view(len(asked), -1)
        packed = any(one.batch.packed for one in asked)
        positions_KBT = self._sent(np.stack([one.batch.positions for one in asked])) if packed else None
        if length not in self.rotary:
            self.rotary[length] = Rotary(shape, length, self.device, self.dtype)
        places = self.rotary[length].places(positions_KBT)
        kept = self._kept(asked, rows, length)
        x_KND = self._view(self.values_KP, EMBEDDING)[self.lane_K1, tokens_KN]
        if kept is not None:
            x_KND = x_KND * kept.embedded
        saved = []
        for number, weights in enumerate(self.weights):
            x_KND, one_saved = self.layer.forward(
                x_KND, weights, places, size, None if kept is None else kept.layers[number]
            )
            saved.append(one_saved)
        last_KD = self._view(self.values_KP, NORM)
        final = norm(x_KND, last_KD, shape.norm_eps, self.dtype)
        losses_K, dlogits_KNV = self._losses(torch.bmm(final.y, self.head_KVD.mT), asked)
        weight_gradient(dlogits_KNV, final.y, self.head_gradient_KVD)
        dx_KND = torch.zeros_like(x_KND)
        norm_back(
            dx_KND,
            torch.bmm(dlogits_KNV, self.head_KVD),
            final,
            last_KD,
            self._view(self.gradients_KP, NORM),
        )
        back = places.back(self.layer.scale)
        for number in reversed(range(shape.layers)):
            drawn = None if kept is None else kept.layers[number]
            self.layer.backward(
                dx_KND, saved.pop(), self.weights[number], self.gradients[number], back, size, drawn
            )
        if kept is not None:
            dx_KND = dx_KND * kept.embedded
        if self.landed_KM is not self.gradients_KP:
            self.gradients_KP[:, : self.layout.matrices].copy_(self.landed_KM)
        self._embedding_gradient(dx_KND, tokens_KN)
        return losses_K

    def _losses(self, logits_KNV: Tensor, asked: Sequence[Asked]) -> tuple[Tensor, Tensor]:
        """Mean losses [K], and their gradients with respect to the logits.

        The token that a row's position predicts is the next one.
        """
        labels_KBT = np.full((len(asked), *asked[0].batch.labels.shape), IGNORED)
        for lane, one in zip(labels_KBT, asked, strict=True):
            lane[:, :-1] = one.batch.labels[:, 1:]
        carries_KBT = labels_KBT != IGNORED
        shares_K = np.array([1.0 / max(one.batch.targets, 1) for one in asked])
        factors_KN = (carries_KBT * shares_K[:, None, None]).reshape(len(asked), -1).astype(np.float32)
        labels_KN1 = self._sent(np.where(carries_KBT, labels_KBT, 0)).view(len(asked), -1, 1)
        factors_KN1 = self._sent(factors_KN)[..., None]
        log_KNV = torch.log_softmax(logits_KNV, -1, dtype=torch.float32)
        losses_K = -(log_KNV.gather(-1, labels_KN1) * factors_KN1).sum((1, 2))
        dlogits_KNV = log_KNV.exp_()
        hit_KN1 = dlogits_KNV.gather(-1, labels_KN1).sub_(1.0)
        dlogits_KNV.scatter_(-1, labels_KN1, hit_KN1)
        return losses_K, dlogits_KNV.mul_(factors_KN1).to(self.dtype)

    def _embedding_gradient(self, dx_KND: Tensor, tokens_KN: Tensor) -> None:
        """Set the gradient of the embedding, or add to it where the output head is the same matrix."""
        vocab = self.layout.architecture.vocab
        ids_KN = tokens_KN + vocab * self.lane_K1
        summed = torch.ops.aten.embedding_dense_backward(dx_KND, ids_KN, vocab * len(self.states), -1, False)
        gradient_KVD = self._view(self.gradients_KP, EMBEDDING)
        if self.layout.architecture.tied:
            gradient_KVD.add_(summed.view(gradient_KVD.shape))
        else:
            gradient_KVD.copy_(summed.view(gradient_KVD.shape))

    def _kept(self, asked: Sequence[Asked], rows: int, length: int) -> Kept | None:
        probabilities = [rule.dropout for rule in self.rules]
        if not any(probabilities):
            return None
        seeds = [one.seed for one in asked]
        return draw(self.layout.architecture, rows, length, seeds, probabilities, self.device)

    def _sent(self, array: np.ndarray[Any, Any]) -> Tensor:
        return torch.from_numpy(array).to(self.device, non_blocking=True)
