"""Files that are compressed by gzip or Zstandard, read as if they were not.

What a file is, its first bytes say; its name has no part in it. No text in UTF-8 begins like either.
Compressed data can be made that unpacks to any size, so what comes out of a file is bounded by its size.
"""

from __future__ import annotations

import io
import os
import zlib
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Protocol

from specc.corpora.contents import open_regular
from specc.errors import DataError, reason

MOST_EXPANSION = 200
"""Most bytes that a byte of a file may unpack to. Text has 3 to 10, the most repetitive logs 100."""

FREE_BYTES = 64 << 20
"""What any file may unpack to, whatever its size."""

LONGEST_WINDOW = 1 << 27
"""Most bytes that a Zstandard file may ask to be kept in memory; what its own tool allows."""

BUFFER = 1 << 18

PACKED = 1 << 12
"""Bytes that are unpacked at once: Zstandard makes at most 2^15 times as many of them."""


FRAME = b"\x28\xb5\x2f\xfd"
"""What a frame of Zstandard begins with."""

SKIPPED = b"\x2a\x4d\x18"
"""What comes behind the first byte of a frame that is to be skipped."""


class _Source(Protocol):
    """What gives the bytes of a file, unpacked."""

    def read(self, size: int, /) -> bytes: ...


def open_data(path: Path) -> IO[bytes]:
    """Open a file of data; a compressed one is unpacked as it is read.

    Raises:
        DataError: if it can't be opened; and on reading, if it is damaged or unpacks to too much.
    """
    file = open_regular(path)
    try:
        unpacked = _unpacked(file)
        if unpacked is None:
            return file
        size = os.fstat(file.fileno()).st_size
        return io.BufferedReader(_Bounded(file, unpacked, path, size), BUFFER)
    except BaseException:
        file.close()
        raise


def read_data(path: Path) -> bytes:
    """A file's whole content, unpacked.

    Raises:
        DataError: as `open_data`.
    """
    with open_data(path) as file:
        return file.read()


def _unpacked(file: io.BufferedReader) -> _Source | None:
    """What unpacks a file; None for one that is not compressed."""
    start = file.peek(4)[:4]
    if start[:3] == b"\x1f\x8b\x08":
        import gzip

        return gzip.GzipFile(fileobj=file, mode="rb")
    return _Zstandard(file) if start == FRAME or _begins_skipped(file) else None


def _begins_skipped(file: io.BufferedReader) -> bool:
    """Whether a file begins with a frame to be skipped, as those of pzstd do, and goes on with another.

    RFC 8878, section 3.1.2: such a frame is one of 16 numbers, the size of its content, and the content.
    """
    start = file.peek(BUFFER)
    if len(start) < 8 or start[1:4] != SKIPPED:
        return False
    after = 8 + int.from_bytes(start[4:8], "little")
    following = start[after : after + 4]
    return start[0] & 0xF0 == 0x50 and (len(following) < 4 or following == FRAME or following[1:] == SKIPPED)


class _Zstandard:
    """Unpacks frames one after another.

    The library's own reader takes a file that was cut off for one that has ended.
    """

    def __init__(self, file: IO[bytes]) -> None:
        import zstandard

        self._file = file
        self._decompressor = zstandard.ZstdDecompressor(max_window_size=LONGEST_WINDOW)
        self._frame: Any = None
        self._ready = bytearray()

    def read(self, size: int, /) -> bytes:
        while not self._ready:
            packed = self._file.read(PACKED)
            if not packed:
                if self._frame is not None:
                    raise EOFError("it was cut off")
                return b""
            while packed:
                if self._frame is None:
                    self._frame = self._decompressor.decompressobj()
                self._ready += self._frame.decompress(packed)
                packed = b""
                if self._frame.eof:
                    packed, self._frame = self._frame.unused_data, None
        data = bytes(self._ready[:size])
        del self._ready[:size]
        return data


class _Bounded(io.RawIOBase):
    """Unpacks a file, up to what its size allows."""

    def __init__(self, file: IO[bytes], source: _Source, path: Path, size: int) -> None:
        self._file = file
        self._source = source
        self._path = path
        self._left = max(FREE_BYTES, size * MOST_EXPANSION)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]  # `io` gives no other
        try:
            data = self._source.read(len(buffer))
        except (OSError, EOFError, zlib.error) as error:
            raise self._damaged(error) from error
        except Exception as error:
            if type(error).__name__ != "ZstdError":
                raise
            raise self._damaged(error) from error
        self._left -= len(data)
        if self._left < 0:
            raise DataError(
                f"{self._path} unpacks to more than {MOST_EXPANSION} times its size",
                "no text is that repetitive; if it is meant so, unpack it yourself",
            )
        buffer[: len(data)] = data
        return len(data)

    def _damaged(self, error: Exception) -> DataError:
        return DataError(
            f"{self._path} can't be unpacked: {reason(error)}",
            "check that the file is whole, for instance with `gzip -t` or `zstd -t`",
        )

    def close(self) -> None:
        if not self.closed:
            with suppress(Exception):
                self._file.close()
        super().close()
