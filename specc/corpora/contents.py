"""Content of source files: opened safely, decoded strictly, identified by digest."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Sequence
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple

from specc.canonical import digest
from specc.errors import DataError, reason

BOM = b"\xef\xbb\xbf"
"""What may stand before a text in UTF-8."""


class Content(NamedTuple):
    """A file by its content: SHA-256 in 64 hex digits, and where it lies now."""

    sha256: str
    path: Path


def open_regular(path: Path) -> BufferedReader:
    """Open a file for reading; a pipe or device is refused instead of waited for.

    Raises:
        DataError: if it is not there, not a regular file, or can't be read.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise DataError(
            f"{path} can't be read: {reason(error)}",
            "check that it is there and its permissions",
        ) from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise DataError(
            f"{path} is not a regular file", "a corpus is read from files, not from folders, pipes or devices"
        )
    return open(handle, "rb")


def read_bytes(path: Path) -> bytes:
    """A file's whole content.

    Raises:
        DataError: as `open_regular`.
    """
    with open_regular(path) as file:
        return file.read()


def by_content(files: Sequence[Path | str]) -> list[Content]:
    """Files in the order of their digests, which does not depend on where they lie.

    Raises:
        DataError: if a file can't be read.
    """
    contents = []
    for path in map(Path, files):
        with open_regular(path) as file:
            contents.append(Content(hashlib.file_digest(file, "sha256").hexdigest(), path))
    return sorted(contents)


def combined(contents: Sequence[Content]) -> str:
    """Digest over the sorted digests of files; "" for no files. Names and places don't count."""
    return digest(sorted(content.sha256 for content in contents)) if contents else ""


def fingerprint(files: Sequence[Path | str]) -> str:
    """Fingerprint of the files of a corpus, read now; "" for none.

    Raises:
        DataError: if a file can't be read.
    """
    return combined(by_content(files))


def decode(data: bytes, path: Path, offset: int = 0) -> str:
    """Text in strict UTF-8; a byte-order mark at the start of the file is removed.

    Args:
        offset: bytes of the file that lie before `data`.
    Raises:
        DataError: if it is binary (has a zero byte) or not UTF-8, with the offset in bytes.
    """
    if offset == 0 and data.startswith(BOM):
        data, offset = data[len(BOM) :], len(BOM)
    zero = data.find(b"\0")
    if zero >= 0:
        raise DataError(
            f"{path} is binary: byte {offset + zero} is zero",
            "leave it out with `exclude`; if it is text in UTF-16, convert it to UTF-8",
        )
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not UTF-8: byte {offset + error.start} is 0x{data[error.start]:02x}",
            "convert it, for instance with `iconv -f latin1 -t utf-8`, or leave it out with `exclude`",
        ) from error
