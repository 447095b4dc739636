"""One run at a time in a workspace: an advisory lock that ends with the process that holds it.

`flock` on the file `lock` is the lock; the kernel frees it however its holder ends. What is written
in the file only tells people who holds it.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from specc.errors import WorkspaceError, disk_errors
from specc.steps import Frozen

PROBE_SECONDS = 0.2
"""How long a held lock is tried again before anybody is told: `specc status` holds it for a blink."""


NO_RUN = 0
"""Stands for `specc gc` in the place of the number of a run; a run's is positive."""


class Holder(Frozen):
    """Who holds the lock: its process, since when (UTC, ISO 8601), and the number of its run, or `NO_RUN`."""

    pid: int
    started: str
    run: int


class WorkspaceLock:
    """The lock of a workspace; a context that frees it."""

    def __init__(self, workspace: Path) -> None:
        self.path = workspace / "lock"
        with disk_errors(workspace):
            self.handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def __enter__(self) -> WorkspaceLock:
        return self

    def __exit__(self, *error: object) -> None:
        os.close(self.handle)

    def acquire(
        self,
        wait: bool,
        waiting: Callable[[Holder | None], None],
        give_up: Callable[[], bool],
    ) -> bool:
        """Take the lock.

        Args:
            wait: whether to wait for its holder to end.
            waiting: called once, if it has to be waited for.
            give_up: asked while waiting; once it is true, the wait ends.
        Returns:
            whether it was taken; False only if `give_up` said so.
        Raises:
            WorkspaceError: if it is held and `wait` is false.
        """
        told = False
        started = time.monotonic()
        while not self.try_once():
            if give_up():
                return False
            if not told and time.monotonic() - started > PROBE_SECONDS:
                holder = read_holder(self.path)
                if not wait:
                    raise WorkspaceError(
                        f"{described(holder)} works in {self.path.parent}",
                        "wait until it has ended, or name another workspace with `--workspace`",
                    )
                waiting(holder)
                told = True
            time.sleep(0.2 if told else 0.02)
        return True

    def try_once(self) -> bool:
        try:
            fcntl.flock(self.handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def sign(self, run: int) -> None:
        """Write who holds the lock."""
        holder = Holder(pid=os.getpid(), started=datetime.now(UTC).isoformat(timespec="seconds"), run=run)
        with disk_errors(self.path.parent):
            os.ftruncate(self.handle, 0)
            os.pwrite(self.handle, holder.model_dump_json().encode() + b"\n", 0)


def described(holder: Holder | None) -> str:
    """The holder of a lock in words."""
    if holder is None:
        return "another run"
    name = f"run {holder.run}" if holder.run != NO_RUN else "`specc gc`"
    return f"{name} (process {holder.pid}, since {holder.started})"


def read_holder(path: Path) -> Holder | None:
    """What a lock file says about its holder, or its last one."""
    try:
        text: dict[str, Any] = json.loads(path.read_bytes())
        return Holder.model_validate(text)
    except (OSError, ValueError):
        return None


def current_holder(workspace: Path) -> Holder | None:
    """Who holds the lock of a workspace now; None if nobody does."""
    path = workspace / "lock"
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return read_holder(path)
    finally:
        os.close(handle)
    return None
