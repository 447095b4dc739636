"""The learner of rank 0: does its part, and has all other ranks do theirs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from specc_runtime.distributed.group import Group, Message, Order
from specc_runtime.learner import Gathering, Learner, Spread
from specc_runtime.packing import Batch


class Leader:
    """Trains a model with all ranks of a group; see `specc_runtime.learner.Learner`."""

    def __init__(self, learner: Learner, group: Group) -> None:
        self._learner = learner
        self._group = group
        self.device = learner.device

    def update(self, batch: Batch, rate: float, lineage_step: int) -> tuple[float, float]:
        self._group.tell(Message(Order.UPDATE, lineage_step, rate))
        return self._learner.update(batch, rate, lineage_step)

    def weights(self) -> dict[str, Tensor]:
        return self._learner.weights()

    def optimizer_state(self) -> dict[str, Tensor]:
        return self._learner.optimizer_state()

    def restore(self, weights: Mapping[str, Tensor], state: Mapping[str, Tensor] | None, where: Path) -> None:
        self._group.tell(Message(Order.RESTORE, text=str(where), with_state=state is not None))
        self._learner.restore(weights, state, where)
        self._group.wait()  # the others read the same files, which may be removed soon

    def module(self) -> nn.Module:
        self._group.tell(Message(Order.MODULE))
        return self._learner.module()

    def provenance(self) -> dict[str, Any]:
        return self._learner.provenance() | {"replicas": self._group.size}


class SpreadLeader(Leader):
    """As `Leader`, of a model that is spread over the ranks; see `specc_runtime.learner.Spread`."""

    def __init__(self, learner: Learner, spread: Spread, group: Group) -> None:
        super().__init__(learner, group)
        self._spread = spread

    def weights(self) -> dict[str, Tensor]:
        return dict(self.gather_weights().items())

    def optimizer_state(self) -> dict[str, Tensor]:
        return dict(self.gather_state().items())

    def gather_weights(self) -> Gathering:
        self._group.tell(Message(Order.WEIGHTS))
        return self._spread.gather_weights()

    def gather_state(self) -> Gathering:
        self._group.tell(Message(Order.STATE))
        return self._spread.gather_state()
