"""Batches on their way to a device, and values on their way back, without a wait on either side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class Uploads:
    """Copies arrays to a device, on a stream of their own if it is a GPU."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        on_gpu = device.type == "cuda"
        self._stream = torch.cuda.Stream(device) if on_gpu else None  # type: ignore[no-untyped-call]  # as below

    def sent(self, *arrays: NDArray[np.generic]) -> list[Tensor]:
        """The arrays on the device; what is launched next may use them."""
        tensors = [torch.from_numpy(np.ascontiguousarray(array)) for array in arrays]
        if self._stream is None:
            return tensors
        current = torch.cuda.current_stream(self.device)
        with torch.cuda.stream(self._stream):
            # The allocator of pinned memory reuses a page only when the copy from it is done.
            moved = [tensor.pin_memory().to(self.device, non_blocking=True) for tensor in tensors]
        current.wait_stream(self._stream)
        for tensor in moved:
            tensor.record_stream(current)
        return moved


@dataclass(frozen=True, slots=True)
class Underway:
    """A loss and a gradient's norm that are being computed; [2] on the host once `done` is past."""

    values: Tensor
    done: torch.cuda.Event | None

    @classmethod
    def of(cls, loss: Tensor, norm: Tensor) -> Underway:
        both = torch.stack([loss, norm])
        if both.device.type != "cuda":
            return cls(both, None)
        values = torch.empty(2, pin_memory=True)
        values.copy_(both, non_blocking=True)
        done = torch.cuda.Event()  # type: ignore[no-untyped-call]  # torch has no types here
        done.record()
        return cls(values, done)

    def read(self) -> tuple[float, float]:
        if self.done is not None:
            self.done.synchronize()
        loss, norm = self.values.tolist()
        return loss, norm
