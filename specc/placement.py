"""Which sequence of a stage comes from where, if some corpora lie at places of their own.

The corpora without a place are a stream of their own, the base: an even interleave by shares, as in
`specc.mixture`. Placed sequences are laid over the stage's positions, and what is left of the
positions takes the base in its own order; so placements change when the base is read, and not which
sequence of it follows which.

Placements are intervals of positions, disjoint and in order, between which only the base is read. In
an interval each placed source has a density, the share of the positions that it takes: constant, or
linear from one end to the other (a ramp). With F(x) the integral of the first source's density, it
gives floor(F(x) + 1/2) of the first x positions of the interval; the second takes of what is left in
the same way, its integral taken where as much was left of the densities before it; and so on, with
the base last. Constant densities come before ramps. So

* where the integrals are whole at the end of an interval, the counts there are exactly those,
* with constant densities nothing depends on how far an interval goes on,
* the source and the number of any position are found without those before it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from fractions import Fraction

from specc.mixture import Apportionment
from specc.steps import Interval, Placed

HALF = Fraction(1, 2)


def integral(density: Placed, length: int, x: Fraction | int) -> Fraction:
    """Sequences that a density brings, in exact arithmetic, over the first `x` of an interval's positions.

    >>> integral(Placed(source=0, first=Fraction(0), last=Fraction(1, 2)), 8, 4)
    Fraction(1, 2)
    """
    if density.last is None:
        return density.first * x
    return density.first * x + (density.last - density.first) * x * x / (2 * length)


class Interleave:
    """The sequences of a stage, or of its beginning.

    Args:
        shares: of each source among what is not placed, summing to 1; 0 for placed sources. They
            may all be 0 where intervals cover the whole stage.
        intervals: disjoint, in order; see `specc.steps.Interval`.
    """

    def __init__(self, shares: Sequence[Fraction], intervals: Sequence[Interval] = ()) -> None:
        self._sources = len(shares)
        self._base = [source for source, share in enumerate(shares) if share]
        self._even = Apportionment([shares[source] for source in self._base]) if self._base else None
        self._spans = [_Span(interval) for interval in intervals]
        self._starts = [span.start for span in self._spans]
        before = [0] * self._sources
        self._before: list[tuple[int, ...]] = []
        for span in self._spans:
            self._before.append(tuple(before))
            _add(before, span, span.length)

    def counts(self, n: int) -> list[int]:
        """Sequences that each source gives among the first `n` of the stage; they sum to `n`.

        >>> late = Interval(start=6, stop=8, placed=(Placed(source=1, first=Fraction(1)),))
        >>> Interleave([Fraction(1), Fraction(0)], [late]).counts(7)
        [6, 1]
        """
        result, base = self._placed_before(n)
        if base:
            for source, count in zip(self._base, self._unplaced().counts(base), strict=True):
                result[source] = count
        return result

    def places(self, start: int, stop: int) -> list[tuple[int, int]]:
        """For sequences [start, stop) of the stage: their source, and their number within that source.

        >>> late = Interval(start=2, stop=4, placed=(Placed(source=1, first=Fraction(1)),))
        >>> Interleave([Fraction(1), Fraction(0)], [late]).places(0, 4)
        [(0, 0), (0, 1), (1, 0), (1, 1)]
        """
        if not self._spans and len(self._base) == self._sources:
            return self._unplaced().places(start, stop)
        given, base = self._placed_before(start)
        sources: list[int | None] = []
        position = start
        while position < stop:
            index = bisect_right(self._starts, position) - 1
            span = self._spans[index] if index >= 0 and position < self._spans[index].stop else None
            if span is not None:
                until = min(stop, span.stop)
                sources += span.sources(position - span.start, until - span.start)
            else:
                until = min([stop, *self._starts[index + 1 : index + 2]])
                sources += [None] * (until - position)
            position = until
        unplaced = sources.count(None)
        rest = iter(self._unplaced().places(base, base + unplaced) if unplaced else ())
        found = []
        for source in sources:
            if source is None:
                which, number = next(rest)
                found.append((self._base[which], number))
            else:
                found.append((source, given[source]))
                given[source] += 1
        return found

    def _unplaced(self) -> Apportionment:
        if self._even is None:
            raise ValueError("nothing is read where no interval lies: all shares are 0")
        return self._even

    def _placed_before(self, n: int) -> tuple[list[int], int]:
        """Sequences of each placed source among the first `n`, and how many are of the base."""
        index = bisect_right(self._starts, n) - 1
        if index < 0:
            return [0] * self._sources, n
        span = self._spans[index]
        result = list(self._before[index])
        _add(result, span, min(n, span.stop) - span.start)
        return result, n - sum(result)


def _add(totals: list[int], span: _Span, x: int) -> None:
    for density, count in zip(span.densities, span.taken(x), strict=True):
        totals[density.source] += count


class _Span:
    """An interval, with its densities in the order in which they are served."""

    def __init__(self, interval: Interval) -> None:
        self.start, self.stop = interval.start, interval.stop
        self.length = interval.stop - interval.start
        self.densities = sorted(interval.placed, key=lambda density: density.last is not None)
        constant = [density.first for density in self.densities if density.last is None]
        self._left_over = 1 - sum(constant, Fraction(0))
        self._constant = Apportionment([*constant, self._left_over])
        self._ramps = len(constant) < len(self.densities)
        self._near: dict[int, int] = {}

    def taken(self, x: int) -> list[int]:
        """Sequences of each source among the first `x` positions, in the order of `densities`."""
        *result, left = self._constant.counts(x)
        for index in range(len(result), len(self.densities)):
            at = self._when(index, left)
            count = int(integral(self.densities[index], self.length, at) + HALF)
            result.append(count)
            left -= count
        return result

    def sources(self, start: int, stop: int) -> list[int | None]:
        """Sources of positions [start, stop) of the interval; None for the base."""
        if not self._ramps:
            named = [*(density.source for density in self.densities), None]
            return [named[index] for index, _ in self._constant.places(start, stop)]
        found: list[int | None] = []
        before = self.taken(start)
        for x in range(start, stop):
            after = self.taken(x + 1)
            pairs = zip(self.densities, before, after, strict=True)
            found.append(next((density.source for density, first, then in pairs if then > first), None))
            before = after
        return found

    def _left(self, index: int, x: Fraction | int) -> Fraction:
        """What the densities before `index` leave of the first `x` positions, in exact arithmetic."""
        return x - sum((integral(d, self.length, x) for d in self.densities[:index]), Fraction(0))

    def _whole_position(self, index: int, left: int) -> int:
        """The last whole position at which no more than `left` positions were left."""
        near = self._near.get(index, 0)
        low, high = 0, self.length
        if self._left(index, near) <= left:
            # Positions are asked for in order: mostly it is where it was last, or right behind.
            low = near
            high = min(near + 2, self.length)
            if high < self.length and self._left(index, high) <= left:
                low, high = high, self.length
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self._left(index, middle) <= left else (low, middle - 1)
        self._near[index] = low
        return low

    def _when(self, index: int, left: int) -> Fraction | int:
        """Where in the interval `left` positions were left by the densities before `index`.

        Behind a ramp that would be a square root: there the whole position before it is found by
        bisection, and what follows it is taken as a straight line.
        """
        if all(density.last is None for density in self.densities[:index]):
            return left / self._left_over if self._left_over else self.length
        low = self._whole_position(index, left)
        if low == self.length:
            return low
        reached = self._left(index, low)
        return low + (left - reached) / (self._left(index, low + 1) - reached)


def clipped_intervals(intervals: Sequence[Interval], stop: int) -> tuple[Interval, ...]:
    """The intervals that begin before position `stop`. Those of constant densities are cut to it, so
    that what lies behind it enters no key; a ramp keeps its end, which gives it its shape."""
    kept = []
    for interval in intervals:
        if interval.start >= stop:
            break
        if interval.stop > stop and all(density.last is None for density in interval.placed):
            interval = interval.model_copy(update={"stop": stop})
        kept.append(interval)
    return tuple(kept)
