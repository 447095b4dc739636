"""Which corpus gives which sequence: exact, prefix-stable, whole."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specc.mixture import Apportionment, counts, places


@st.composite
def mixtures(draw: st.DrawFn) -> list[Fraction]:
    weights = draw(st.lists(st.integers(0, 1000), min_size=1, max_size=6).filter(any))
    return [Fraction(weight, sum(weights)) for weight in weights]


@given(mixtures(), st.integers(0, 5000))
def test_counts_are_whole_sum_up_and_stay_near_their_shares(shares: list[Fraction], n: int) -> None:
    found = counts(shares, n)
    assert sum(found) == n
    assert all(count >= 0 for count in found)
    assert all(abs(count - n * share) < len(shares) for count, share in zip(found, shares, strict=True))


@given(mixtures(), st.integers(0, 2000))
def test_one_more_sequence_takes_from_exactly_one_source(shares: list[Fraction], n: int) -> None:
    steps = [after - before for before, after in zip(counts(shares, n), counts(shares, n + 1), strict=True)]
    assert sorted(steps) == [0] * (len(shares) - 1) + [1]


@given(mixtures(), st.integers(0, 300), st.integers(0, 60))
def test_places_are_the_differences_of_counts(shares: list[Fraction], start: int, length: int) -> None:
    for offset, (source, number) in enumerate(places(shares, start, start + length)):
        before, after = counts(shares, start + offset), counts(shares, start + offset + 1)
        assert after[source] == before[source] + 1
        assert number == before[source]


@given(st.lists(st.integers(0, 400), min_size=1, max_size=6).filter(any))
def test_counts_are_exact_where_shares_of_the_total_are_whole(sequences: list[int]) -> None:
    total = sum(sequences)
    assert counts([Fraction(count, total) for count in sequences], total) == sequences


def test_a_source_of_no_share_gives_nothing() -> None:
    shares = [Fraction(0), Fraction(1, 2), Fraction(1, 2), Fraction(0)]
    assert counts(shares, 101) == [0, 51, 50, 0]


def test_places_of_an_earlier_source_do_not_depend_on_later_ones() -> None:
    third = Fraction(1, 3)
    alone = places([third, 1 - third], 0, 300)
    split = places([third, third, third], 0, 300)
    assert [n for n, (source, _) in enumerate(alone) if source == 0] == [
        n for n, (source, _) in enumerate(split) if source == 0
    ]


def test_sources_are_spread_evenly() -> None:
    found = [source for source, _ in places([Fraction(1, 4), Fraction(3, 4)], 0, 400)]
    gaps = [n for n, source in enumerate(found) if source == 0]
    assert {after - before for before, after in pairwise(gaps)} == {4}


@pytest.mark.parametrize("shares", [[], [Fraction(1, 2)], [Fraction(3, 2), Fraction(-1, 2)]])
def test_shares_that_are_no_mixture_are_refused(shares: list[Fraction]) -> None:
    with pytest.raises(ValueError, match="sum to 1"):
        counts(shares, 3)


def test_a_thousand_sources_are_told_apart_without_walking_through_them_for_each_sequence() -> None:
    """Far into a stage, against the definition: the source whose count is one more after the sequence."""
    weights = [number * 7919 % 97 for number in range(1000)]
    mixture = Apportionment([Fraction(weight, sum(weights)) for weight in weights])
    start = 10**9 + 7
    for offset, (source, number) in enumerate(mixture.places(start, start + 64)):
        before, after = (mixture.counts(start + offset + more) for more in (0, 1))
        assert [after[n] - before[n] for n in range(1000)] == [int(n == source) for n in range(1000)]
        assert number == before[source]
