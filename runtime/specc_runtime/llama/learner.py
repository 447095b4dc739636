"""Training with the plain implementation: weights, gradients and optimizer state in flat buffers."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout
from transformers import AutoConfig

from specc.steps import TrainExecution, TrainParams
from specc_runtime import model as models
from specc_runtime.llama.architecture import Architecture
from specc_runtime.llama.compiled import LossFunction, compiled_loss, why_not_compiled
from specc_runtime.llama.forward import summed_loss
from specc_runtime.llama.layout import Layout
from specc_runtime.memory import is_out_of_memory
from specc_runtime.optimizer import build_optimizer
from specc_runtime.packing import Batch
from specc_runtime.ranks import ALONE, Ranks
from specc_runtime.update import Updater

LOG = logging.getLogger("specc")

FLAT_OPTIMIZERS = ("adamw", "sam", "sgd")
"""Optimizers whose update of a number depends on that number's own gradient and state, so that one
flat buffer is updated as the weights in it would be."""


class FlatModel(nn.Module):
    """All weights of a Llama as two parameters: those of the matrices, [1, M], and the others, [P - M].

    They differ in their number of dimensions as the weights themselves do, so optimizers tell them
    apart in the same way.

    Attributes:
        flat: the buffer, [P] in float32. gradient: of the same shape.
    """

    def __init__(self, architecture: Architecture, device: torch.device, dtype: str) -> None:
        super().__init__()
        self.layout = Layout(architecture)
        self.flat = torch.zeros(self.layout.size, device=device)
        self.gradient = torch.zeros_like(self.flat)
        count = self.layout.matrices
        self.matrices = nn.Parameter(self.flat[:count].view(1, -1))
        self.vectors = nn.Parameter(self.flat[count:])
        self.halved = self.flat[:count].bfloat16() if dtype == "bfloat16" else None
        self.weights = self.layout.merged(self.flat, self.halved)
        for leaf in self.weights.leaves():
            leaf.requires_grad_(True)
        self._collected = self.layout.merged(self.gradient).leaves()

    def refresh(self) -> None:
        """Round the matrices anew, after the weights have changed."""
        if self.halved is not None:
            self.halved.copy_(self.flat[: self.layout.matrices])

    @torch.no_grad()
    def collect(self, gradients: list[Tensor]) -> None:
        """Put the gradients of `weights.leaves()` into the parameters' gradients, or add them there."""
        if self.halved is not None and self.layout.architecture.tied:
            gradients[0] = gradients[0] + gradients.pop(1)
        if self.matrices.grad is None:
            torch._foreach_copy_(self._collected, gradients)
            count = self.layout.matrices
            self.matrices.grad = self.gradient[:count].view(1, -1)
            self.vectors.grad = self.gradient[count:]
        else:
            torch._foreach_add_(self._collected, gradients)


class PlainUpdater(Updater):
    """Updates a `FlatModel`; the step around the forward and backward pass is that of any model.

    Attributes:
        compiled_loss: the loss as torch has compiled it; None for the plain functions.
        failure: why it could not be compiled, if so.
    """

    model: FlatModel
    compiled_loss: LossFunction | None = None
    failure: str | None = None

    def _gradients(self, batch: Batch, lineage_step: int) -> tuple[Tensor, Tensor]:
        self.model.refresh()
        return super()._gradients(batch, lineage_step)

    def _backward(self, batch: Batch, rows: slice, weight: float) -> Tensor:
        part = weight / batch.targets
        loss, gradients = self._differentiated(batch, rows, part)
        self.model.collect(gradients)
        return loss.detach() * part

    def _differentiated(self, batch: Batch, rows: slice, part: float) -> tuple[Tensor, list[Tensor]]:
        """The summed loss of some rows, and the gradients of `part` times it."""
        leaves = self.model.weights.leaves()
        drawn = torch.get_rng_state() if self.compiled_loss is not None else None
        while True:
            try:
                loss = self._summed_loss(batch, rows)
                return loss, list(torch.autograd.grad(loss, leaves, loss.new_full((), part)))
            except Exception as error:
                if self.compiled_loss is None or drawn is None or is_out_of_memory(error):
                    raise
                self.compiled_loss = None
                self.failure = why_not_compiled(error)
                LOG.warning("torch could not compile the model, which is trained without: %s", self.failure)
                torch.set_rng_state(drawn)

    def _summed_loss(self, batch: Batch, rows: slice) -> Tensor:
        tokens_BT = torch.from_numpy(batch.tokens[rows]).to(self._device)
        labels_BT = torch.from_numpy(batch.labels[rows]).to(self._device)
        model = self.model
        if self.compiled_loss is not None:
            positions_BT = torch.from_numpy(batch.positions[rows]).to(self._device)
            return self.compiled_loss(model.weights, tokens_BT, labels_BT, positions_BT)
        apart_BT = torch.from_numpy(batch.positions[rows]).to(self._device) if batch.packed else None
        drop = self._drop if self._params.dropout > 0 else None
        return summed_loss(model.layout.architecture, model.weights, tokens_BT, labels_BT, apart_BT, drop)

    def _drop(self, x: Tensor) -> Tensor:
        return dropout(x, self._params.dropout)


