"""Texts that are read a piece at a time: a file of a gigabyte is one document, and never in memory.

A long text is read three times: to check and measure it, for its id, which begins with its length, and
for its tokens. Tokens are made of pieces where the tokenizer says at which places a text may be cut so that
the pieces' ids, one after another, are those of the whole; where it knows none, the text is read whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from specc.corpora.compressed import open_data, read_data
from specc.corpora.contents import BOM, decode
from specc.corpora.documents import Document

LONG_BYTES = 16 << 20
"""Size from which a text is long."""

READ_BYTES = 1 << 20
"""Bytes that are read at once."""

PIECE_CHARACTERS = 1 << 18
"""Characters of a piece, at least, but for the last."""


@dataclass(frozen=True, slots=True)
class LongText(Document):
    """A document that is the text of a file; `text` is empty, and `parts` reads it whole.

    Attributes:
        identity: what `document_id` says of it. length: bytes of its text, without a byte-order mark.
    """

    path: Path = Path()
    identity: str = ""
    length: int = 0

    @property
    def parts(self) -> tuple[str, ...]:
        return (decode(read_data(self.path), self.path),)

    @property
    def size(self) -> int:
        return self.length

    @property
    def bytes(self) -> int:
        return self.length


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a long text, in order; `last` for the one that ends it."""

    text: str
    identity: str
    last: bool


def content_of(path: Path) -> bytes | LongText:
    """The content of a file, unpacked, or what stands for it if it is long.

    Raises:
        DataError: if it is long, and binary or not UTF-8; if it can't be read or unpacked.
    """
    with open_data(path) as file:
        data = file.read(LONG_BYTES + 1)
        if len(data) <= LONG_BYTES:
            return data
        del data
    length = sum(len(text.encode()) for text in texts(path))
    content = hashlib.sha256(b"text %d:" % length)
    for text in texts(path):
        content.update(text.encode())
    return LongText(path=path, identity=content.hexdigest(), length=length)


def texts(path: Path) -> Iterator[str]:
    """The text of a file, decoded as it is read.

    Raises:
        DataError: as `specc.corpora.contents.decode`.
    """
    offset, held = 0, b""
    with open_data(path) as file:
        while data := file.read(READ_BYTES):
            data = held + data
            whole = len(data) - _begun(data)
            data, held = data[:whole], data[whole:]
            yield decode(data, path, offset)
            offset += whole
    if held:
        yield decode(held, path, offset)


def _begun(data: bytes) -> int:
    """Bytes at the end that begin a character, or a byte-order mark, and may not end it."""
    if len(data) < len(BOM):
        return len(data)
    for back in (1, 2, 3):
        if data[-back] >= 0xC0:  # what begins a character of several bytes
            return back
        if data[-back] < 0x80:
            break
    return 0


def pieces(document: LongText, place: Callable[[str, int], int]) -> Iterator[Piece]:
    """A long text in pieces.

    Args:
        place: where a text can be cut; see `specc.corpora.tokens.Tokens.cut`.
    """
    waiting, near = "", PIECE_CHARACTERS
    for text in texts(document.path):
        waiting += text
        while len(waiting) > near:
            cut = place(waiting, near)
            if not cut:
                near = len(waiting)  # up to here there is none
                break
            yield Piece(waiting[:cut], document.identity, last=False)
            waiting, near = waiting[cut:], PIECE_CHARACTERS
    yield Piece(waiting, document.identity, last=True)
