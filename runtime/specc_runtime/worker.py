"""A forked worker: does one step after another until nobody asks any more.

It stays alive between steps so that what it has loaded stays warm. Messages are JSON lines:

    to the worker    {"run": step, "workspace": path}
    from the worker  {"kind": "progress", ...}                        any number of them, then one of
                     {"kind": "done", "manifest": ...}
                     {"kind": "failed", "error": class, "message": ..., "help": ..., "key": ...}
                     {"kind": "interrupted"}

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
from collections.abc import Callable
from pathlib import Path
from typing import Any

from specc.errors import SpeccError
from specc.steps import Step
from specc.store import Manifest, Store
from specc_runtime.attempt import Interrupted

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
            tell(attempt(Step.model_validate(request["run"]), Path(request["workspace"]), entry, tell, flag))
            if flag.is_set:
                return


def attempt(step: Step, workspace: Path, entry: Entry, tell: Report, flag: StopFlag) -> dict[str, Any]:
    """Do a step; the message on how it ended. No error leaves this function."""
    store = Store(workspace)
    try:
        manifest = entry(step, store, tell, lambda: flag.is_set)
        return {"kind": "done", "manifest": manifest.model_dump(mode="json")}
    except Interrupted:
        return {"kind": "interrupted"}
    except SpeccError as error:
        return {
            "kind": "failed",
            "error": type(error).__name__,
            "message": error.message,
            "help": error.help,
            "key": getattr(error, "key", None),
        }
    except Exception as error:
        return no_memory(step) if is_out_of_memory(error) else bug(step, store)


def is_out_of_memory(error: Exception) -> bool:
    """Whether memory ran out; torch says so on a CPU by the text of a RuntimeError only."""
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or "can't allocate memory" in str(error)
    )


def no_memory(step: Step) -> dict[str, Any]:
    return {
        "kind": "failed",
        "error": "OutOfMemory",
        "message": f"no memory left for {step.label or step.key[:12]}",
        "help": "do fewer steps at once with `--workers`, or make the batch smaller",
        "key": None,
    }


def bug(step: Step, store: Store) -> dict[str, Any]:
    """The message for an exception that no one foresaw, whose traceback goes into a file."""
    text = traceback.format_exc()
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