class PlainLearner:
    """Trains a model of Llama's kind by the plain implementation.

    Weights and optimizer state cross its edge under the hub's names, so a learner over transformers
    goes on from what it leaves, and it from what that leaves.
    """

    def __init__(
        self,
        architecture: Architecture,
        params: TrainParams,
        execution: TrainExecution,
        folder: Path,
        device: torch.device,
        ranks: Ranks = ALONE,
    ) -> None:
        self.device = device
        self._folder = folder
        self._params = params
        self._model = FlatModel(architecture, device, params.dtype)
        self._optimizer = build_optimizer(self._model, params.optimizer)
        self._updater = PlainUpdater(self._model, self._optimizer, params, execution.micro_batch, ranks)
        if execution.compiled == "on":
            self._updater.compiled_loss = compiled_loss(architecture, params.dropout)
        self._measured: nn.Module | None = None
        self.restore(models.read_weights(folder), None, folder)

    def update(self, batch: Batch, rate: float, lineage_step: int) -> tuple[float, float]:
        return self._updater.update(batch, rate, lineage_step)

    def weights(self) -> dict[str, Tensor]:
        return self._model.layout.named(self._model.flat)

    def optimizer_state(self) -> dict[str, Tensor]:
        layout, count = self._model.layout, self._model.layout.matrices
        states = [self._optimizer.state.get(part, {}) for part in self._parts()]
        found: dict[str, Tensor] = {}
        for what in states[0]:
            values = [state[what] for state in states]
            if not all(isinstance(value, Tensor) for value in values):
                continue
            if values[0].numel() == count:
                whole = layout.named(torch.cat([value.flatten() for value in values]))
            else:
                whole = dict.fromkeys(layout.shapes, values[0])
            found |= {f"{what}/{name}": value.clone() for name, value in whole.items()}
        return found

    def restore(self, weights: Mapping[str, Tensor], state: Mapping[str, Tensor] | None, where: Path) -> None:
        layout = self._model.layout
        models.check_shapes(layout.shapes, weights, where)
        layout.fill(self._model.flat, weights)
        if state is not None:
            self._restore_state(state)

    def _restore_state(self, state: Mapping[str, Tensor]) -> None:
        """Take over optimizer state by the hub's names.

        Raises:
            ValueError: if a tensor belongs to no parameter, is missing or has another shape.
        """
        layout, count = self._model.layout, self._model.layout.matrices
        named: dict[str, dict[str, Tensor]] = {}
        for key, value in state.items():
            what, _, name = key.partition("/")
            if name not in layout.shapes:
                raise ValueError(f"optimizer state for an unknown parameter {name}")
            named.setdefault(what, {})[name] = value
        for what, values in named.items():
            if missing := layout.shapes.keys() - values.keys():
                raise ValueError(f"no `{what}` for {min(missing)}")
            first = next(iter(values.values()))
            parts = (first.clone(), first.clone())
            if first.ndim > 0:
                whole = torch.zeros_like(self._model.flat)
                layout.fill(whole, values)
                parts = (whole[:count].view(1, -1), whole[count:])
            for parameter, part in zip(self._parts(), parts, strict=True):
                self._optimizer.state[parameter][what] = part

    def _parts(self) -> tuple[nn.Parameter, nn.Parameter]:
        return self._model.matrices, self._model.vectors

    def module(self) -> nn.Module:
        """A model of transformers over the same memory, built when it is first asked for."""
        if self._measured is None:
            config = AutoConfig.from_pretrained(self._folder, local_files_only=True, trust_remote_code=False)
            measured = models.build(config, models.attention_kernel(self.device, self._params.dtype))
            weights = self.weights()
            for name, parameter in measured.named_parameters():
                parameter.data = weights[name]
            self._measured = measured.to(self.device).eval()
        return self._measured

    def provenance(self) -> dict[str, Any]:
        updater = self._updater
        failed = {"compile_failure": updater.failure} if updater.failure is not None else {}
        return {"implementation": "plain", "compiled": updater.compiled_loss is not None} | failed
