"""One training step: forward, backward, clip, update."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from specc.steps import TrainParams
from specc_runtime import model as models
from specc_runtime.optimizer import ascent_radius
from specc_runtime.packing import IGNORED, Batch
from specc_runtime.ranks import ALONE, Ranks
from specc_runtime.seeds import derive


class Updater:
    """Updates a model from batches. Tensor names end in their shape: B rows, T tokens, V vocabulary.

    Args:
        micro_batch: rows in a forward pass; None for all of a batch, or of a rank's part of it.
        ranks: the processes that make the update together.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        params: TrainParams,
        micro_batch: int | None,
        ranks: Ranks = ALONE,
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self._params = params
        self._ranks = ranks
        self._micro_batch = micro_batch or math.ceil(params.batch / ranks.size)
        self._ascent = ascent_radius(params.optimizer)
        self._parameters = list(model.parameters())
        self._device = self._parameters[0].device

    def update(self, batch: Batch, rate: float, lineage_step: int) -> tuple[float, float]:
        """Make one update; returns the mean loss over the batch's targets and the gradient's norm.

        The summed loss of each micro-batch is divided by the targets of the whole batch, so the
        split changes nothing but rounding, whichever rank takes a part. A batch without targets, or
        whose loss or norm is not finite, changes no weight. Dropout depends on the seed, the step of
        the lineage and the first row of the micro-batch alone.
        """
        if batch.targets == 0:
            return 0.0, 0.0
        total, norm = self._gradients(batch, lineage_step)
        value, size = float(total), float(self._ranks.whole(norm))
        if self._ascent is not None and math.isfinite(size) and size > 0:
            norm = self._gradients_above(batch, lineage_step, self._ascent / size)
            size = float(self._ranks.whole(norm))
        if math.isfinite(value) and math.isfinite(size):
            if self._params.clip is not None:
                nn.utils.clip_grads_with_norm_(self._parameters, self._params.clip, norm)
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            self.optimizer.step()
        self.optimizer.zero_grad()
        return value, size

    def _gradients(self, batch: Batch, lineage_step: int) -> tuple[Tensor, Tensor]:
        """Add the gradients of a whole batch to the parameters; returns its loss and their norm."""
        total = torch.zeros((), device=self._device)
        micro_batches = [
            slice(first, first + self._micro_batch)
            for first in range(0, len(batch.tokens), self._micro_batch)
        ]
        for rows, weight in self._ranks.passes(micro_batches):
            self._seed_dropout(lineage_step, rows.start)
            total += self._backward(batch, rows, weight)
        if self._ranks.size > 1:
            self._add_up(total)
        gradients = [parameter.grad for parameter in self._parameters if parameter.grad is not None]
        return total, nn.utils.get_total_norm(gradients)

    def _backward(self, batch: Batch, rows: slice, weight: float) -> Tensor:
        """Add the gradients of some rows' part of the batch's mean loss, times `weight`; returns it."""
        loss = self._summed_loss(batch, rows) / batch.targets
        if weight != 1.0:
            loss = loss * weight
        torch.autograd.backward(loss)
        return loss.detach()

    @torch.no_grad()
    def _gradients_above(self, batch: Batch, lineage_step: int, scale: float) -> Tensor:
        """Replace the gradients by those at the weights plus `scale` times the gradients; their norm.

        The second gradient of sharpness-aware minimisation (Foret et al. 2021, algorithm 1): of the whole
        batch, with the dropout of the first. The weights are those of before again, to the bit.
        """
        before = [parameter.clone() for parameter in self._parameters]
        for parameter in self._parameters:
            if parameter.grad is not None:
                parameter.add_(parameter.grad, alpha=scale)
        self.optimizer.zero_grad()
        with torch.enable_grad():
            _, norm = self._gradients(batch, lineage_step)
        for parameter, kept in zip(self._parameters, before, strict=True):
            parameter.copy_(kept)
        return norm

    def _seed_dropout(self, lineage_step: int, first_row: int) -> None:
        if self._params.dropout > 0:
            place = (lineage_step, first_row) if first_row else (lineage_step,)
            seed = derive(self._params.seed, "dropout", *place)
            if self._device.type == "cpu":
                torch.default_generator.manual_seed(seed)  # a hundredth of the time of `torch.manual_seed`
            else:
                torch.manual_seed(seed)

    def _add_up(self, total: Tensor) -> None:
        """Sum loss and gradients over all ranks; one that had no rows adds zeros."""
        for parameter in self._parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        gradients = [parameter.grad for parameter in self._parameters if parameter.grad is not None]
        self._ranks.add([total, *gradients])

    def _summed_loss(self, batch: Batch, rows: slice) -> Tensor:
        """Summed cross-entropy over the targets of some rows, in nats."""
        tokens_BT = torch.from_numpy(batch.tokens[rows]).to(self._device)
        labels_BT = torch.from_numpy(batch.labels[rows]).to(self._device)
        positions_BT = torch.from_numpy(batch.positions[rows]).to(self._device) if batch.packed else None
        halved = self._params.dtype == "bfloat16"
        with torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=halved):
            logits_BTV = models.logits(self.model, tokens_BT, positions_BT)
        return cross_entropy(
            logits_BTV[:, :-1].float().flatten(0, 1),
            labels_BT[:, 1:].flatten(),
            ignore_index=IGNORED,
            reduction="sum",
        )
