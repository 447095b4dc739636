"""The learner of rank 0: does its part, and has all other ranks do theirs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from specc_runtime.distributed.group import Group, Message, Order
from specc_runtime.learner import Learner
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
        self._group.tell(Message(Order.WEIGHTS))
        return self._learner.weights()

    def optimizer_state(self) -> dict[str, Tensor]:
        self._group.tell(Message(Order.STATE))
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
