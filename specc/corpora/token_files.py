"""Files of token ids that were made elsewhere: documents end at the end token.

A file is an array of integers: of numpy's format (.npy, one dimension), which says of what type they
are, or the plain numbers one after another, little-endian (.bin). Both may be compressed. What a file
is, its first bytes say. Two end tokens in a row, or one at the beginning, hold no document between them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from specc.corpora.compressed import open_data
from specc.corpora.documents import Document
from specc.errors import DataError, reason

PIECE = 1 << 20
"""Numbers that are read at once."""

LONGEST_HEADER = 1 << 16


def read_token_files(files: Sequence[Path], args: Mapping[str, Any]) -> Iterator[Document]:
    """A document for each run of ids between end tokens, in the order of the files.

    Raises:
        DataError: if a file holds something else, an id is not in the vocabulary, or it has no end token.
    """
    vocab, eos = args["vocab"], args["eos"]
    for path in files:
        with open_data(path) as file:
            yield from _documents(path, _pieces(path, file, args["dtype"]), vocab, eos)


def _documents(path: Path, pieces: Iterator[NDArray[Any]], vocab: int, eos: int) -> Iterator[Document]:
    begun: list[NDArray[np.uint32]] = []
    read = ended = 0
    for piece in pieces:
        beyond = np.flatnonzero((piece < 0) | (piece >= vocab))
        if len(beyond):
            place = int(beyond[0])
            raise DataError(
                f"{path} holds {piece[place]} at place {read + place:,}, which is no id of {vocab:,} tokens",
                "check `dtype` and `vocab`",
            )
        ids = piece.astype(np.uint32)
        ends = np.flatnonzero(ids == eos)
        first = 0
        for last in ends.tolist():
            begun.append(ids[first:last])
            yield from _document(begun)
            begun, first = [], last + 1
        begun.append(ids[first:])
        read += len(ids)
        ended += len(ends)
    if read and not ended:
        raise DataError(
            f"{path} has no token {eos}, at which documents end",
            "give the id of the end token with `eos`, and check `dtype`",
        )
    yield from _document(begun)


def _document(parts: Sequence[NDArray[np.uint32]]) -> Iterator[Document]:
    ids = np.concatenate(parts) if parts else np.zeros(0, dtype=np.uint32)
    if len(ids):
        yield Document(ids=ids.astype("<u4").tobytes())


def _pieces(path: Path, file: IO[bytes], dtype: str) -> Iterator[NDArray[Any]]:
    """The numbers of a file, a piece at a time.

    Raises:
        DataError: if it is not an array of integers.
    """
    start = file.read(8)
    left: int | None = None
    kind = np.dtype(dtype).newbyteorder("<")
    if start[:6] == b"\x93NUMPY":
        kind, left = _header(path, start, file)
        start = b""
    while True:
        wanted = max(PIECE * kind.itemsize - len(start), 0)
        data = start + file.read(wanted if left is None else min(wanted, left * kind.itemsize))
        start = b""
        if len(data) % kind.itemsize:
            raise DataError(
                f"{path} ends in the middle of a number of {kind.itemsize} bytes",
                "check `dtype`, and that the file is whole",
            )
        if not data:
            break
        piece = np.frombuffer(data, kind)
        if left is not None:
            left -= len(piece)
        yield piece
    if left:
        raise DataError(f"{path} is shorter than its header says", "check that the file is whole")


def _header(path: Path, start: bytes, file: IO[bytes]) -> tuple[np.dtype[Any], int]:
    """Type and number of the elements of a .npy file of one dimension."""
    short = start[6:7] == b"\x01"
    size = start + file.read(2 if short else 4)
    length = int.from_bytes(size[8:], "little")
    text = BytesIO(size[8:] + file.read(min(length, LONGEST_HEADER)))
    read = np.lib.format.read_array_header_1_0 if short else np.lib.format.read_array_header_2_0
    try:
        shape, _, kind = read(text)
        if any(size < 0 for size in shape):
            raise ValueError("its shape is negative")
    except Exception as error:  # the header is parsed as Python, and fails in many ways
        raise DataError(
            f"{path} can't be read as a .npy file: {reason(error)}", "check that it is whole"
        ) from error
    if len(shape) != 1 or kind.kind not in "iu":
        dimensions = "one dimension" if len(shape) == 1 else f"{len(shape)} dimensions"
        raise DataError(
            f"{path} is an array of {dimensions} of {kind}, not of one of integers",
            "save the ids of all documents one after another",
        )
    return kind, int(shape[0])
