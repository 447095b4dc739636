"""The order in which a corpus is read: an endless stream of tokens, addressed by one integer.

Epoch e of a corpus is all its documents in an order of its own, and the stream is the epochs one
after another, so that an epoch is exactly as long as the corpus. Which document is the i-th of an
epoch is a pure function of (seed, corpus, e, i), see `specc_runtime.shuffle`. Nothing is drawn in
sequence: there is no state to save, and resuming, cutting a stage into segments or reading with more
workers changes nothing.

The corpus goes in by the key of the step that decided which documents there are. That is a name for
its content: to rename a corpus, to add another to the mixture or to list them in another order
changes the order of none.

Documents differ in length, so where the i-th one begins is a sum over those before it in the epoch.
The sums are made a block of places at a time, as far into an epoch as is read, and a block's documents
are looked up again when they are needed. So the work before a token does not depend on the epochs
before it, and memory not on the number of documents: one sum a block, and the blocks read last.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from specc.errors import DataError
from specc_runtime.prepared import Split
from specc_runtime.seeds import derive
from specc_runtime.shuffle import order_keys, shuffled

BLOCK = 1 << 14
"""Documents of an epoch that are looked up together."""

SMALL_BLOCK = 1 << 10
"""Documents that are looked up together where they are of several epochs of a small corpus."""

_KEPT_BLOCKS = 8
_KEPT_EPOCHS = 4


@dataclass(frozen=True, slots=True)
class Rows:
    """Tokens of rows, all [R, T].

    Attributes:
        places: of each token in its document, 0 for the first. positions: tokens of its document that
            stand right before it in the row. prompts: tokens of that document's prompt.
        masked: tokens that carry no loss though no prompt holds them; None for none.
    """

    tokens: NDArray[np.int64]
    places: NDArray[np.int64]
    positions: NDArray[np.int64]
    prompts: NDArray[np.int64]
    masked: NDArray[np.bool_] | None


@dataclass(frozen=True, slots=True)
class Part:
    """`span` tokens of a stream from a cursor on, read over and over: a stream of its own."""

    start: int
    span: int

    def pieces(self, cursor: int, size: int) -> Iterator[tuple[int, int]]:
        """Where in the whole stream tokens of this one lie: cursors, and how many follow each."""
        while size:
            within = cursor % self.span
            count = min(size, self.span - within)
            yield self.start + within, count
            cursor, size = cursor + count, size - count


def _runs(starts: NDArray[np.int64], length: int) -> Iterator[tuple[int, int]]:
    """Rows that follow each other in a stream as one: its cursor and its tokens."""
    ends = np.flatnonzero(np.diff(starts) != length) + 1
    row = 0
    for last in [*ends.tolist(), len(starts)]:
        yield int(starts[row]), (last - row) * length
        row = last


@dataclass(frozen=True, slots=True)
class _Block:
    """Documents that follow each other in a stream [S], and the cursors where each begins [S + 1]."""

    documents: NDArray[np.int64]
    begins: NDArray[np.int64]


class Stream:
    """The endless token stream of a split for one seed.

    Args:
        corpus: key of the step that decided which documents there are; corpora of one seed have orders
            of their own.
    Raises:
        DataError: if the split is empty.
    """

    def __init__(self, split: Split, seed: int, corpus: str, name: str = "corpus") -> None:
        self.split = split
        self.length = int(split.offsets[-1])
        if self.length == 0:
            raise DataError(
                f"{name} has no documents to train on", "lower its `held_out`, or give it more documents"
            )
        self._seed = derive(seed, "order", corpus)
        self._together = max(1, SMALL_BLOCK // split.documents)
        self._blocks: OrderedDict[tuple[int, int], _Block] = OrderedDict()
        self._ends: OrderedDict[int, list[int]] = OrderedDict()

    def documents(self, epoch: int, first: int, last: int) -> NDArray[np.int64]:
        """The documents that stand at places [first, last) of an epoch, [last - first]."""
        key = order_keys(self._seed, np.array([epoch], dtype=np.int64))
        return shuffled(np.arange(first, last, dtype=np.int64), self.split.documents, key)

    def read(self, starts: NDArray[np.int64], length: int, part: Part | None = None) -> Rows:
        """Rows of `length` tokens that begin at the cursors `starts` ([R]), of the stream or of a part."""
        flat = len(starts) * length
        source, places, documents = (np.empty(flat, dtype=np.int64) for _ in range(3))
        since = np.tile(np.arange(length), len(starts))
        written = 0
        for cursor, size in _runs(starts, length):
            for first, count in [(cursor, size)] if part is None else part.pieces(cursor, size):
                here = slice(written, written + count)
                self._locate(first, source[here], places[here], documents[here])
                if part is not None and first == part.start:
                    # What follows the end of the part does not belong to the document that ended there.
                    rest = slice(written, min(written + count, written + length - written % length))
                    since[rest] = np.arange(rest.stop - rest.start)
                written += count
        shape = (len(starts), length)
        hidden = self.split.masked
        return Rows(
            tokens=self.split.tokens[source].astype(np.int64).reshape(shape),
            places=places.reshape(shape),
            positions=np.minimum(places, since).reshape(shape),
            prompts=self.split.prompts[documents].astype(np.int64).reshape(shape),
            masked=None if hidden is None else np.asarray(hidden[source]).reshape(shape),
        )

    def _locate(
        self,
        cursor: int,
        source: NDArray[np.int64],
        places: NDArray[np.int64],
        documents: NDArray[np.int64],
    ) -> None:
        """Fill in, for the tokens from a cursor on: place in the split, place in the document, document."""
        written = 0
        while written < len(source):
            block = self._block_at(cursor)
            size = min(len(source) - written, int(block.begins[-1]) - cursor)
            here = slice(written, written + size)
            first = int(np.searchsorted(block.begins, cursor, side="right")) - 1
            after = int(np.searchsorted(block.begins, cursor + size, side="left"))
            begins, found = block.begins[first:after], block.documents[first:after]
            edges = np.clip(block.begins[first : after + 1], cursor, cursor + size)
            lengths = edges[1:] - edges[:-1]
            places[here] = np.arange(cursor, cursor + size) - np.repeat(begins, lengths)
            documents[here] = np.repeat(found, lengths)
            source[here] = places[here] + np.repeat(self.split.offsets[found], lengths)
            written, cursor = written + size, cursor + size

    def _block_at(self, cursor: int) -> _Block:
        """The block that holds a cursor."""
        epoch, within = divmod(cursor, self.length)
        if self.split.documents <= BLOCK:
            return self._block(epoch - epoch % self._together, 0, 0)
        ends = self._ends.get(epoch)
        if ends is None:
            ends = self._ends[epoch] = [0]
            if len(self._ends) > _KEPT_EPOCHS:
                self._ends.popitem(last=False)
        while ends[-1] <= within:
            block = self._block(epoch, len(ends) - 1, ends[-1])
            ends.append(int(block.begins[-1]) - epoch * self.length)
        number = bisect_right(ends, within) - 1
        return self._block(epoch, number, ends[number])

    def _block(self, epoch: int, number: int, within: int) -> _Block:
        """A block of an epoch, which begins at token `within` of it; or the small epochs from one on."""
        known = self._blocks.get((epoch, number))
        if known is not None:
            self._blocks.move_to_end((epoch, number))
            return known
        if self.split.documents <= BLOCK:
            found = self._whole_epochs(epoch)
        else:
            first = number * BLOCK
            found = self.documents(epoch, first, min(first + BLOCK, self.split.documents))
        offsets = self.split.offsets
        begins = np.empty(len(found) + 1, dtype=np.int64)
        begins[0] = epoch * self.length + within
        np.cumsum(offsets[found + 1] - offsets[found], out=begins[1:])
        begins[1:] += begins[0]
        block = self._blocks[epoch, number] = _Block(found, begins)
        if len(self._blocks) > _KEPT_BLOCKS:
            self._blocks.popitem(last=False)
        return block

    def _whole_epochs(self, epoch: int) -> NDArray[np.int64]:
        """Documents of the `_together` epochs from one on."""
        size = self.split.documents
        keys = order_keys(self._seed, np.arange(epoch, epoch + self._together, dtype=np.int64))
        places = np.tile(np.arange(size, dtype=np.int64), self._together)
        return shuffled(places, size, np.repeat(keys, size))
