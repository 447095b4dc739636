"""Documents as arrays, a block at a time: what data transforms take and give.

Blocks keep memory bounded, and arrays make transforms fast. Nothing that a transform does to a
document may depend on which block it lies in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCK_TOKENS = 1 << 18
"""A block ends with the document that reaches this many tokens."""


@dataclass(frozen=True, slots=True)
class Options:
    """Options of documents to choose from.

    Attributes:
        tokens: of the options one after another, without end tokens. offsets: int64 [O + 1], where
            each option begins.
        bytes: int32 [O], length of each option's text in UTF-8.
        starts: int64 [D + 1], first option of each document.
        correct: int32 [D], which of a document's options is the completion.
    """

    tokens: NDArray[Any]
    offsets: NDArray[np.int64]
    bytes: NDArray[np.int32]
    starts: NDArray[np.int64]
    correct: NDArray[np.int32]

    def of(self, document: int) -> Iterator[tuple[NDArray[np.int64], int]]:
        """Tokens and bytes of each option of a document."""
        for option in range(int(self.starts[document]), int(self.starts[document + 1])):
            tokens = self.tokens[self.offsets[option] : self.offsets[option + 1]]
            yield tokens.astype(np.int64), int(self.bytes[option])

    def select(self, numbers: NDArray[np.int64]) -> Options:
        """The options of some documents, in the order given."""
        counts = np.diff(self.starts)[numbers]
        options = ranges(self.starts[:-1][numbers], counts)
        lengths = np.diff(self.offsets)[options]
        return Options(
            self.tokens[ranges(self.offsets[:-1][options], lengths)],
            ends(lengths),
            self.bytes[options],
            ends(counts),
            self.correct[numbers],
        )


@dataclass(frozen=True, slots=True)
class Block:
    """Some documents, D in number, of N tokens together.

    Attributes:
        tokens: uint16 or uint32 [N], the documents one after another, each with its end token.
        offsets: int64 [D + 1], where each document begins; the first begins at 0.
        prompts: int32 [D], tokens of each document's prompt, which carry no loss; 0 for plain text.
        ids: uint64 [D], the first 64 bits of each document's id. A transform keeps them, so that
            what is measured of a document can be paired with what it came from.
        masked: bool [N], tokens that carry no loss though no prompt holds them; None for none.
        options: None where documents have none.
    """

    tokens: NDArray[Any]
    offsets: NDArray[np.int64]
    prompts: NDArray[np.int32]
    ids: NDArray[np.uint64]
    masked: NDArray[np.bool_] | None = None
    options: Options | None = None

    @property
    def documents(self) -> int:
        return len(self.prompts)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each document, its end token included, [D]."""
        return np.diff(self.offsets)

    def owners(self) -> NDArray[np.int64]:
        """The document of each token, [N]."""
        return np.repeat(np.arange(self.documents), self.lengths)

    def places(self) -> NDArray[np.int64]:
        """The place of each token in its document, 0 for the first, [N]."""
        return np.arange(len(self.tokens)) - np.repeat(self.offsets[:-1], self.lengths)

    def select(self, numbers: NDArray[np.int64]) -> Block:
        """Some of the documents, in the order given."""
        lengths = self.lengths[numbers]
        places = ranges(self.offsets[:-1][numbers], lengths)
        return Block(
            self.tokens[places],
            ends(lengths),
            self.prompts[numbers],
            self.ids[numbers],
            None if self.masked is None else self.masked[places],
            None if self.options is None else self.options.select(numbers),
        )

    def first(self, tokens: int) -> Block:
        """The first whole documents that together reach `tokens`; all of them if they don't."""
        count = min(int(np.searchsorted(self.offsets, tokens)), self.documents)
        return self if count == self.documents else self.select(np.arange(count))


def ranges(starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """The numbers of several ranges, one after another.

    >>> ranges(np.array([5, 2]), np.array([2, 3])).tolist()
    [5, 6, 2, 3, 4]
    """
    stops = np.cumsum(lengths)
    shifts: NDArray[np.int64] = np.repeat(starts - (stops - lengths), lengths)
    return shifts + np.arange(len(shifts))


def ends(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Offsets of pieces of these lengths that lie one after another, [n + 1]."""
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets
