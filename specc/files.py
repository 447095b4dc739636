"""File operations that survive a crash: written aside, flushed to disk, renamed once.

Whatever must be there whole or not at all goes through here, so that a test can count the operations
and let any of them fail (`specc.faults`). Nothing is watched unless somebody asks for it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Literal

from specc.errors import WorkspaceError, disk_errors, reason

Kind = Literal["write", "append", "sync", "rename", "folder", "remove"]
"""What an operation does: fill a new file, add to one, flush, rename, make a folder, remove something."""

Watcher = Callable[[Kind, Path], AbstractContextManager[None]]
"""Put around every operation on a path."""

_watcher: Watcher | None = None


def watch(watcher: Watcher | None) -> None:
    """Put a context around every file operation of this process; None ends that."""
    global _watcher
    _watcher = watcher


@contextmanager
def operation(kind: Kind, path: Path) -> Iterator[None]:
    """One operation on a path, for what another library or a plain write does to it."""
    if _watcher is None:
        yield
    else:
        with _watcher(kind, path):
            yield


def write_file(path: Path, data: bytes | str) -> None:
    """Fill a file, unflushed: for folders that are there whole or not at all."""
    with operation("write", path):
        path.write_bytes(data.encode() if isinstance(data, str) else data)


def write_atomic(path: Path, data: bytes | str, advice: str | None = None) -> None:
    """Replace a file's content so that a reader sees the old or the new, never a part.

    Args:
        advice: what to do where nothing may be written; None for what fits a workspace.
    Raises:
        DiskFull, DiskFailed, WorkspaceError: if it can't be written, or made durable; a reader still
            sees the old content, or all of the new.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with disk_errors(path.parent) if advice is None else disk_errors(path.parent, advice):
        try:
            write_file(aside, data)
            sync_file(aside)
            rename(aside, path)
            sync_folder(path.parent)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise


def write_named(path: Path, data: bytes | str, advice: str) -> None:
    """Write a file that a person names, whole or not at all; folders above it are made.

    A link goes on pointing where it does, and a device or pipe (`/dev/null`) is written to, not replaced.

    Args:
        advice: what to do where it can't be written.
    Raises:
        DiskFull, DiskFailed, WorkspaceError: if it can't be written.
    """
    target = Path(os.path.realpath(path))
    try:
        if target.is_dir():
            raise WorkspaceError(f"`{path}` is a folder", advice)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists() and not target.is_file():
            with disk_errors(target, advice):
                write_file(target, data)
        else:
            write_atomic(target, data, advice)
    except OSError as error:
        raise WorkspaceError(f"can't write `{path}`: {reason(error)}", advice) from error


def sweep_aside(folder: Path) -> None:
    """Remove what `write_atomic` left in a folder when its process was killed."""
    for left in folder.glob(".*.tmp"):
        left.unlink(missing_ok=True)


def copy_file(source: Path, target: Path) -> None:
    """Copy a file's content, unflushed."""
    with operation("write", target):
        shutil.copyfile(source, target)


def make_folder(path: Path) -> None:
    """Make a folder that is not there yet.

    Raises:
        FileExistsError: if it is.
    """
    with operation("folder", path):
        path.mkdir()


def rename(source: Path, target: Path) -> None:
    """Rename a file or a folder at once; it is durable when the folder around it has been flushed.

    A file replaces one of the new name, a folder an empty one.
    """
    with operation("rename", target):
        os.replace(source, target)


def remove_folder(path: Path) -> None:
    """Remove a folder with all that is in it."""
    with operation("remove", path):
        shutil.rmtree(path)


def sync_file(path: Path) -> None:
    """Flush a file to disk.

    An error must be the end of whatever the file was written for: the kernel reports it once, and
    forgets what it could not write.
    """
    with operation("sync", path):
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def sync_folder(path: Path) -> None:
    """Flush a folder's entries to disk, so that a rename in it is durable."""
    with operation("sync", path):
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def file_digest(path: Path | str) -> str:
    """SHA-256 of a file's content, as 64 hex digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_checksum(path: Path | str) -> str:
    """CRC-32 of a file's content, as 8 hex digits: tells damage, not intent, at a third of the time."""
    found = 0
    with open(path, "rb") as file:
        while part := file.read(1 << 20):
            found = zlib.crc32(part, found)
    return f"{found:08x}"


if "SPECC_FAULT" in os.environ:
    import specc.faults  # noqa: F401 - installs the fault that the variable names
