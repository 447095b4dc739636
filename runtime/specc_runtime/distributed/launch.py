"""Starting the other ranks of a step, noticing how they end, and seeing to it that they do.

Where this process is one thread that has touched no GPU, the others are forked from it, which takes
milliseconds; else they are started afresh. Both ways they are killed by the kernel when this process
ends. A rank whose work fails writes why into a pipe, so that a full memory or a bug there is told as
it would be here; one that was killed makes the step one that can be tried again.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from specc import errors
from specc.errors import NoDevice, SpeccError
from specc.steps import Step, TrainExecution
from specc.store import Store
from specc_runtime.attempt import Attempt
from specc_runtime.distributed.group import Group, Message, Order
from specc_runtime.lifetime import die_with_parent
from specc_runtime.memory import is_out_of_memory

GRACE_SECONDS = 5.0
"""How long to wait for ranks to end by themselves, or to tell why they did."""


class WorkerLost(SpeccError):
    """A process that trained with this one was killed; that says nothing about the step."""


class RankFailed(RuntimeError):
    """Another rank met a bug; the text is its traceback."""


@dataclass(slots=True)
class Rank:
    """A process behind the first one.

    Attributes:
        failures: descriptor from which the reason of its end can be read; "" for a good end.
        status: how it ended, as `os.waitstatus_to_exitcode` has it; None while it lives.
    """

    number: int
    pid: int
    failures: int
    status: int | None = None

    def ended(self) -> bool:
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.status = os.waitstatus_to_exitcode(status) if pid else None
        return self.status is not None

    def kill(self) -> None:
        """End it, unless it has ended; nobody else reaps it, so the pid is still its own."""
        if not self.ended():
            os.kill(self.pid, signal.SIGKILL)
            _, status = os.waitpid(self.pid, 0)
            self.status = os.waitstatus_to_exitcode(status)
        os.close(self.failures)

    def reason(self) -> dict[str, Any] | None:
        """What it wrote about its failure."""
        text = b""
        while part := os.read(self.failures, 1 << 16):
            text += part
        return json.loads(text) if text else None


@contextmanager
def joined(attempt: Attempt) -> Iterator[Group]:
    """Start all other ranks of a step; they end with the block.

    Raises:
        WorkerLost: if one was killed.
        SpeccError, MemoryError: what went wrong in one of them.
    """
    execution: TrainExecution = attempt.execution
    check_devices(execution.device, execution.replicas)
    folder = Path(tempfile.mkdtemp(dir=attempt.work, prefix="ranks-"))
    start = fork if can_fork() else spawn
    ranks = [start(attempt.step, attempt.store, number, folder) for number in range(1, execution.replicas)]
    group: Group | None = None
    over = threading.Event()
    watching = watch([rank.pid for rank in ranks], over)
    try:
        await_ready(ranks, folder)
        group = join(execution, 0, folder)
        yield group
        over.set()
        group.tell(Message(Order.END))
        for rank in ranks:
            await_end(rank)
    except SpeccError:
        raise
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise_failure_of(ranks, error)
        raise
    finally:
        over.set()
        watching.join()
        for rank in ranks:
            rank.kill()
        if group is not None:
            group.close()
        shutil.rmtree(folder, ignore_errors=True)


def check_devices(device: str, replicas: int) -> None:
    """Refuse to start more processes than there are GPUs for.

    Raises:
        NoDevice: saying how many there are.
    """
    if torch.device(device).type != "cuda":
        return
    found = torch.cuda.device_count()
    if found < replicas:
        raise NoDevice(
            f"there are {found} GPUs here, and {replicas} processes that need one each",
            f"train with `--replicas {found}`" if found else "train with `--device cpu`",
        )


def watch(
    pids: list[int], over: threading.Event, grace_seconds: float = 2 * GRACE_SECONDS
) -> threading.Thread:
    """End this process if another rank ends and this one does not notice, until `over` is set.

    Between CPUs a cut connection is an error at once, once there is one. A kernel of a GPU that waits
    for a rank which is no more waits for ever, and the main thread with it.
    """

    def look() -> None:
        while not over.wait(0.25):
            if any(has_ended(pid) for pid in pids) and not over.wait(grace_seconds):
                os.kill(os.getpid(), signal.SIGKILL)

    thread = threading.Thread(target=look, name="watch", daemon=True)
    thread.start()
    return thread


def await_ready(ranks: list[Rank], folder: Path) -> None:
    """Wait until all other ranks are about to meet; a meeting with one that is no more would never end.

    Raises:
        WorkerLost, SpeccError, MemoryError, RankFailed: if one has ended instead.
    """
    while not all(ready(folder, rank.number).exists() for rank in ranks):
        for rank in ranks:
            if rank.ended():
                error = RankFailed(f"process {rank.number + 1} ended with status {rank.status}")
                raise_failure_of(ranks, error)
                raise error
        time.sleep(0.001)


def ready(folder: Path, rank: int) -> Path:
    """File that a rank makes when it is about to meet the others."""
    return folder / f"ready-{rank}"


def has_ended(pid: int) -> bool:
    """Whether a child has ended; it can still be waited for."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return False  # it was waited for, so its end is known


