"""Published generations of the index: immutable files, and CURRENT that names the newest.

    index/lock                held (flock) by whoever updates the index
    index/build.duckdb        private to the holder of the lock
    index/gen/000123.duckdb   a published copy, never written again
    index/CURRENT             number of the newest copy, and its CRC-32
    results.duckdb            link to the newest copy, for people and other programs

A reader opens the copy that CURRENT names. Names are never used for another content, because
DuckDB 2.0.0 can mix the content of a file that is replaced under its name while it is opened. It
follows a link once, before it opens anything, so that the link is as safe as the name it leads to. The
last few copies are kept for readers that are about to open them.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path

from specc.errors import disk_errors
from specc.files import copy_file, file_checksum, rename, sweep_aside, sync_file, sync_folder, write_atomic

_KEPT = 3
"""Generations that are kept."""

_KEPT_SECONDS = 5.0
"""How long a generation is kept after the next one came, for readers that are about to open it."""

_COMPARED_BYTES = 256 << 20
"""Largest generation whose checksum is compared when it is opened."""

_FLUSHED_BYTES = 16 << 20
"""Largest generation that is flushed before it is published. A larger one, made anew every second or two
of a run, would write a disk full of copies that are deleted moments later; if power fails in between, its
checksum tells."""


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
        number, *checksum = (workspace / "index" / "CURRENT").read_text().split()
        if int(number) != generation or not checksum or path.stat().st_size > _COMPARED_BYTES:
            return True
        return file_checksum(path) == checksum[0]
    except (OSError, ValueError):
        return True  # replaced by a newer one in the meantime


def is_as_published(workspace: Path) -> bool:
    """Whether the build file is, byte for byte, what was published last: then it is not damaged.

    It may also be another because a process was killed before it could publish. Large ones are not read
    for that: see `is_whole`.
    """
    path = build_path(workspace)
    try:
        _, *checksum = (workspace / "index" / "CURRENT").read_text().split()
        if path.stat().st_size > _COMPARED_BYTES:
            return True
        return checksum == [file_checksum(path)]
    except (OSError, ValueError):
        return False


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
        if not _FLUSHED_BYTES < aside.stat().st_size <= _COMPARED_BYTES:
            sync_file(aside)
        checksum = file_checksum(aside)
        rename(aside, target)
        sync_folder(target.parent)
    sweep_aside(workspace / "index")
    write_atomic(workspace / "index" / "CURRENT", f"{generation:06}\n{checksum}\n")
    point_to(workspace, generation)
    _delete_old(target.parent, generation)


def _delete_old(folder: Path, newest: int) -> None:
    """Delete what no reader can still be about to open, and what a killed process has left."""
    for left in folder.glob("*.tmp"):
        left.unlink(missing_ok=True)
    numbers = sorted(int(path.stem) for path in folder.glob("*.duckdb") if path.stem.isdecimal())
    for number, successor in pairwise(numbers):
        if number > newest - _KEPT:
            break
        came = (folder / f"{successor:06}.duckdb").stat().st_mtime
        if abs(time.time() - came) > _KEPT_SECONDS:
            (folder / f"{number:06}.duckdb").unlink(missing_ok=True)


def stable_path(workspace: Path) -> Path:
    """The path under which people and other programs find the newest results."""
    return workspace / "results.duckdb"


def point_to(workspace: Path, generation: int) -> Path:
    """Let the stable path lead to a generation, at once; returns the path to give to people.

    That is the generation's own where the link can't be made: on a file system without links, where one
    may not write, or where something else has that name.
    """
    link, target = stable_path(workspace), generation_path(workspace, generation)
    wanted = os.path.relpath(target, workspace)
    if link.is_symlink() or not link.exists():
        aside = workspace / "index" / f".results.{os.getpid()}.tmp"
        with suppress(OSError):
            if not (link.is_symlink() and os.readlink(link) == wanted):
                aside.unlink(missing_ok=True)
                aside.symlink_to(wanted)
                os.replace(aside, link)
    return link if link.is_symlink() and link.exists() else target


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
