"""A forked worker: does one step after another until nobody asks any more.

It stays alive between steps so that what it has loaded stays warm. Messages are JSON lines:

    to the worker    {"run": [step, ...], "workspace": path}
    from the worker  {"kind": "progress", ...}                        any number of them, then one of
                     {"kind": "done", "manifest": ...}
                     {"kind": "failed", "error": class, "message": ..., "help": ..., "key": ...}
                     {"kind": "interrupted"}

Before there is a step for it, a worker may be asked whether models can be trained here:

    to the worker    {"devices": [{"device": ..., "replicas": ...}, ...]}
    from the worker  {"kind": "devices", "message": ..., "help": ...}   both null if they can

It ends then: a process that has used a GPU can't be forked for the ranks of a step.

Several steps in a request are trained together, in lanes. Each message also holds "of_step", the key
of the step that it is about, and each step has its one last message.

SIGTERM asks for a checkpoint: it sets a flag that the step looks at between two training steps.
A worker that was asked to stop ends after its step.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from specc.errors import NoDevice, SpeccError
from specc.execute.executor import MEMORY_HELP, OUT_OF_MEMORY
from specc.steps import Step
from specc.store import Manifest, Store
from specc_runtime.attempt import Interrupted
from specc_runtime.memory import is_out_of_memory

Report = Callable[[dict[str, Any]], None]
Stopping = Callable[[], bool]
Entry = Callable[[Step, Store, Report, Stopping], Manifest]
"""Does a step: (step, store, report, stopping) -> the manifest that it published."""


class StopFlag:
    """Whether this process was asked to stop."""

    def __init__(self) -> None:
        self.is_set = False
        signal.signal(signal.SIGTERM, self.set)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})

    def set(self, number: int, frame: object) -> None:
        self.is_set = True


def work(channel: socket.socket, entry: Entry) -> None:
    """Do the steps that arrive on `channel`, until its other end is closed."""
    flag = StopFlag()
    limit_threads()

    def tell(message: dict[str, Any]) -> None:
        try:
            channel.sendall(json.dumps(message).encode() + b"\n")
        except (BrokenPipeError, ConnectionResetError):
            os._exit(0)  # the run has ended: nobody waits for this step

    with channel.makefile("rb") as requests:
        for line in requests:
            request = json.loads(line)
            if "devices" in request:
                tell(tried_devices(request["devices"]))
                return
            steps = [Step.model_validate(step) for step in request["run"]]
            attempt(steps, Store(Path(request["workspace"])), entry, tell, flag)
            if flag.is_set:
                return


def tried_devices(wanted: list[dict[str, Any]]) -> dict[str, Any]:
    """The message on whether models can be trained on these devices, by so many processes each."""
    from specc_runtime.device import use_device
    from specc_runtime.distributed.launch import check_devices

    try:
        for each in wanted:
            use_device(each["device"], 1)
            if each["replicas"] > 1:
                check_devices(each["device"], each["replicas"])
    except NoDevice as error:
        return {"kind": "devices", "message": error.message, "help": error.help}
    return {"kind": "devices", "message": None, "help": None}


def attempt(steps: Sequence[Step], store: Store, entry: Entry, tell: Report, flag: StopFlag) -> None:
    """Do a step, or several together, and tell how each ended. No error leaves this function."""

    def report(step: Step, message: dict[str, Any]) -> None:
        tell(message | {"of_step": step.key})

    def settle(step: Step, end: Manifest | Exception) -> None:
        report(step, ended(step, store, end))

    if len(steps) > 1:
        from specc_runtime.lanes.group import train_together

        train_together(steps, store, report, settle, lambda: flag.is_set)
        return
    step = steps[0]
    try:
        end: Manifest | Exception = entry(step, store, partial(report, step), lambda: flag.is_set)
    except Exception as error:
        end = error
    settle(step, end)


def ended(step: Step, store: Store, end: Manifest | Exception) -> dict[str, Any]:
    """The message on what a step published, or why it did not."""
    if isinstance(end, Manifest):
        return {"kind": "done", "manifest": end.model_dump(mode="json")}
    if isinstance(end, Interrupted):
        return {"kind": "interrupted"}
    if isinstance(end, SpeccError):
        return {
            "kind": "failed",
            "error": type(end).__name__,
            "message": end.message,
            "help": end.help,
            "key": getattr(end, "key", None),
        }
    return no_memory(step) if is_out_of_memory(end) else bug(step, store, end)


def no_memory(step: Step) -> dict[str, Any]:
    return {
        "kind": "failed",
        "error": OUT_OF_MEMORY,
        "message": f"no memory left for {step.label or step.key[:12]}",
        "help": MEMORY_HELP,
        "key": None,
    }


def bug(step: Step, store: Store, error: Exception) -> dict[str, Any]:
    """The message for an exception that no one foresaw, whose traceback goes into a file."""
    text = "".join(traceback.format_exception(error))
    path = store.work(step.key) / "traceback.txt"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        where = f"its traceback is in {path}"
    except OSError:
        where = "its traceback is in the log of the run"
        print(text, file=sys.stderr, flush=True)
    return {
        "kind": "failed",
        "error": "InternalError",
        "message": f"specc met a bug: {text.strip().splitlines()[-1]}; {where}",
        "help": "please report it, with that traceback",
        "key": None,
    }


def limit_threads() -> None:
    """One thread a worker: many small processes with many threads each are several times slower."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)
