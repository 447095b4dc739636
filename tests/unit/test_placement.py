"""Placed sequences: exact counts, prefixes that stay, a base whose order nothing touches."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from specc.mixture import places as even
from specc.placement import Interleave, clipped_intervals, integral
from specc.steps import Interval, Placed

BASE = [Fraction(3, 5), Fraction(2, 5)]


@st.composite
def layouts(draw: st.DrawFn) -> tuple[list[Fraction], list[Interval], int]:
    """Shares of two base sources and up to three placed ones, intervals with whole counts, and an end."""
    placed = draw(st.integers(1, 3))
    intervals = []
    position = 0
    for _ in range(draw(st.integers(1, 4))):
        start = position + draw(st.integers(0, 30))
        length = draw(st.integers(1, 60))
        chosen = draw(st.lists(st.integers(0, placed - 1), min_size=1, max_size=placed, unique=True))
        left = length
        densities = []
        for source in chosen:
            count = draw(st.integers(0, left))
            left -= count
            densities.append(Placed(source=2 + source, first=Fraction(count, length)))
        if len(chosen) < 3 and draw(st.booleans()):
            # A ramp of whole integral, below what the constant densities leave.
            count = draw(st.integers(0, left))
            mean = Fraction(count, length)
            tilt = min(mean, Fraction(left, length) - mean) * draw(st.fractions(-1, 1))
            densities.append(Placed(source=4, first=mean - tilt, last=mean + tilt))
        if len({density.source for density in densities}) == len(densities):
            intervals.append(Interval(start=start, stop=start + length, placed=tuple(densities)))
            position = start + length
    return [*BASE, *[Fraction(0)] * 3], intervals, position + draw(st.integers(0, 20))


@given(layouts())
def test_every_interval_gives_exactly_its_whole_counts(
    layout: tuple[list[Fraction], list[Interval], int],
) -> None:
    shares, intervals, end = layout
    interleave = Interleave(shares, intervals)
    for interval in intervals:
        before, after = interleave.counts(interval.start), interleave.counts(interval.stop)
        length = interval.stop - interval.start
        for density in interval.placed:
            assert after[density.source] - before[density.source] == integral(density, length, length)
    assert sum(interleave.counts(end)) == end


@given(layouts(), st.data())
def test_places_are_the_differences_of_counts(
    layout: tuple[list[Fraction], list[Interval], int], data: st.DataObject
) -> None:
    shares, intervals, end = layout
    interleave = Interleave(shares, intervals)
    start = data.draw(st.integers(0, end))
    stop = data.draw(st.integers(start, end))
    for position, (source, number) in enumerate(interleave.places(start, stop), start):
        before, after = interleave.counts(position), interleave.counts(position + 1)
        assert [b + (index == source) for index, b in enumerate(before)] == after
        assert number == before[source]


@given(layouts())
def test_the_base_is_read_in_the_order_that_it_has_alone(
    layout: tuple[list[Fraction], list[Interval], int],
) -> None:
    shares, intervals, end = layout
    base = [place for place in Interleave(shares, intervals).places(0, end) if place[0] < 2]
    assert base == even(BASE, 0, len(base))


@given(layouts(), st.data())
def test_a_prefix_needs_only_the_intervals_that_begin_in_it(
    layout: tuple[list[Fraction], list[Interval], int], data: st.DataObject
) -> None:
    shares, intervals, end = layout
    stop = data.draw(st.integers(0, end))
    clipped = Interleave(shares, clipped_intervals(intervals, stop))
    whole = Interleave(shares, intervals)
    assert clipped.places(0, stop) == whole.places(0, stop)
    assert clipped.counts(stop) == whole.counts(stop)


@given(st.integers(1, 500), st.fractions(0, 1), st.fractions(0, 1), st.data())
def test_a_lone_ramp_stays_within_half_a_sequence_of_its_integral(
    length: int, first: Fraction, last: Fraction, data: st.DataObject
) -> None:
    ramp = Placed(source=1, first=first, last=last)
    interleave = Interleave([Fraction(1), Fraction(0)], [Interval(start=0, stop=length, placed=(ramp,))])
    n = data.draw(st.integers(0, length))
    assert abs(interleave.counts(n)[1] - integral(ramp, length, n)) <= Fraction(1, 2)


def test_the_integral_of_a_ramp_is_that_of_its_density_summed_up() -> None:
    ramp = Placed(source=0, first=Fraction(1, 10), last=Fraction(1, 2))
    # The mean density of each position is the density in its middle.
    summed = sum(
        (Fraction(1, 10) + Fraction(4, 10) * (position + Fraction(1, 2)) / 40 for position in range(25)),
        Fraction(0),
    )
    assert integral(ramp, 40, 25) == summed


def test_a_stage_without_intervals_is_the_even_interleave() -> None:
    assert Interleave(BASE).places(3, 90) == even(BASE, 3, 90)


def test_blocks_may_cover_a_stage_without_a_base() -> None:
    one = Fraction(1)
    first = Interval(start=0, stop=3, placed=(Placed(source=0, first=one),))
    second = Interval(start=3, stop=5, placed=(Placed(source=1, first=one),))
    interleave = Interleave([Fraction(0), Fraction(0)], [first, second])
    assert interleave.places(0, 5) == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]
    assert interleave.counts(4) == [3, 1]


def test_intervals_survive_json_as_exact_fractions() -> None:
    interval = Interval(start=1, stop=4, placed=(Placed(source=1, first=Fraction(1, 3), last=Fraction(0)),))
    assert Interval.model_validate_json(interval.model_dump_json()) == interval
    assert interval.model_dump(mode="json")["placed"][0] == {"source": 1, "first": "1/3", "last": "0/1"}


def test_a_source_without_a_share_changes_no_number_of_the_others() -> None:
    half = Fraction(1, 2)
    assert Interleave([Fraction(0), half, half]).places(0, 4) == [(1, 0), (2, 0), (1, 1), (2, 1)]
