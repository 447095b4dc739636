"""Published generations of the index: immutable files, and CURRENT that names the newest.

    index/lock                held (flock) by whoever updates the index
    index/build.duckdb        private to the holder of the lock
    index/gen/000123.duckdb   a published copy, never written again
    index/CURRENT             number of the newest copy, its CRC-32, and when it was written
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
from functools import cache
from itertools import pairwise
from pathlib import Path

from specc.errors import disk_errors
from specc.files import copy_file, file_checksum, rename, sweep_aside, sync_file, sync_folder, write_atomic

_KEPT = 3
"""Generations that are kept."""

_KEPT_SECONDS = 5.0
"""How long a generation is kept after the next one came, for readers that are about to open it."""

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
    """Whether the file of the newest generation is what was published, and nobody has written beside it."""
    if _log_beside(generation_path(workspace, generation)).exists():
        return False  # a program that had it open for writing was killed: DuckDB would replay what it wrote
    published = _published(workspace)
    if published is None or published[0] != generation:
        return True  # replaced by a newer one in the meantime, or told by an earlier specc
    return _is_same(generation_path(workspace, generation), published)


def is_as_published(workspace: Path) -> bool:
    """Whether the build file is, byte for byte, what was published last: then it is not damaged.

    It may also be another because a process was killed before it could publish.
    """
    published = _published(workspace)
    return published is not None and _is_same(build_path(workspace), published)


def _log_beside(path: Path) -> Path:
    """Where DuckDB keeps what was written and is not in the file yet."""
    return path.with_name(f"{path.name}.wal")


def _published(workspace: Path) -> tuple[int, str, list[str]] | None:
    """Number and checksum of the newest generation, and the signatures of its file and the build file."""
    try:
        number, checksum, *signatures = (workspace / "index" / "CURRENT").read_text().split()
        return int(number), checksum, signatures
    except (OSError, ValueError):
        return None


def _is_same(path: Path, published: tuple[int, str, list[str]]) -> bool:
    """Whether a file is what was published; it is only read if it may have been changed since."""
    _, checksum, signatures = published
    try:
        return _signature(path) in signatures or file_checksum(path) == checksum
    except OSError:
        return False


def _signature(path: Path) -> str:
    """What changes when a file is written to, or replaced; and when the machine starts again, as it may
    have lost power before all was written."""
    found = path.stat()
    return f"{_start()}:{found.st_ino}:{found.st_size}:{found.st_mtime_ns}"


@cache
def _start() -> str:
    """Name of this start of the machine; where it has none, this process' own."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return f"{os.getpid()}-{time.time_ns()}"


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
        if aside.stat().st_size <= _FLUSHED_BYTES:
            sync_file(aside)
        checksum = file_checksum(aside)
        rename(aside, target)
        sync_folder(target.parent)
    sweep_aside(workspace / "index")
    told = (f"{generation:06}", checksum, _signature(target), _signature(build_path(workspace)))
    write_atomic(workspace / "index" / "CURRENT", "\n".join(told) + "\n")
    point_to(workspace, generation)
    _delete_old(target.parent, generation)


def _delete_old(folder: Path, newest: int) -> None:
    """Delete what no reader can still be about to open, and what a killed process has left."""
    for left in folder.glob("*.tmp"):
        # Another name of a generation that is kept may be that of a reader who is just opening it.
        of, _, reader = left.stem.partition(".")
        opening = bool(reader) and of.isdecimal() and int(of) > newest - _KEPT
        if not opening and not left.is_dir():  # else there lies what a reader's query has no memory for
            left.unlink(missing_ok=True)
    numbers = sorted(int(path.stem) for path in folder.glob("*.duckdb") if path.stem.isdecimal())
    for number, successor in pairwise(numbers):
        if number > newest - _KEPT:
            break
        came = (folder / f"{successor:06}.duckdb").stat().st_mtime
        if abs(time.time() - came) > _KEPT_SECONDS:
            (folder / f"{number:06}.duckdb").unlink(missing_ok=True)
            _log_beside(folder / f"{number:06}.duckdb").unlink(missing_ok=True)


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
