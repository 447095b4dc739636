"""The endless stream of a corpus: every epoch whole, every cursor independent."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from specc.errors import DataError
from specc_runtime.order import Stream, permutation
from specc_runtime.prepared import Split


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
    rows, _, _ = stream.read(np.array([start]), length)
    return rows.reshape(-1)


@pytest.mark.parametrize("documents", [1, 2, 3, 64, 1000])
def test_a_permutation_holds_every_document_once(documents: int) -> None:
    found = permutation(documents, 12345)
    assert sorted(found.tolist()) == list(range(documents))


def test_permutations_are_uniform() -> None:
    """Each of the 6 orders of 3 documents comes up about 1,000 times in 6,000 keys."""
    orders = [tuple(permutation(3, key).tolist()) for key in range(6000)]
    counts = [orders.count(order) for order in set(orders)]
    assert len(counts) == 6
    # 99.99% of a chi-squared distribution of 5 degrees of freedom lies below 25.7.
    assert sum((count - 1000) ** 2 / 1000 for count in counts) < 25.7


def test_the_permutation_is_the_same_on_every_machine() -> None:
    assert permutation(10, 7).tolist() == [1, 8, 5, 7, 0, 9, 4, 6, 3, 2]


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
    rows, place, prompt = Stream(split_of(LENGTHS), 3, "c").read(starts, 30)
    for start, row in zip(starts.tolist(), rows, strict=True):
        assert row.tolist() == whole[start : start + 30].tolist()
    assert (place == rows % 100).all()
    assert (prompt == rows // 100 % 2).all()


def test_a_row_may_hold_many_epochs_of_a_tiny_corpus() -> None:
    found = tokens(Stream(split_of([2, 1]), 0, "c"), 4, 20).tolist()
    assert [found.count(token) for token in (0, 1, 100)] == pytest.approx([7, 7, 7], abs=1)


def test_an_empty_split_is_told() -> None:
    with pytest.raises(DataError, match="`web` has no documents"):
        Stream(split_of([]), 0, "c", "`web`")
