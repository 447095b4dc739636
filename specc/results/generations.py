"""Published generations of the index: immutable files, and CURRENT that names the newest.

    index/lock                held (flock) by whoever updates the index
    index/build.duckdb        private to the holder of the lock
    index/gen/000123.duckdb   a published copy, never written again
    index/CURRENT             number of the newest copy, and its SHA-256

A reader opens the copy that CURRENT names. Names are never used for another content, because
DuckDB 2.0.0 can mix the content of a file that is replaced under its name while it is opened. The
last few copies are kept for readers that are about to open them.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from specc.errors import disk_errors
from specc.files import copy_file, file_digest, rename, sweep_aside, sync_file, sync_folder, write_atomic

_KEPT = 3
"""Generations that are kept."""

_COMPARED_BYTES = 64 << 20
"""Largest generation whose checksum is compared when it is opened."""


@contextmanager
def index_lock(workspace: Path, wait: bool) -> Iterator[bool]:
    """Hold the lock of the index; yields whether it is held, which with `wait` it always is.

    Raises:
        WorkspaceError: if the index can't be written to.
    """
    folder = workspace / "index"
    with disk_errors(folder):
        (folder / "gen").mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(handle)


def build_path(workspace: Path) -> Path:
    """The file that the holder of the lock works in."""
    return workspace / "index" / "build.duckdb"


def generation_path(workspace: Path, generation: int) -> Path:
    """The published file of a generation."""
    return workspace / "index" / "gen" / f"{generation:06}.duckdb"


def current(workspace: Path) -> int | None:
    """Number of the newest generation; None if nothing is published."""
    try:
        generation = int((workspace / "index" / "CURRENT").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return None
    return generation if generation_path(workspace, generation).exists() else None


def is_whole(workspace: Path, generation: int) -> bool:
    """Whether the file of the newest generation is what was published.

    Large ones are not read for that: DuckDB compares the checksum of each block that it needs.
    """
    path = generation_path(workspace, generation)
    try:
        number, *digest = (workspace / "index" / "CURRENT").read_text().split()
        if int(number) != generation or not digest or path.stat().st_size > _COMPARED_BYTES:
            return True
        return file_digest(path) == digest[0]
    except (OSError, ValueError):
        return True  # replaced by a newer one in the meantime


def newest(workspace: Path) -> int:
    """Highest number ever given to a generation that is still known of; 0 if there is none."""
    numbers = [
        int(path.stem) for path in (workspace / "index" / "gen").glob("*.duckdb") if path.stem.isdecimal()
    ]
    return max([*numbers, current(workspace) or 0])


def publish(workspace: Path, generation: int) -> None:
    """Publish a copy of the build file, which must be closed, and delete copies that are old.

    Raises:
        DiskFull, WorkspaceError: the last generation then stays the newest.
    """
    target = generation_path(workspace, generation)
    aside = target.with_suffix(".tmp")
    with disk_errors(target.parent):
        copy_file(build_path(workspace), aside)
        sync_file(aside)
        digest = file_digest(aside)
        rename(aside, target)
        sync_folder(target.parent)
    sweep_aside(workspace / "index")
    write_atomic(workspace / "index" / "CURRENT", f"{generation:06}\n{digest}\n")
    for path in target.parent.iterdir():
        stale = path.stem.isdecimal() and int(path.stem) <= generation - _KEPT
        if stale or path.suffix == ".tmp":
            path.unlink(missing_ok=True)


def set_aside(workspace: Path) -> None:
    """Move a build file that can't be used out of the way; the last one is kept to look into.

    Raises:
        DiskFull, DiskFailed, WorkspaceError: if it can't be moved.
    """
    path = build_path(workspace)
    with disk_errors(path.parent):
        for suffix in ("", ".wal"):
            if os.path.exists(f"{path}{suffix}"):
                rename(Path(f"{path}{suffix}"), Path(f"{path}.aside{suffix}"))
