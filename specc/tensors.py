"""Safetensors files without torch: what is in them, and their tensors as bytes.

The format is a header's size in 8 bytes, little-endian, the header in JSON, and the data:
https://github.com/huggingface/safetensors#format.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from specc.errors import DataError, reason

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FLOATS = {"float32": "F32", "bfloat16": "BF16", "float16": "F16"}
"""Types of weights that are converted into each other, and their names in the format."""

BYTES = {
    "F64": 8,
    "I64": 8,
    "U64": 8,
    "F32": 4,
    "I32": 4,
    "U32": 4,
    "BF16": 2,
    "F16": 2,
    "I16": 2,
    "U16": 2,
    "I8": 1,
    "U8": 1,
    "BOOL": 1,
}
"""Bytes of an element of each type that is read."""

CHUNK = 1 << 22
"""Elements that are converted at a time."""

LARGEST_HEADER = 100_000_000
"""Bytes; the format allows no longer header."""


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """A tensor in a file; `start` is where its bytes begin."""

    path: Path
    dtype: str
    shape: tuple[int, ...]
    start: int

    @property
    def elements(self) -> int:
        return math.prod(self.shape)

    def raw(self, first: int, last: int) -> NDArray[np.uint8]:
        """Bytes of the elements [first, last)."""
        import numpy as np

        size = BYTES[self.dtype]
        return np.fromfile(
            self.path, dtype=np.uint8, count=(last - first) * size, offset=self.start + first * size
        )


def read_header(path: Path) -> dict[str, StoredTensor]:
    """Tensors of a file by name, in the order of its header.

    Raises:
        DataError: if it can't be read as safetensors.
    """
    try:
        with open(path, "rb") as file:
            length = path.stat().st_size
            size = int.from_bytes(file.read(8), "little")
            if size > min(length, LARGEST_HEADER):
                raise ValueError("it is cut off")
            header = json.loads(file.read(size))
        found = {}
        for name, tensor in header.items():
            if name != "__metadata__":
                begin, end = tensor["data_offsets"]
                stored = StoredTensor(path, tensor["dtype"], tuple(tensor["shape"]), 8 + size + begin)
                if end - begin != stored.elements * BYTES.get(stored.dtype, 0) or 8 + size + end > length:
                    raise ValueError(f"`{name}` is cut off, or of an unknown type")
                found[name] = stored
        return found
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(
            f"{path} can't be read as safetensors: {reason(error)}", "fetch the checkpoint again"
        ) from error


def converted(tensor: StoredTensor, dtype: str) -> Iterator[bytes]:
    """The tensor's bytes in another type of `FLOATS`, a piece at a time; integers stay as they are.

    To bfloat16 is rounded to nearest, ties to even, as torch does.
    """
    for first in range(0, tensor.elements, CHUNK):
        raw = tensor.raw(first, min(first + CHUNK, tensor.elements))
        wanted = FLOATS[dtype]
        if tensor.dtype == wanted or tensor.dtype not in ("F64", *FLOATS.values()):
            yield raw.tobytes()
        else:
            yield _narrowed(_widened(raw, tensor.dtype), wanted).tobytes()


def _widened(raw: NDArray[np.uint8], dtype: str) -> NDArray[np.float32]:
    import numpy as np

    if dtype == "BF16":
        return (raw.view(np.uint16).astype(np.uint32) << np.uint32(16)).view(np.float32)
    kinds: dict[str, Any] = {"F64": np.float64, "F32": np.float32, "F16": np.float16}
    values: NDArray[np.float32] = raw.view(kinds[dtype]).astype(np.float32)
    return values


def _narrowed(values: NDArray[np.float32], dtype: str) -> NDArray[Any]:
    import numpy as np

    if dtype == "F32":
        return values
    if dtype == "F16":
        with np.errstate(over="ignore"):
            return values.astype(np.float16)
    bits = values.view(np.uint32)
    even = (bits >> np.uint32(16)) & np.uint32(1)
    rounded = ((bits + even + np.uint32(0x7FFF)) >> np.uint32(16)).astype(np.uint16)
    return np.where(np.isnan(values), np.uint16(0x7FC0), rounded)


def stored_as(tensor: StoredTensor, dtype: str) -> str:
    """The type in the format that a tensor has after `converted`."""
    return FLOATS[dtype] if tensor.dtype in ("F64", *FLOATS.values()) else tensor.dtype


def write_tensors(path: Path, tensors: Mapping[str, StoredTensor], dtype: str) -> None:
    """Write tensors into one file, floats as `dtype`, in the memory of a piece of one."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name, tensor in tensors.items():
        kind = stored_as(tensor, dtype)
        end = offset + tensor.elements * BYTES[kind]
        header[name] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for tensor in tensors.values():
            for piece in converted(tensor, dtype):
                file.write(piece)


def common_type(tensors: Iterable[StoredTensor]) -> str:
    """The type of `FLOATS` that most weights have; float32 if they have another."""
    counted = dict.fromkeys(FLOATS.values(), 0)
    for tensor in tensors:
        if tensor.dtype in counted:
            counted[tensor.dtype] += tensor.elements
    most = max(counted, key=lambda kind: counted[kind])
    return next(name for name, kind in FLOATS.items() if kind == most)
