"""File operations that survive a crash: written aside, flushed to disk, renamed once."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from specc.errors import disk_errors


def write_atomic(path: Path, data: bytes | str) -> None:
    """Replace a file's content so that a reader sees the old or the new, never a part.

    Raises:
        DiskFull, WorkspaceError: if it can't be written; the old content is then intact.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with disk_errors(path.parent):
        try:
            with open(aside, "wb") as file:
                file.write(data.encode() if isinstance(data, str) else data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(aside, path)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def sync_file(path: Path) -> None:
    """Flush a file that was written by another library to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(path: Path) -> None:
    """Flush a folder's entries to disk, so that a rename in it is durable."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def file_digest(path: Path | str) -> str:
    """SHA-256 of a file's content, as 64 hex digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
