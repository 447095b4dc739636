"""One-dimensional .npy files that grow while they are written."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

BUFFERED = 1 << 18
"""Elements that are held in memory before they are written."""


class GrowingArray:
    """Appends to a .npy file in bounded memory; its header is completed on closing.

    numpy pads the header so that its size does not depend on the length.
    """

    def __init__(self, path: Path, dtype: DTypeLike) -> None:
        self.dtype = np.dtype(dtype)
        self.length = 0
        self._file: BinaryIO = open(path, "wb")  # noqa: SIM115 - closed by `close`
        self._parts: list[Any] = []
        self._pending = 0
        self._write_header()

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

    def close(self) -> None:
        self._flush()
        self._file.seek(0)
        self._write_header()
        self._file.close()


class GrowingArrays:
    """Several arrays that are closed together, by name.

    Args:
        parts: name, file name without its ending, and type of each.
    """

    def __init__(self, folder: Path, parts: Iterable[tuple[str, str, DTypeLike]]) -> None:
        self.arrays = {name: GrowingArray(folder / f"{file}.npy", dtype) for name, file, dtype in parts}

    def __getitem__(self, name: str) -> GrowingArray:
        return self.arrays[name]

    def __enter__(self) -> GrowingArrays:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for array in self.arrays.values():
            array.close()
