"""The endless stream of a corpus: every epoch whole, every cursor independent."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from specc.errors import DataError
from specc_runtime import order
from specc_runtime.order import BLOCK, SMALL_BLOCK, Stream
from specc_runtime.prepared import Split
from specc_runtime.shuffle import shuffled


def split_of(lengths: list[int]) -> Split:
    """Documents whose tokens say where they are from: 100 d + place."""
    tokens = [100 * number + place for number, length in enumerate(lengths) for place in range(length)]
    return Split(
        tokens=np.array(tokens, dtype=np.uint16),
        offsets=np.cumsum([0, *lengths], dtype=np.int64),
        prompts=np.arange(len(lengths), dtype=np.int32) % 2,
        ids=np.arange(len(lengths), dtype=np.uint64),
    )


LENGTHS = [3, 1, 7, 2, 5, 4]
TOTAL = sum(LENGTHS)


def tokens(stream: Stream, start: int, length: int) -> NDArray[np.int64]:
    return stream.read(np.array([start]), length).tokens.reshape(-1)


def test_an_epoch_is_the_whole_corpus_and_documents_stay_whole() -> None:
    stream = Stream(split_of(LENGTHS), 0, "corpus")
    for epoch in range(5):
        found = tokens(stream, epoch * TOTAL, TOTAL).tolist()
        assert sorted(found) == sorted(split_of(LENGTHS).tokens.tolist())
        assert all(after == before + 1 for before, after in pairwise(found) if after % 100)


def test_epochs_seeds_and_corpora_have_orders_of_their_own() -> None:
    orders = {
        tuple(tokens(Stream(split_of([1] * 50), seed, corpus), epoch * 50, 50).tolist())
        for seed in (0, 1)
        for corpus in ("a", "b")
        for epoch in (0, 1, 2)
    }
    assert len(orders) == 12


def test_any_row_reads_what_the_whole_stream_has_there() -> None:
    whole = tokens(Stream(split_of(LENGTHS), 3, "c"), 0, 6 * TOTAL)
    starts = np.array([0, 1, 17, TOTAL - 1, TOTAL, 2 * TOTAL + 5, 4 * TOTAL - 3])
    rows = Stream(split_of(LENGTHS), 3, "c").read(starts, 30)
    for start, row in zip(starts.tolist(), rows.tokens, strict=True):
        assert row.tolist() == whole[start : start + 30].tolist()
    assert (rows.places == rows.tokens % 100).all()
    assert (rows.prompts == rows.tokens // 100 % 2).all()
    assert rows.masked is None


def test_a_row_may_hold_many_epochs_of_a_tiny_corpus() -> None:
    found = tokens(Stream(split_of([2, 1]), 0, "c"), 4, 20).tolist()
    assert [found.count(token) for token in (0, 1, 100)] == pytest.approx([7, 7, 7], abs=1)


def large(documents: int) -> Split:
    """A corpus of many documents of 1 to 7 tokens, each of which is told by its tokens' values."""
    lengths = 1 + np.arange(documents) * 31 % 7
    return Split(
        tokens=np.repeat(np.arange(documents, dtype=np.uint32), lengths),
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
        prompts=np.zeros(documents, dtype=np.int32),
        ids=np.arange(documents, dtype=np.uint64),
    )


def written_out(split: Split, seed: int, corpus: str, epochs: int) -> list[int]:
    """The stream's first epochs, document after document, from the order alone."""
    found: list[int] = []
    for epoch in range(epochs):
        for document in Stream(split, seed, corpus).documents(epoch, 0, split.documents).tolist():
            found += split.tokens[split.offsets[document] : split.offsets[document + 1]].tolist()
    return found


@pytest.mark.parametrize(
    "documents", [1, 2, SMALL_BLOCK // 3, SMALL_BLOCK, SMALL_BLOCK + 1, BLOCK, BLOCK + 1, 2 * BLOCK + 5]
)
def test_any_place_is_found_without_those_before_it(documents: int) -> None:
    """Places at the edges of blocks and epochs, each asked of a stream that has read nothing."""
    split = large(documents)
    length = int(split.offsets[-1])
    whole = written_out(split, 1, "c", 3 + 20 // length)
    first = Stream(split, 1, "c").documents(1, 0, min(documents, BLOCK))
    edge = length + int(np.sum(np.diff(split.offsets)[first]))
    starts = [2 * length, edge, edge - 1, length + 1, length, length - 1, 0]
    for start in starts:
        assert tokens(Stream(split, 1, "c"), start, 20).tolist() == whole[start : start + 20]
    rows = Stream(split, 1, "c").read(np.array(starts), 20).tokens
    assert [row.tolist() for row in rows] == [whole[start : start + 20] for start in starts]


def test_a_late_epoch_costs_no_more_than_an_early_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Documents looked up to read one row, wherever in the stream it lies, counted."""
    split = large(3 * BLOCK)
    length = int(split.offsets[-1])
    looked_up: list[int] = []

    def counting(places: NDArray[np.int64], size: int, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        looked_up.append(len(places))
        return shuffled(places, size, keys)

    monkeypatch.setattr(order, "shuffled", counting)
    for epoch in (0, 1, 10**6):
        looked_up.clear()
        tokens(Stream(split, 0, "c"), epoch * length, 50)
        assert sum(looked_up) == BLOCK
        tokens(Stream(split, 0, "c"), epoch * length + length // 2, 50)
        assert sum(looked_up) <= 3 * BLOCK


def test_an_empty_split_is_told() -> None:
    with pytest.raises(DataError, match="`web` has no documents"):
        Stream(split_of([]), 0, "c", "`web`")
