"""Arrays in files, named and mapped: safetensors and .npy, as plain data.

A safetensors file begins with its header's size (8 bytes, little-endian) and the header in JSON:
https://github.com/huggingface/safetensors#format.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

TYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "u1",
    "BOOL": "u1",
}
"""Types of safetensors that are compared as numbers; bfloat16 is widened by `as_numbers`."""

PIECE = 1 << 22
"""Elements that are held in memory at once."""


def read_arrays(path: Path) -> dict[str, tuple[str, tuple[int, ...], NDArray[Any]]]:
    """Name -> type, shape and flat elements, in the order of the file.

    A type that is not in `TYPES` is given as bytes.

    Raises:
        ValueError, KeyError, TypeError, OSError: if the file is none.
    """
    if path.suffix == ".npy":
        array = np.load(path, mmap_mode=None if path.stat().st_size < PIECE else "r", allow_pickle=False)
        return {"": (str(array.dtype), array.shape, array.reshape(-1))}
    with open(path, "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        if size > path.stat().st_size:
            raise ValueError("it is cut off")
        header = json.loads(file.read(size))
    content: NDArray[np.uint8] = np.memmap(path, np.uint8, "r")
    found = {}
    named = ((name, entry) for name, entry in header.items() if name != "__metadata__")
    for name, entry in sorted(named, key=lambda item: tuple(item[1]["data_offsets"])):
        begin, end = (8 + size + offset for offset in entry["data_offsets"])
        flat = content[begin:end].view(TYPES.get(entry["dtype"], "u1"))
        found[name] = (entry["dtype"], tuple(entry["shape"]), flat)
    return found


def as_numbers(kind: str, flat: NDArray[Any]) -> NDArray[np.float64]:
    """Elements as float64; bfloat16 is the upper half of a float32."""
    if kind == "BF16":
        flat = (flat.astype(np.uint32) << 16).view(np.float32)
    return flat.astype(np.float64)


def largest_difference(kind: str, a: NDArray[Any], b: NDArray[Any]) -> tuple[float, float] | None:
    """Largest difference of two flat arrays of one type and size, and that over the largest magnitude in `a`.

    None if their bits are the same. A number against none (NaN, infinity) is infinitely far.
    """
    same, most, scale = True, 0.0, 0.0
    for x, y in pieces(a, b):
        if x.tobytes() == y.tobytes():
            scale = max(scale, _magnitude(as_numbers(kind, x)))
            continue
        same = False
        left, right = as_numbers(kind, x), as_numbers(kind, y)
        with np.errstate(invalid="ignore"):
            gap = np.abs(left - right)
        alike = (left == right) | (np.isnan(left) & np.isnan(right))
        most = max(most, float(np.where(alike, 0.0, np.nan_to_num(gap, nan=np.inf)).max()))
        scale = max(scale, _magnitude(left))
    if same:
        return None
    return most, most / scale if scale > 0 else np.inf if most > 0 else 0.0


def _magnitude(values: NDArray[np.float64]) -> float:
    finite = np.abs(values[np.isfinite(values)])
    return float(finite.max()) if finite.size else 0.0


def pieces(a: NDArray[Any], b: NDArray[Any]) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    for first in range(0, len(a), PIECE):
        yield a[first : first + PIECE], b[first : first + PIECE]
