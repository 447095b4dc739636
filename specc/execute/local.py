"""The executor of one machine: worker processes forked from a server that has torch loaded.

See `specc_runtime.server` and `specc_runtime.worker` for the other ends of the sockets. The server
is started by the first step and loads torch while the schedule goes on; a worker is forked by the
first step of its slot, or by the next one after it has died.
"""

from __future__ import annotations

import math
import os
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from specc.errors import NoDevice
from specc.execute.channel import Channel
from specc.execute.executor import (
    MEMORY_HELP,
    OUT_OF_MEMORY,
    WORKER_LOST,
    Done,
    Event,
    ExecutorLost,
    Failed,
    Progress,
    Stopped,
)
from specc.execute.memory import MemoryKills
from specc.execute.worker_log import WorkerLog
from specc.processors import default_workers as default_workers
from specc.study import PlannedStep

ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # what deterministic kernels ask for
    "HF_HUB_OFFLINE": "1",
    "PYTHONHASHSEED": "0",
}
"""What workers find in their environment: one thread each, the same bits each time, no network."""


POLL_SECONDS = 0.2
"""How long to wait for an answer before a look at what else has happened."""


@dataclass(slots=True)
class Worker:
    """A process in a slot and the steps that it is doing.

    Attributes:
        ending: whether it was asked to stop, and ends once none is left.
    """

    slot: int
    channel: Channel
    steps: dict[str, PlannedStep] = field(default_factory=dict)
    ending: bool = False


class LocalExecutor:
    """Runs steps in up to `workers` processes of this machine.

    Args:
        workspace: where steps find their inputs and leave their results.
        log: file that gets what the processes print, mostly warnings of libraries.
        entry, preload: see `specc_runtime.server`; None for its defaults.
    """

    def __init__(
        self,
        workspace: Path,
        workers: int,
        log: Path,
        entry: str | None = None,
        preload: tuple[str, ...] | None = None,
    ) -> None:
        self.workspace = workspace.absolute()
        self.slots = range(workers)
        self.log = log
        self.arguments = [] if entry is None else ["--entry", entry]
        self.arguments += [] if preload is None else ["--preload", *preload]
        self.server: subprocess.Popen[bytes] | None = None
        self.control: Channel | None = None
        self.kept_small: WorkerLog | None = None
        self.memory = MemoryKills()
        self.selector = selectors.DefaultSelector()
        self.workers: dict[int, Worker] = {}
        self.in_slot: dict[int, int] = {}
        self.forked = 0

    def idle(self) -> list[int]:
        return [slot for slot in self.slots if not self.busy(slot)]

    def busy(self, slot: int) -> bool:
        number = self.in_slot.get(slot)
        return number is not None and bool(self.workers[number].steps)

    def submit(self, slot: int, *steps: PlannedStep) -> None:
        number = self.in_slot[slot] if slot in self.in_slot else self.fork(slot)
        worker = self.workers[number]
        worker.steps = {step.key: step for step in steps}
        descriptions = [
            {
                "key": step.key,
                "op": step.op,
                "inputs": step.inputs,
                "params": step.params,
                "execution": step.execution,
                "label": step.label,
            }
            for step in steps
        ]
        worker.channel.send({"run": descriptions, "workspace": str(self.workspace)})

    def fork(self, slot: int) -> int:
        """Ask the server for a worker; what is sent to it waits in its socket until it lives."""
        control = self.control or self.start_server()
        ours, theirs = socket.socketpair()
        self.forked += 1
        control.send({"fork": self.forked}, [theirs.fileno()])
        theirs.close()
        channel = Channel(ours)
        self.workers[self.forked] = Worker(slot, channel)
        self.in_slot[slot] = self.forked
        self.selector.register(ours, selectors.EVENT_READ, self.forked)
        return self.forked

    def require(self, devices: Sequence[dict[str, Any]], give_up: Callable[[], bool]) -> None:
        """Ask a worker, once, whether models can be trained on these devices; it ends with its answer.

        Args:
            devices: `device` and `replicas` of steps. give_up: whether to wait no more.
        Raises:
            NoDevice: if one is not here.
            ExecutorLost: if the processes are gone.
        """
        worker = self.workers[self.fork(0)]
        worker.channel.send({"devices": list(devices)})
        while not worker.channel.closed and not give_up():
            self.selector.select(POLL_SECONDS)
            for answer in worker.channel.receive():
                if answer["message"] is not None:
                    raise NoDevice(answer["message"], answer["help"])
            self.reaped()
        self.in_slot.pop(0, None)
        self.forget(worker)

    def start_server(self) -> Channel:
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-P", "-m", "specc_runtime.server"]
        command += ["--fd", str(theirs.fileno()), "--parent", str(os.getpid()), *self.arguments]
        try:
            with open(self.log, "ab") as log:
                self.server = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,
                    env={**os.environ, **ENVIRONMENT, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                )
        except OSError as error:
            ours.close()
            raise ExecutorLost(f"the worker processes can't be started: {error.strerror}") from error
        finally:
            theirs.close()
        self.kept_small = WorkerLog(self.log)
        self.control = Channel(ours)
        self.selector.register(ours, selectors.EVENT_READ, None)
        return self.control

    def poll(self, timeout: float) -> list[Event]:
        events: list[Event] = []
        for chosen, _ in self.selector.select(timeout):
            if chosen.data is not None and chosen.data in self.workers:
                events += self.receive(self.workers[chosen.data])
        events += self.reaped()
        return events

    def receive(self, worker: Worker) -> list[Event]:
        """Turn a worker's messages into events."""
        events = []
        for message in worker.channel.receive():
            event = as_event(worker.slot, message)
            assert event.key in worker.steps, "a worker speaks only of steps that it has"
            if not isinstance(event, Progress):
                del worker.steps[event.key]
            worker.ending = worker.ending or isinstance(event, Stopped)
            if worker.ending and not worker.steps:  # it ends now; its slot is free for another
                del self.in_slot[worker.slot]
            events.append(event)
        if worker.channel.closed:
            self.forget(worker)
        return events

    def forget(self, worker: Worker) -> None:
        """Stop listening to a worker whose socket is closed; the server tells how it ended."""
        if worker.channel.fileno() >= 0:
            self.selector.unregister(worker.channel.end)
            worker.channel.close()

    def reaped(self) -> list[Event]:
        """Events of workers that have ended with a step in hand."""
        if self.control is None:
            return []
        events: list[Event] = []
        for message in self.control.receive():
            if "ended" in message:
                worker = self.workers[message["ended"]]
                if not worker.channel.closed:
                    events += self.receive(worker)
                self.forget(worker)
                del self.workers[message["ended"]]
                if self.in_slot.get(worker.slot) == message["ended"]:
                    del self.in_slot[worker.slot]
                if worker.steps:
                    short = message["status"] == -signal.SIGKILL and self.memory.met()
                    for step in worker.steps.values():
                        events.append(lost(worker.slot, step, message["status"], short))
        if self.control.closed:
            raise ExecutorLost(
                f"the process that starts workers has ended; what it printed is in {self.log}",
                "run again: finished steps are kept, and running ones go on from their checkpoints",
            )
        return events

    def stop(self) -> None:
        for number, worker in self.workers.items():
            if worker.steps and self.control is not None:
                self.control.send({"signal": number, "number": int(signal.SIGTERM)})

    def close(self) -> None:
        """End all processes: the server is killed, and the kernel kills its workers with it.

        The workers' sockets are read to their end, so that none is alive when this returns.
        """
        if self.server is None or self.control is None:
            self.selector.close()
            return
        self.server.kill()
        self.server.wait()
        for worker in self.workers.values():
            if worker.channel.fileno() >= 0:
                worker.channel.end.settimeout(5.0)
                await_end(worker.channel.end)
            self.forget(worker)
        self.control.close()
        self.selector.close()
        if self.kept_small is not None:
            self.kept_small.close()
        self.server = self.control = self.kept_small = None


