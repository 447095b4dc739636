"""Something done in a fork of the test's process, from which the ranks of a step are forked in turn.

A fork has one thread, whatever runs beside the tests here, so it can be forked again.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import torch

EXPECTED = ("Interrupted", "WorkerLost", "Diverged", "MemoryError", "DataError", "RankFailed")
"""Errors that need no traceback."""


class Apart:
    """A forked process that does something."""

    def __init__(self, do: Callable[[], object]) -> None:
        torch.set_num_threads(1)
        self.reading, writing = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.reading)
            self._become(do, writing)
        os.close(writing)

    def _become(self, do: Callable[[], object], writing: int) -> None:
        try:
            do()
            os.write(writing, b"done")
        except BaseException as error:
            name = type(error).__name__
            if name not in EXPECTED:
                traceback.print_exc(file=sys.__stderr__)
            os.write(writing, f"{name}: {error}".encode())
        finally:
            os._exit(0)

    def end(self) -> str:
        """Wait for it; "done", or the class of what it met and its message, or "" if it was killed."""
        os.waitpid(self.pid, 0)
        text = os.read(self.reading, 1 << 16).decode()
        os.close(self.reading)
        return text

    def await_that(self, happened: Callable[[], bool], seconds: float = 30.0) -> None:
        """Wait for something; fails if it doesn't happen."""
        deadline = time.monotonic() + seconds
        while not happened():
            assert time.monotonic() < deadline, "it did not happen"
            time.sleep(0.002)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)


def children(pid: int) -> list[int]:
    return [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid: int) -> bool:
    """Whether a process still runs; one that has ended and was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
