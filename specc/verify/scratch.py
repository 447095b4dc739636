"""A scratch workspace inside a workspace, in which steps are done again and nothing is published.

It lies under `work/`, its store holds links to the inputs, and it is removed at the end. One whose
process was killed is removed by the next.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from specc.errors import disk_errors
from specc.store import Store

PREFIX = "verify-"
LOCK = "verifying"
"""Held (flock) by the process that works in the folder."""


@contextmanager
def scratch_store(store: Store) -> Iterator[Store]:
    """An empty store in a folder of its own, which is removed at the end.

    Raises:
        DiskFull, WorkspaceError: if the folder can't be made.
    """
    parent = store.workspace / "work"
    with disk_errors(store.workspace):
        parent.mkdir(exist_ok=True)
        remove_left(parent)
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        with disk_errors(store.workspace):
            for name in ("store", "work"):
                (folder / name).mkdir()
        yield Store(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def remove_left(parent: Path) -> None:
    """Remove scratch folders whose process is gone."""
    for folder in parent.glob(f"{PREFIX}*"):
        try:
            handle = os.open(folder / LOCK, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            continue  # not yet locked: just being made
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            pass
        finally:
            os.close(handle)


def link_input(scratch: Store, store: Store, key: str) -> None:
    """Let a step in the scratch store find a finished step of the real one."""
    target = scratch.path(key)
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(store.path(key).absolute(), target_is_directory=True)