def await_end(end: socket.socket) -> None:
    """Read a socket until its other end is closed, or the time set on it is over."""
    try:
        while end.recv(1 << 16):
            pass
    except (TimeoutError, ConnectionResetError):
        return


def as_event(slot: int, message: dict[str, Any]) -> Event:
    """The event that a worker's message tells."""
    kind, key = message["kind"], message["of_step"]
    if kind == "progress":
        loss = message.get("loss")
        return Progress(
            slot,
            key,
            step=message.get("step", 0),
            of=message.get("of", 0),
            tokens=message.get("tokens", 0),
            loss=loss if loss is not None and math.isfinite(loss) else None,
            tokens_per_second=message.get("tokens_per_second") or 0.0,
        )
    if kind == "done":
        provenance = message["manifest"]["provenance"]
        return Done(slot, key, provenance["wall_seconds"] / provenance["computed"].get("lanes", 1))
    if kind == "interrupted":
        return Stopped(slot, key)
    return Failed(slot, key, message["error"], message["message"], message["help"], message["key"])


def lost(slot: int, step: PlannedStep, status: int, no_memory: bool = False) -> Failed:
    """A worker that ended in the middle of a step: by a signal, or by leaving the process.

    Args:
        no_memory: whether the system says that it was killed because memory ran out.
    """
    label = step.label or step.key[:12]
    if no_memory:
        message = f"no memory left for {label}: the system killed its worker"
        return Failed(slot, step.key, OUT_OF_MEMORY, message, MEMORY_HELP)
    if status < 0:
        name = signal.Signals(-status).name
        memory = ", as the system does when memory runs out" if -status == signal.SIGKILL else ""
        message = f"the worker that did {label} was killed by {name}{memory}"
    else:
        message = f"the worker that did {label} ended with status {status}"
    return Failed(slot, step.key, WORKER_LOST, message, f"if memory is short, {MEMORY_HELP}")
