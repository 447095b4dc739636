"""Something done in a fork of the test's process, which may be killed on the way.

A fork has torch loaded and costs milliseconds. Only the thread that forks lives on in it, so the parent
uses one thread for tensors; where there is a GPU, autograd starts threads that a fork would lack.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch

from specc import faults
from specc.errors import SpeccError
from specc.faults import Fault, FaultKind

FORKS = not torch.cuda.is_available()
"""Whether a fork of this process can train."""


Operations = tuple[tuple[str, str], ...]
"""Operations on files, in order: what, and the name of the file or folder."""


def places(kind: FaultKind, seen: Operations) -> list[int]:
    """Numbers of the operations in which a fault of a kind is worth trying.

    Only what is written can be torn: all else is done as a whole before the process is killed, and that
    is the kill in place of the next operation.
    """
    return [
        number for number, (what, _) in enumerate(seen, 1) if kind != "torn" or what in ("write", "append")
    ]


@dataclass(frozen=True)
class End:
    """How a fork ended.

    Attributes:
        status: 0, or minus the number of the signal that killed it.
        error: class of the `SpeccError` that it met; "" if none.
        seen: its file operations, in order; empty if it was killed.
    """

    status: int
    error: str = ""
    message: str = ""
    seen: Operations = ()

    @property
    def killed(self) -> bool:
        return self.status == -9


def forked(do: Callable[[], None], fault: Fault | None = None) -> End:
    """Do something in a fork in which a fault happens.

    Raises:
        AssertionError: if it ended by an error that is not for users; its traceback is printed.
    """
    torch.set_num_threads(1)
    reading, writing = os.pipe()
    child = fork()
    if child == 0:
        os.close(reading)
        become(do, fault, writing)
    os.close(writing)
    with open(reading, "rb") as pipe:
        told = pipe.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status < 0:
        return End(status)
    assert status == 0, "the fork met a bug; its traceback is above"
    content = json.loads(told)
    return End(0, content["error"], content["message"], tuple(map(tuple, content["seen"])))


def fork() -> int:
    """As `os.fork`, without what Python 3.12 says where other threads run: they have no part in this."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def become(do: Callable[[], None], fault: Fault | None, writing: int) -> None:
    """Do it and leave the process; does not return."""
    status = 1
    gc.freeze()  # a collection would copy the memory that both processes share
    os.fsync = lambda handle: None  # type: ignore[assignment]  # a kill loses nothing that was written
    try:
        operations = faults.install(fault)
        error: SpeccError | None = None
        try:
            do()
        except SpeccError as met:
            error = met
        content = {
            "error": type(error).__name__ if error is not None else "",
            "message": error.message if error is not None else "",
            "seen": operations.seen,
        }
        with open(writing, "w") as pipe:
            json.dump(content, pipe)
        status = 0
    except BaseException:
        traceback.print_exc(file=sys.__stderr__)
    finally:
        os._exit(status)
