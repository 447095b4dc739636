"""The ranks of one step, joined: sums over all, and orders from rank 0."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import torch.distributed as dist
from torch import Tensor

if TYPE_CHECKING:
    from specc_runtime.learner import Learner

BUCKET_BYTES = 64 << 20
"""Most bytes that are summed in one go, and so what the sums need beside the gradients."""

PATIENCE = timedelta(days=7)
"""How long a rank waits for an order; rank 0 may be measuring the model. Who dies is noticed at once."""


class Order(IntEnum):
    """What rank 0 asks of the others."""

    UPDATE = 1
    WEIGHTS = 2
    STATE = 3
    RESTORE = 4
    MODULE = 5
    END = 6


@dataclass(frozen=True, slots=True)
class Message:
    """An order and what belongs to it.

    Attributes:
        lineage_step, rate: of an update. text: the folder to restore from. with_state: whether the
            optimizer's state is restored too.
    """

    order: Order
    lineage_step: int = 0
    rate: float = 0.0
    text: str = ""
    with_state: bool = False


class Group:
    """All ranks of a step.

    Args:
        meeting: file through which they find each other; new, in a folder that all can write.
        device: what the tensors that are summed lie on.
    """

    def __init__(self, rank: int, size: int, meeting: Path, device: torch.device) -> None:
        self.rank = rank
        self.size = size
        if device.type == "cuda":
            torch.cuda.set_device(rank)
        # Loopback: nothing of it can be reached from another machine.
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
        store = dist.FileStore(str(meeting), size)  # type: ignore[attr-defined]  # it is exported
        backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
        dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=PATIENCE)

    def passes(self, micro_batches: Sequence[slice]) -> Sequence[tuple[slice, float]]:
        return [(rows, 1.0) for rows in micro_batches[self.rank :: self.size]]

    def add(self, tensors: Sequence[Tensor]) -> None:
        for bucket in buckets(tensors):
            flat = torch.cat([tensor.reshape(-1) for tensor in bucket])
            dist.all_reduce(flat, op=dist.ReduceOp.SUM)
            parts = torch.split(flat, [tensor.numel() for tensor in bucket])
            for tensor, part in zip(bucket, parts, strict=True):
                tensor.copy_(part.view_as(tensor))

    def whole(self, tensor: Tensor) -> Tensor:
        return tensor

    def least(self, value: int) -> int:
        agreed = torch.tensor([value])
        dist.all_reduce(agreed, op=dist.ReduceOp.MIN)
        return int(agreed)

    def led(self, learner: Learner) -> Learner:
        from specc_runtime.distributed.lead import Leader, SpreadLeader
        from specc_runtime.learner import Spread

        return SpreadLeader(learner, learner, self) if isinstance(learner, Spread) else Leader(learner, self)

    def tell(self, message: Message) -> None:
        """Send an order to all other ranks; rank 0 calls this."""
        text = message.text.encode()
        numbers = [message.order, message.lineage_step, message.rate, len(text), message.with_state]
        dist.broadcast(torch.tensor(numbers, dtype=torch.float64), src=0)
        if text:
            dist.broadcast(torch.frombuffer(bytearray(text), dtype=torch.uint8), src=0)

    def hear(self) -> Message:
        """The next order of rank 0; every other rank calls this."""
        numbers = torch.empty(5, dtype=torch.float64)
        dist.broadcast(numbers, src=0)
        order, lineage_step, rate, length, with_state = numbers.tolist()
        text = torch.empty(int(length), dtype=torch.uint8)
        if length:
            dist.broadcast(text, src=0)
        return Message(
            Order(int(order)), int(lineage_step), rate, bytes(text.tolist()).decode(), bool(with_state)
        )

    def wait(self) -> None:
        """Return once all ranks have called this."""
        dist.barrier()

    def close(self) -> None:
        """Leave the group; its threads and sockets end."""
        dist.destroy_process_group()


def buckets(tensors: Sequence[Tensor]) -> list[list[Tensor]]:
    """Tensors in their order, in lists of one dtype of up to `BUCKET_BYTES`; a larger one is alone."""
    found: list[list[Tensor]] = []
    filled = BUCKET_BYTES
    for tensor in tensors:
        size = tensor.numel() * tensor.element_size()
        if not found or filled + size > BUCKET_BYTES or tensor.dtype != found[-1][0].dtype:
            found.append([])
            filled = 0
        found[-1].append(tensor)
        filled += size
    return found
