"""One-dimensional .npy files that grow while they are written."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from specc.files import sync_file

BUFFERED = 1 << 18
"""Elements that are held in memory before they are written."""


class GrowingArray:
    """Appends to a .npy file in bounded memory; its header is completed on closing.

    numpy pads the header so that its size does not depend on the length.

    Args:
        length: elements of an existing file to go on behind; what lies beyond them is cut off.
    Raises:
        OSError: if the file to go on with is not there, or is shorter.
    """

    def __init__(self, path: Path, dtype: DTypeLike, length: int = 0) -> None:
        self.path = path
        self.dtype = np.dtype(dtype)
        self.length = length
        self._parts: list[Any] = []
        self._pending = 0
        self._file: BinaryIO = open(path, "r+b" if length else "wb")  # noqa: SIM115 - closed by `close`
        self._write_header()
        if length:
            end = self._file.tell() + length * self.dtype.itemsize
            if self._file.seek(0, os.SEEK_END) < end:
                self._file.close()
                raise OSError(f"{path} is shorter than it was")
            self._file.truncate(end)
            self._file.seek(end)

    def _write_header(self) -> None:
        np.lib.format.write_array_header_1_0(
            self._file,
            {"descr": self.dtype.str, "fortran_order": False, "shape": (self.length,)},
        )

    def extend(self, values: ArrayLike) -> None:
        """Append values, which are converted to the file's type."""
        part = np.asarray(values, dtype=self.dtype)
        self._parts.append(part)
        self._pending += len(part)
        self.length += len(part)
        if self._pending >= BUFFERED or len(self._parts) >= BUFFERED // 64:
            self._flush()

    def append(self, value: int) -> None:
        self.extend((value,))

    def _flush(self) -> None:
        if self._parts:
            self._file.write(np.concatenate(self._parts).tobytes())
            self._parts.clear()
            self._pending = 0

    def sync(self) -> None:
        """Write what is pending, down to the disk."""
        self._flush()
        self._file.flush()
        sync_file(self.path)

    def close(self) -> None:
        self._flush()
        self._file.seek(0)
        self._write_header()
        self._file.close()


class GrowingArrays:
    """Several arrays that are closed together, by name.

    Args:
        parts: name, file name without its ending, and type of each.
        lengths: of arrays to go on with, by file name; see `GrowingArray`.
    """

    def __init__(
        self,
        folder: Path,
        parts: Iterable[tuple[str, str, DTypeLike]],
        lengths: Mapping[str, int] | None = None,
    ) -> None:
        lengths = lengths or {}
        self.arrays: dict[str, GrowingArray] = {}
        try:
            for name, file, dtype in parts:
                self.arrays[name] = GrowingArray(folder / f"{file}.npy", dtype, lengths.get(file, 0))
        except BaseException:
            self.close()
            raise

    def __getitem__(self, name: str) -> GrowingArray:
        return self.arrays[name]

    def lengths(self) -> dict[str, int]:
        """Length of each array, by file name."""
        return {array.path.stem: array.length for array in self.arrays.values()}

    def sync(self) -> None:
        """Write what is pending, down to the disk."""
        for array in self.arrays.values():
            array.sync()

    def __enter__(self) -> GrowingArrays:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Complete every array."""
        for array in self.arrays.values():
            array.close()
