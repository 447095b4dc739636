"""Documents in a row stay apart: positions and targets; and what each corpus gives."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from specc.mixture import counts
from specc.steps import Interval, Placed
from specc_runtime.order import Rows, Stream
from specc_runtime.packing import IGNORED, Mixture, pack
from specc_runtime.prepared import Split


def row(*documents: tuple[int, int, int], times: int = 1) -> Rows:
    """Rows of documents given as (first place, length, prompt length)."""
    tokens, places, positions, prompts = [], [], [], []
    for number, (first, length, prompt) in enumerate(documents):
        tokens += [10 * number + place for place in range(first, first + length)]
        places += list(range(first, first + length))
        positions += list(range(length))
        prompts += [prompt] * length
    tokens_RT, places_RT, positions_RT, prompts_RT = (
        np.array([values] * times) for values in (tokens, places, positions, prompts)
    )
    return Rows(tokens_RT, places_RT, positions_RT, prompts_RT, masked=None)


def test_positions_restart_and_first_tokens_are_no_targets() -> None:
    batch = pack(row((3, 2, 0), (0, 3, 0), (0, 1, 0), (0, 2, 0)))
    assert batch.positions.tolist() == [[0, 1, 0, 1, 2, 0, 0, 1]]
    assert batch.labels.tolist() == [[-100, 4, -100, 11, 12, -100, -100, 31]]
    assert batch.targets == 4
    assert batch.packed


def test_prompts_are_no_targets() -> None:
    batch = pack(row((0, 5, 3), (0, 3, 1)))
    assert batch.labels.tolist() == [[-100, -100, -100, 3, 4, -100, 11, 12]]


@pytest.mark.parametrize("first", [1, 3, 4])
def test_a_completion_cut_off_from_its_prompt_is_no_target(first: int) -> None:
    batch = pack(row((first, 6 - first, 2), (0, 3, 1)))
    assert batch.labels[0, : 6 - first].tolist() == [IGNORED] * (6 - first)
    assert batch.labels[0, 6 - first :].tolist() == [IGNORED, 11, 12]


def test_rows_of_one_document_take_the_plain_causal_path() -> None:
    assert not pack(row((0, 6, 0), times=2)).packed
    assert not pack(row((9, 6, 0), times=2)).packed


def stream(name: str, documents: int, length: int, first: int) -> Stream:
    tokens = np.full(documents * length, first, dtype=np.uint16)
    split = Split(
        tokens=tokens,
        offsets=np.arange(0, documents * length + 1, length, dtype=np.int64),
        prompts=np.zeros(documents, dtype=np.int32),
        ids=np.arange(documents, dtype=np.uint64),
    )
    return Stream(split, 0, name)


def test_a_batch_counts_what_each_corpus_gave() -> None:
    shares = (Fraction(1, 3), Fraction(5, 12), Fraction(1, 4))
    streams = tuple(stream(str(number), 5, 3 + number, number) for number in range(3))
    mixture = Mixture(("a", "b", "c"), streams, shares, (0, 6, 0), 8)
    total = {"a": 0, "b": 0, "c": 0}
    for step in range(50):
        batch, counted = mixture.batch(7 * step, 7 * step + 7)
        for number, role in enumerate(total):
            total[role] += counted[role]
            assert counted[role] == int(np.count_nonzero(batch.tokens == number))
    assert list(total.values()) == [8 * count for count in counts(shares, 350)]


def test_sequences_of_a_corpus_follow_each_other_in_its_stream() -> None:
    split = Split(
        tokens=np.arange(60, dtype=np.uint16),
        offsets=np.array([0, 10, 25, 60], dtype=np.int64),
        prompts=np.zeros(3, dtype=np.int32),
        ids=np.arange(3, dtype=np.uint64),
    )
    mine = Stream(split, 0, "mine")
    mixture = Mixture(("a", "b"), (stream("x", 5, 4, 99), mine), (Fraction(1, 2),) * 2, (0, 40), 8)
    batch, _ = mixture.batch(0, 10)
    rows = [row.tolist() for row in batch.tokens if 99 not in row]
    assert len(rows) == 5
    assert np.concatenate(rows).tolist() == mine.read(np.array([40]), 40).tokens.reshape(-1).tolist()


def test_placed_streams_lie_where_they_are_placed_and_leave_the_base_as_it_is() -> None:
    streams = tuple(stream(str(number), 5, 3 + number, number) for number in range(3))
    half = Fraction(1, 2)
    late = Interval(start=20, stop=40, placed=(Placed(source=2, first=half),))
    shares = (Fraction(2, 3), Fraction(1, 3), Fraction(0))
    placed = Mixture(("a", "b", "c"), streams, shares, (0, 6, 0), 8, intervals=(late,))
    plain = Mixture(("a", "b"), streams[:2], shares[:2], (0, 6), 8)
    batch, counted = placed.batch(0, 40)
    rows = [int(row[0]) for row in batch.tokens]
    assert rows[:20].count(2) == 0
    assert rows[20:].count(2) == 10
    assert counted["c"] == 80
    base = [row.tolist() for row in batch.tokens if row[0] != 2]
    assert base == plain.batch(0, 30)[0].tokens.tolist()


def test_a_span_is_read_again_from_its_start() -> None:
    """Ten documents in turn, read over and over from token 16 to token 36, in rows that end anywhere."""
    split = Split(
        tokens=np.arange(60, dtype=np.uint16),
        offsets=np.arange(0, 61, 6, dtype=np.int64),
        prompts=np.full(10, 2, dtype=np.int32),
        ids=np.arange(10, dtype=np.uint64),
    )
    mine = Stream(split, 0, "mine")
    mixture = Mixture(("a",), (mine,), (Fraction(1),), (16,), 8, spans=(20,))
    batch = mixture.batch(0, 10)[0]
    whole = mine.read(np.array([0]), 60)
    assert batch.tokens.reshape(-1).tolist() == whole.tokens[0, 16:36].tolist() * 4
    # The span begins and ends inside of documents: what it begins with is cut off from its prompt, and has
    # nothing before it to be predicted from.
    cuts = [n for n in range(0, 80, 20) if n % 8]
    assert [int(batch.positions.reshape(-1)[n]) for n in cuts] == [0] * len(cuts)
    for row, columns in enumerate(batch.tokens.tolist()):
        expected = 0
        for column, token in enumerate(columns):
            goes_on = column and token == columns[column - 1] + 1 and token % 6
            expected = expected + 1 if goes_on else 0
            assert batch.positions[row, column] == expected
            learned = goes_on and token % 6 == expected and expected >= 2
            assert batch.labels[row, column] == (token if learned else IGNORED)


def test_a_span_shorter_than_a_row_is_in_it_several_times() -> None:
    mine = stream("mine", 5, 4, 7)
    mixture = Mixture(("a",), (mine,), (Fraction(1),), (2,), 16, spans=(3,))
    batch = mixture.batch(0, 1)[0]
    # Two tokens of a document, one of the next; then again from the start.
    assert batch.positions.tolist() == [[0, 1, 0] * 5 + [0]]


def numbered(name: str, documents: int, first: int) -> Stream:
    """A stream of documents of 5 tokens, all of whose tokens differ."""
    split = Split(
        tokens=np.arange(first, first + 5 * documents),
        offsets=np.arange(0, 5 * documents + 1, 5, dtype=np.int64),
        prompts=np.zeros(documents, dtype=np.int32),
        ids=np.arange(documents, dtype=np.uint64),
    )
    return Stream(split, 0, name)


def read_of(mixture: Mixture, sequences: int, first: int) -> list[int]:
    """Tokens that a mixture reads of the stream whose tokens are `first` to `first` + 999, in order."""
    tokens = mixture.batch(0, sequences)[0].tokens.reshape(-1)
    return [int(token) for token in tokens if first <= token < first + 1000]


def test_to_add_or_reorder_sources_changes_the_order_of_none() -> None:
    a, b, c = (numbered(name, 60, first) for name, first in (("a", 0), ("b", 1000), ("c", 2000)))
    third = Fraction(1, 3)
    two = Mixture(("x", "y"), (a, b), (third, 2 * third), (0, 0), 8)
    turned = Mixture(("y", "x"), (b, a), (2 * third, third), (0, 0), 8)
    three = Mixture(("z", "x", "y"), (c, a, b), (third, third, third), (0, 0, 0), 8)
    for first in (0, 1000):
        expected = read_of(two, 60, first)
        assert len(expected) >= 160
        for other in (turned, three):
            found = read_of(other, 60, first)
            assert min(len(found), len(expected)) >= 160
            assert all(x == y for x, y in zip(found, expected, strict=False))
    seeded = Mixture(("x",), (Stream(a.split, 1, "a"),), (Fraction(1),), (0,), 8)
    assert read_of(seeded, 20, 0) != read_of(two, 60, 0)[:160]
