"""Faults on purpose: one file operation or one training step of a process goes wrong.

    SPECC_FAULT=kill@17              the process is killed in place of its 17th file operation
    SPECC_FAULT=torn@17              the 17th operation is done by half, then the process is killed
    SPECC_FAULT=enospc@17            from the 17th on nothing can be written: no space left
    SPECC_FAULT=eio@17               the 17th fails: input/output error
    SPECC_FAULT=kill@step=3,rank=1   the process of rank 1 is killed before training step 3

Operations are those of `specc.files`, counted from 1 in each process that finds the variable when it
starts. Training steps are counted in their stage, from 1; the rank is 0 unless several processes
train one model. The tests enumerate what can go wrong with this; nobody else needs it.
"""

from __future__ import annotations

import errno
import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from specc import files

FaultKind = Literal["kill", "torn", "enospc", "eio"]

NEEDS_SPACE = frozenset({"write", "append", "folder", "sync"})
"""Operations that a full disk refuses; names can still be changed and removed."""

_PLACE = re.compile(r"(kill|torn|enospc|eio)@(?:(\d+)|step=(\d+)(?:,rank=(\d+))?)")


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong, and where: at a file operation, or before a training step of a rank."""

    kind: FaultKind
    operation: int | None = None
    step: int | None = None
    rank: int = 0

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Read a fault as `SPECC_FAULT` says it.

        Raises:
            ValueError: if the text says none.

        >>> Fault.parse("kill@step=3,rank=1")
        Fault(kind='kill', operation=None, step=3, rank=1)
        """
        match = _PLACE.fullmatch(text)
        if match is None:
            raise ValueError(f"`{text}` is no fault; write for instance `kill@17` or `kill@step=3,rank=1`")
        kind, operation, step, rank = match.groups()
        where = int(operation) if operation else None
        return cls(kind, where, int(step) if step else None, int(rank or 0))  # type: ignore[arg-type]  # the pattern allows no other


class Operations:
    """Counts file operations, and lets one of them go wrong.

    Attributes:
        seen: the operations so far, in order: what, and the name of the file or folder.
    """

    def __init__(self, fault: Fault | None = None) -> None:
        self.fault = fault
        self.seen: list[tuple[files.Kind, str]] = []

    @contextmanager
    def watch(self, kind: files.Kind, path: Path) -> Iterator[None]:
        self.seen.append((kind, path.name))
        fault = self.fault
        if fault is None or fault.operation is None or len(self.seen) < fault.operation:
            yield
            return
        due = len(self.seen) == fault.operation
        if fault.kind == "enospc" and kind in NEEDS_SPACE:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        if fault.kind == "eio" and due:
            raise OSError(errno.EIO, "Input/output error", str(path))
        if fault.kind == "kill" and due:
            die()
        before = path.stat().st_size if kind == "append" else 0
        yield
        if fault.kind == "torn" and due:
            if kind in ("write", "append"):
                os.truncate(path, (before + path.stat().st_size) // 2)
            die()


_fault: Fault | None = None


def install(fault: Fault | None) -> Operations:
    """Count this process' file operations from now on, and let the fault happen."""
    global _fault
    _fault = fault
    operations = Operations(fault)
    files.watch(operations.watch)
    return operations


def before_training_step(step: int, rank: int = 0) -> None:
    """Let a fault of a training step happen, if this is the one. Steps are counted from 1.

    Raises:
        OSError: for a fault that is an error.
    """
    if _fault is None or _fault.step != step or _fault.rank != rank:
        return
    if _fault.kind == "enospc":
        raise OSError(errno.ENOSPC, "No space left on device")
    if _fault.kind == "eio":
        raise OSError(errno.EIO, "Input/output error")
    die()


def die() -> None:
    """End this process as a power cut would: no handler runs, nothing is flushed."""
    os.kill(os.getpid(), signal.SIGKILL)


if "SPECC_FAULT" in os.environ:
    install(Fault.parse(os.environ["SPECC_FAULT"]))
