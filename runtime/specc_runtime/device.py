"""Where and how exactly to compute: device, threads, deterministic kernels, memory."""

from __future__ import annotations

import ctypes
import os
from functools import cache

import torch

from specc.errors import NoDevice


def use_device(name: str, threads: int) -> torch.device:
    """Set this process up to compute the same bits every time.

    Raises:
        NoDevice: if there is no such device.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    torch.set_float32_matmul_precision("highest")  # float32 is float32: no TF32 on a GPU
    # Nothing here reads memory that was not written, so filling it with NaN would only cost time.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # a property
    torch.set_num_threads(threads)
    keep_freed_memory()
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, ImportError) as error:
        raise NoDevice(
            f"there is no device `{name}` here", f"give `--device` one of {', '.join(devices())}"
        ) from error
    return device


def devices() -> list[str]:
    """What this machine can train on, as words of a message."""
    return ["`cpu`", *(f"`cuda:{number}`" for number in range(torch.cuda.device_count()))]


def device_name(device: torch.device) -> str:
    """The device in words, for the record."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return device.type


@cache
def keep_freed_memory() -> None:
    """Ask glibc to keep what is freed between training steps.

    Without this, each step's activations go back to the system and are faulted in again: two to
    three thousand page faults a step, 5 to 10% of the time of a small model.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return
    trim_threshold, top_pad, mmap_threshold = -1, -2, -3
    mallopt(mmap_threshold, 1 << 30)
    mallopt(trim_threshold, 1 << 30)
    mallopt(top_pad, 64 << 20)
