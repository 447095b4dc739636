"""Processes that train one model together, as the loop sees them: who does what, and sums over all.

A process is a rank. Rank r of W takes the micro-batches r, r + W, r + 2W, ... of each global batch,
and what they found is added up, so a gradient is the same sum in another order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from torch import Tensor

if TYPE_CHECKING:
    from specc_runtime.learner import Learner


class Ranks(Protocol):
    """The processes that train together; see `specc_runtime.distributed` for more than one."""

    rank: int
    size: int

    def passes(self, micro_batches: Sequence[slice]) -> Sequence[tuple[slice, float]]:
        """Rows that this rank takes of a global batch, and what their loss is multiplied with.

        That is 0 for a pass that only keeps step with the other ranks, where all must take part.
        """

    def add(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its sum over all ranks; every rank gets the same bits."""

    def whole(self, tensor: Tensor) -> Tensor:
        """The value of a tensor that may be spread over the ranks; all of them call this."""

    def least(self, value: int) -> int:
        """The smallest of what all ranks give."""

    def led(self, learner: Learner) -> Learner:
        """The learner that rank 0 drives: what it is asked for, all ranks do."""


class Alone:
    """One process that trains by itself."""

    rank = 0
    size = 1

    def passes(self, micro_batches: Sequence[slice]) -> Sequence[tuple[slice, float]]:
        return [(rows, 1.0) for rows in micro_batches]

    def add(self, tensors: Sequence[Tensor]) -> None:
        return

    def whole(self, tensor: Tensor) -> Tensor:
        return tensor

    def least(self, value: int) -> int:
        return value

    def led(self, learner: Learner) -> Learner:
        return learner


ALONE = Alone()
