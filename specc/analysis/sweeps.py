"""The sweep of an experiment: values of its axes, and the points that they make.

Plain sweeps multiply. A sweep by table takes its values from the row of the axes that it depends on,
and `except` leaves points out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import prod

from specc.analysis.evaluate import Point
from specc.analysis.values import ComponentValue, Value
from specc.diagnostics import Span
from specc.language import ast

MOST_CANDIDATES = 2_000_000
"""Points that tables make, times the exclusions that are asked of each of them."""

Row = tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """Values of an axis where the axes that it depends on have those of the key."""

    key: Row
    rows: tuple[Row, ...]
    node: ast.Entry


@dataclass(frozen=True, slots=True)
class Factor:
    """A `sweep`: names that move together, and the values they take.

    Attributes:
        values: all of them; of a sweep by table, those of all its entries, each once.
        by: the axes that it depends on. table: its entries, by what is alike in equal keys.
    """

    names: tuple[str, ...]
    values: tuple[Row, ...]
    span: Span
    by: tuple[str, ...] = ()
    table: Mapping[object, list[Entry]] = field(default_factory=dict)

    def rows(self, point: Point) -> tuple[Row, ...] | None:
        """The values at a point of the axes before; None if the table has no entry for it."""
        if not self.by:
            return self.values
        key = tuple(point[name] for name in self.by)
        entry = next((each for each in self.table.get(alike(key), ()) if each.key == key), None)
        return entry.rows if entry is not None else None


@dataclass(frozen=True, slots=True)
class Exclusion:
    """An `except`: points are left out at which all of these axes have one of these values."""

    given: Mapping[str, Row]
    node: ast.Except

    def holds(self, point: Point) -> bool:
        return all(point[name] in values for name, values in self.given.items())


@dataclass(slots=True)
class Grid:
    """The factors of a sweep in order of declaration, and what is left out of their product."""

    factors: tuple[Factor, ...]
    exclusions: tuple[Exclusion, ...] = ()
    _points: list[Point] | None = None

    @property
    def plain(self) -> bool:
        """Whether the points are the whole product of the factors."""
        return not self.exclusions and not any(factor.by for factor in self.factors)

    @property
    def bound(self) -> int:
        """Number of points, or of what they are chosen from if tables or exclusions choose."""
        return prod(
            len(f.values)
            if not f.by
            else max((len(e.rows) for entries in f.table.values() for e in entries), default=0)
            for f in self.factors
        )

    @property
    def too_large(self) -> bool:
        """Whether it would take too long to choose the points."""
        return not self.plain and self.bound * (1 + len(self.exclusions)) > MOST_CANDIDATES

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for factor in self.factors for name in factor.names)

    def points(self) -> Sequence[Point]:
        """All points, the last factor moving fastest; made once."""
        if self._points is None:
            self._points = list(self._product() if self.plain else chosen(self.factors, self.exclusions))
        return self._points

    def count(self) -> int:
        """Number of points; those of a plain sweep are counted without being made."""
        return self.bound if self.plain else len(self.points())

    def _product(self) -> Iterator[Point]:
        for rows in product(*(factor.values for factor in self.factors)):
            yield {
                name: value
                for factor, row in zip(self.factors, rows, strict=True)
                for name, value in zip(factor.names, row, strict=True)
            }

    def moving_with(self, axes: set[str]) -> set[str]:
        """These axes, and those that move where they do: swept together with them, or by table."""
        moving = set(axes)
        for factor in self.factors:
            if moving & {*factor.names, *factor.by}:
                moving.update(factor.names)
        return moving


def chosen(
    factors: Sequence[Factor],
    exclusions: Sequence[Exclusion],
    missing: dict[int, list[Row]] | None = None,
) -> Iterator[Point]:
    """Points that tables and exclusions leave.

    Args:
        missing: gets the keys that the table of a factor, by its place, has no entry for.
    """
    ready: list[list[Exclusion]] = []
    known: set[str] = set()
    for factor in factors:
        before = set(known)
        known.update(factor.names)
        # An exclusion is asked as soon as all of its axes have values.
        ready.append([e for e in exclusions if set(e.given) <= known and not set(e.given) <= before])
    point: dict[str, Value] = {}
    trail: list[Iterator[Row]] = [iter(factors[0].values)] if factors else []
    if not factors:
        yield {}
    while trail:
        level = len(trail) - 1
        factor = factors[level]
        row = next(trail[-1], None)
        if row is None:
            trail.pop()
            continue
        point.update(zip(factor.names, row, strict=True))
        if any(exclusion.holds(point) for exclusion in ready[level]):
            continue
        if level + 1 == len(factors):
            yield dict(point)
            continue
        rows = factors[level + 1].rows(point)
        if rows is None:
            if missing is not None:
                key = tuple(point[name] for name in factors[level + 1].by)
                wanted = missing.setdefault(level + 1, [])
                if key not in wanted:
                    wanted.append(key)
            continue
        trail.append(iter(rows))


def alike(value: Value) -> object:
    """Something hashable that equal values have in common."""
    if isinstance(value, tuple):
        return tuple(alike(item) for item in value)
    return value.signature.name if isinstance(value, ComponentValue) else value
