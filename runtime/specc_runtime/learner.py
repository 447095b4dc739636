"""A model in training, whatever trains it: what a segment updates, saves and restores.

Weights and optimizer state cross this edge as plain tensors under the hub's names, so that every
learner goes on from what any other has left.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from specc_runtime import model as models
from specc_runtime.optimizer import restore_state, state_tensors
from specc_runtime.packing import Batch
from specc_runtime.update import Updater


class Learner(Protocol):
    """What a segment needs of a model that it trains."""

    device: torch.device

    def update(self, batch: Batch, rate: float, lineage_step: int) -> tuple[float, float]:
        """Make one update; the mean loss over the batch's targets, and the gradient's norm.

        A batch without targets, or whose loss or norm is not finite, changes no weight.
        """

    def weights(self) -> dict[str, Tensor]:
        """The weights by the hub's names, in float32; a tied embedding once."""

    def optimizer_state(self) -> dict[str, Tensor]:
        """The optimizer's state as tensors named "<what>/<parameter>"."""

    def restore(self, weights: Mapping[str, Tensor], state: Mapping[str, Tensor] | None, where: Path) -> None:
        """Take over weights and, unless None, optimizer state that lie in the folder `where`.

        Raises:
            DataError: if a parameter is missing or has another shape.
            ValueError: if a tensor of the state belongs to no parameter.
        """

    def module(self) -> nn.Module:
        """The model with the weights of this moment, in evaluation mode, to be measured on.

        It is not to be changed, and holds until the next update.
        """

    def provenance(self) -> dict[str, Any]:
        """How it computes, for the record: `implementation`, and what else was chosen."""


class Reading(Protocol):
    """Loss and gradient norm of an update that may still be under way."""

    def read(self) -> tuple[float, float]:
        """Wait for them; see `Learner.update`."""


@dataclass(frozen=True, slots=True)
class Known:
    """Values that are at hand."""

    loss: float
    norm: float

    def read(self) -> tuple[float, float]:
        return self.loss, self.norm


@runtime_checkable
class Lagging(Protocol):
    """A learner whose device works while the next updates are prepared.

    Attributes:
        lag: updates that may be under way before the first of them is read.
    """

    lag: int

    def launch(self, batch: Batch, rate: float, lineage_step: int) -> Reading:
        """Begin an update as `Learner.update` makes it, and don't wait for it."""


class Gathering(Protocol):
    """Named tensors that come from several processes one after the other, so that none holds all.

    Attributes:
        shapes: of all of them, in their order.
    """

    shapes: Mapping[str, tuple[int, ...]]

    def items(self) -> Iterable[tuple[str, Tensor]]:
        """Each of them, once and in order, in float32; every process goes through all."""


@runtime_checkable
class Spread(Protocol):
    """A learner whose model lies in several processes; it is saved without ever being whole in one."""

    def gather_weights(self) -> Gathering:
        """As `Learner.weights`, one after the other."""

    def gather_state(self) -> Gathering:
        """As `Learner.optimizer_state`, one after the other."""


class TransformersLearner:
    """Trains a model of transformers by its own forward pass."""

    def __init__(self, model: nn.Module, optimizer: torch.optim.Optimizer, updater: Updater) -> None:
        self.model = model
        self.optimizer = optimizer
        self.updater = updater
        self.device = next(model.parameters()).device

    def update(self, batch: Batch, rate: float, lineage_step: int) -> tuple[float, float]:
        self.model.train()
        return self.updater.update(batch, rate, lineage_step)

    def weights(self) -> dict[str, Tensor]:
        return models.weights(self.model)

    def optimizer_state(self) -> dict[str, Tensor]:
        return state_tensors(self.model, self.optimizer)

    def restore(self, weights: Mapping[str, Tensor], state: Mapping[str, Tensor] | None, where: Path) -> None:
        models.fill(self.model, weights, where)
        if state is not None:
            restore_state(self.model, self.optimizer, state)

    def module(self) -> nn.Module:
        return self.model.eval()

    def provenance(self) -> dict[str, Any]:
        config: Any = self.model.config
        return {"implementation": "transformers", "attention": config._attn_implementation}