def join(execution: TrainExecution, rank: int, folder: Path) -> Group:
    """Meet the other ranks."""
    return Group(rank, execution.replicas, folder / "meeting", torch.device(execution.device))


def can_fork() -> bool:
    """Whether a copy of this process would work: no other thread, and no GPU in use.

    A fork copies only the calling thread; locks that others hold would stay held in the copy.
    """
    try:
        threads = len(os.listdir("/proc/self/task"))
    except OSError:
        return False
    on_gpu: bool = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]  # torch has no types here
    return threads == 1 and not on_gpu


def fork(step: Step, store: Store, number: int, folder: Path) -> Rank:
    """Start a rank as a copy of this process."""
    reading, writing = os.pipe()
    parent = os.getpid()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reading)
            die_with_parent(parent)
            become_rank(step, store, number, folder, writing)
        finally:
            os._exit(1)
    os.close(writing)
    return Rank(number, pid, reading)


def spawn(step: Step, store: Store, number: int, folder: Path) -> Rank:
    """Start a rank as a new process."""
    reading, writing = os.pipe()
    description = {"step": step.model_dump(mode="json"), "workspace": str(store.workspace)}
    path = folder / "step.json"
    path.write_text(json.dumps(description))
    command = [sys.executable, "-P", "-m", "specc_runtime.distributed", str(path)]
    command += ["--rank", str(number), "--fd", str(writing), "--parent", str(os.getpid())]
    paths = os.pathsep.join(filter(None, sys.path))
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        pass_fds=[writing],
        env={**os.environ, "PYTHONPATH": paths},
    )
    os.close(writing)
    process.returncode = 0  # reaped here: `Popen` must not do it, nor complain that nobody has
    return Rank(number, process.pid, reading)


def become_rank(step: Step, store: Store, number: int, folder: Path, failures: int) -> None:
    """Do the part of a rank in this process and end it; does not return.

    Only rank 0 is asked to stop; it has the others stop at the same training step.
    """
    from specc_runtime.distributed.follow import follow_step

    for number_of_signal in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
        signal.signal(number_of_signal, signal.SIG_IGN)
    _, execution = step.parsed()
    status = 1
    try:
        ready(folder, number).touch()
        group = join(execution, number, folder)
        follow_step(step, store, group)
        status = 0
    except BaseException as error:
        with suppress(OSError):
            os.write(failures, json.dumps(described(error)).encode())
    finally:
        sys.stderr.flush()
        os._exit(status)


def described(error: BaseException) -> dict[str, Any]:
    """A failure as it goes through the pipe."""
    if isinstance(error, SpeccError):
        return {"error": type(error).__name__, "message": error.message, "help": error.help}
    if isinstance(error, Exception) and is_out_of_memory(error):
        return {"error": "OutOfMemory", "message": str(error), "help": None}
    return {"error": "InternalError", "message": "".join(traceback.format_exception(error)), "help": None}


def raise_failure_of(ranks: list[Rank], error: Exception) -> None:
    """Raise what a rank that has ended failed with; returns if all are alive.

    Its end cuts the connection, so this process may notice before the kernel tells of it.
    """
    deadline = time.monotonic() + GRACE_SECONDS
    while not (gone := [rank for rank in ranks if rank.ended()]) and time.monotonic() < deadline:
        time.sleep(0.01)
    for rank in gone:
        reason = rank.reason()
        if reason is None or is_consequence(reason):
            continue
        raise failure(rank, reason) from error
    for rank in gone:
        if rank.status is not None and rank.status < 0:
            name = signal.Signals(-rank.status).name
            raise WorkerLost(
                f"process {rank.number + 1} of those that train together was killed by {name}",
                "if memory is short, train with fewer `--replicas`",
            ) from error


def is_consequence(reason: dict[str, Any]) -> bool:
    """Whether a rank failed only because another had ended and its connection was cut."""
    return reason["error"] == "InternalError" and "onnection" in reason["message"]


def failure(rank: Rank, reason: dict[str, Any]) -> Exception:
    """What another rank met, as an error of this one."""
    if reason["error"] == "OutOfMemory":
        return MemoryError(reason["message"])
    if reason["error"] == "InternalError":
        return RankFailed(f"in process {rank.number + 1} of those that train together\n{reason['message']}")
    kind: Callable[..., SpeccError] = getattr(errors, reason["error"], SpeccError)
    return kind(reason["message"], reason["help"])


def await_end(rank: Rank) -> None:
    """Give a rank that was told to end the time to do so."""
    deadline = time.monotonic() + GRACE_SECONDS
    while not rank.ended() and time.monotonic() < deadline:
        time.sleep(0.005)
