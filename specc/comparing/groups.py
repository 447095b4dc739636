"""Groups of a comparison: arms that differ by their seed alone, or by what the question leaves out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from specc.comparing.model import Group, Interval, Question, SeedValue, State
from specc.comparing.rows import Measured, unknown
from specc.errors import QueryError
from specc.statistics.aggregates import interquartile_mean
from specc.statistics.interval import mean, sd, t_interval
from specc.study import BASE

PLACES = ("experiment", "workspace")
"""Names of rows that tell where they come from, not what was done."""

_WORST: tuple[State, ...] = ("done", "missing", "failed", "diverged")

Twin = tuple[Any, ...]
"""Values of all names that make no group: an arm pairs with the one that has the same, at the same seed."""


@dataclass(frozen=True, slots=True)
class Members:
    """The rows of a group.

    Attributes:
        values: of the names that make it. by_seed: its rows by seed and then by twin; there is one row of
            each, unless experiments are compared of which one has axes that the other hasn't.
    """

    name: str
    values: dict[str, Any]
    by_seed: dict[int, dict[Twin, tuple[Measured, ...]]] = field(default_factory=dict)

    def rows(self) -> Iterable[Measured]:
        return (row for seed in self.by_seed for row in self.at(seed))

    def at(self, seed: int) -> list[Measured]:
        """Rows of a seed."""
        return [row for rows in self.by_seed.get(seed, {}).values() for row in rows]

    def done(self, seed: int) -> list[float]:
        """Results at a seed, of the arms that have one."""
        return [row.value for row in self.at(seed) if row.value is not None]

    def state(self, seed: int) -> State:
        """`done` if any arm is, else what is worst."""
        states = {row.state for row in self.at(seed)} or {"missing"}
        return "done" if "done" in states else max(states, key=_WORST.index)

    def means(self) -> dict[int, float]:
        """The value of each seed that has one: the mean over its arms."""
        return {seed: mean(done) for seed in sorted(self.by_seed) if (done := self.done(seed))}


def matches(row: Measured, given: Mapping[str, Any]) -> bool:
    """Whether a row has all these values."""
    return all(
        row.seed == value if name == "seed" else same(row.names.get(name), value)
        for name, value in given.items()
    )


def same(one: Any, other: Any) -> bool:
    """Whether two values of an axis are the same; a number may have been written in two ways.

    >>> same(0.1 + 0.2, 0.3), same(1, True), same(None, None)
    (True, False, True)
    """
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one == other or abs(one - other) <= 1e-12 * max(abs(one), abs(other))
    return bool(one == other)


def varying(rows: Iterable[Measured], among: Iterable[str] | None = None) -> list[str]:
    """Names, in order, whose value is not the same in all rows; a seed is no name."""
    first: dict[str, Any] = {}
    found: dict[str, bool] = {}
    rows = list(rows)
    names = list(dict.fromkeys(name for row in rows for name in row.names)) if among is None else list(among)
    for row in rows:
        for name in names:
            value = row.names.get(name)
            if name not in first:
                first[name] = value
            elif not found.get(name) and not same(first[name], value):
                found[name] = True
    return [name for name in names if found.get(name)]


def grouped(rows: Sequence[Measured], question: Question) -> list[Members]:
    """The rows of a question by group, in the order of the sweep (of arms).

    Raises:
        QueryError: for a name in `by` or `given` that the arms don't have, or a given value that none has.
    """
    if question.sides:
        return _sides(rows, question)
    _check(rows, question)
    kept = [row for row in rows if matches(row, question.given)]
    others = varying(kept, _others(kept, question.by))
    found: dict[tuple[Any, ...], Members] = {}
    for row in kept:
        values = {name: row.names.get(name) for name in question.by}
        place = tuple(values.values())
        if place not in found:
            found[place] = Members(name_of(question.by, row), values)
        _add(found[place], row, others)
    return _told_apart(list(found.values()))


def _sides(rows: Sequence[Measured], question: Question) -> list[Members]:
    fixed = {name for side in question.sides for name in side.given}
    picked: list[tuple[Members, list[Measured]]] = []
    for side in question.sides:
        kept = [
            row
            for row in rows
            if row.experiment.lower() == side.experiment.lower()
            and row.source.workspace == side.workspace
            and matches(row, side.given)
        ]
        picked.append((Members(side.name, dict(side.given)), kept))
    every = [row for _, kept in picked for row in kept]
    axes = [set(row.names) for row in every]
    shared = set.intersection(*axes) if axes else set()
    others = [name for name in varying(every) if name in shared - fixed - set(PLACES)]
    for members, kept in picked:
        for row in kept:
            _add(members, row, others)
    return [members for members, _ in picked]


def _others(rows: Sequence[Measured], by: Sequence[str]) -> list[str]:
    """Names that make no group but tell arms apart. Where experiments are compared, axes that only some
    of them have don't."""
    every = [set(row.names) for row in rows]
    shared = set.intersection(*every) if every else set()
    names = dict.fromkeys(name for row in rows for name in row.names)
    compared = "experiment" in by or "workspace" in by
    return [
        name for name in names if name not in by and not (compared and (name in PLACES or name not in shared))
    ]


def _add(members: Members, row: Measured, others: Sequence[str]) -> None:
    twins = members.by_seed.setdefault(row.seed, {})
    twin: Twin = tuple(row.names.get(name) for name in others)
    twins[twin] = (*twins.get(twin, ()), row)


def _check(rows: Sequence[Measured], question: Question) -> None:
    if not rows:
        return
    known = list(dict.fromkeys(name for row in rows for name in row.names))
    for name in (*question.by, *question.given):
        if name != "seed" and name not in known:
            raise unknown("axis", name, known)
    if "seed" in question.by:
        raise QueryError("a seed makes no group: seeds are replicates", "leave `seed` out of `by`")
    for name, value in question.given.items():
        if name != "seed" and not any(same(row.names.get(name), value) for row in rows):
            texts = dict.fromkeys(value_text(name, row) for row in rows)
            raise unknown("value of", f"{name} = {value}", [f"{name} = {text}" for text in texts])


def value_text(name: str, row: Measured) -> str:
    """A value as the recipe writes it."""
    if name in row.texts:
        return row.texts[name]
    value = row.names.get(name)
    if value is None:
        return "best"
    return (
        f"{value:g}"
        if isinstance(value, float)
        else str(value).lower()
        if isinstance(value, bool)
        else str(value)
    )


def name_of(by: Sequence[str], row: Measured) -> str:
    """Name of a row's group, for instance `replay, early = 50%`."""
    parts = [
        value_text(name, row) if name in ("recipe", *PLACES) else f"{name} = {value_text(name, row)}"
        for name in by
    ]
    return ", ".join(parts) or "all arms"


def _told_apart(groups: list[Members]) -> list[Members]:
    """Groups with names that are unique: a number behind those that repeat."""
    seen: dict[str, int] = {}
    found = []
    for group in groups:
        seen[group.name] = number = seen.get(group.name, 0) + 1
        name = group.name if number == 1 else f"{group.name} ({number})"
        found.append(Members(name, group.values, group.by_seed))
    return found


def baseline_of(groups: Sequence[Members], question: Question) -> Members:
    """The group that the others are paired with: the one that is named; else the recipe `base` at the
    first values of the axes; else the first.

    Raises:
        QueryError: if there is no group of that name.
    """
    if question.baseline:
        wanted = _squeezed(question.baseline)
        for group in groups:
            if _squeezed(group.name) == wanted:
                return group
        raise unknown("group", question.baseline, [group.name for group in groups])
    if question.sides:
        return groups[0]
    return next((group for group in groups if group.values.get("recipe") == BASE), groups[0])


def _squeezed(name: str) -> str:
    return "".join(name.split()).lower()


def described(members: Members, level: float, selected: bool) -> Group:
    """A group as data: its seeds, their mean and its interval."""
    means = members.means()
    seeds = sorted(members.by_seed)
    values = list(means.values())
    interval = t_interval(values, level)
    states = [row.state for row in members.rows()]
    lost: dict[State, int] = {
        each: states.count(each) for each in _WORST if each != "done" and each in states
    }
    return Group(
        name=members.name,
        values=members.values,
        arms=max((len(members.at(seed)) for seed in members.by_seed), default=0),
        seeds=tuple(SeedValue(seed=seed, value=means.get(seed), state=members.state(seed)) for seed in seeds),
        n=len(values),
        mean=mean(values) if values else None,
        sd=sd(values) if len(values) > 1 else None,
        interquartile_mean=interquartile_mean(values) if len(values) > 3 else None,
        interval=None
        if interval is None
        else Interval(low=interval.low, high=interval.high, level=level, method=f"t, {freedom(interval.df)}"),
        selected=selected,
        left_out=sum(lost.values()),
        lost=lost,
    )


def freedom(df: float) -> str:
    """Degrees of freedom in words.

    >>> freedom(1), freedom(4), freedom(3.52)
    ('1 degree of freedom', '4 degrees of freedom', '3.5 degrees of freedom')
    """
    return f"{df:.0f} degree{'s' * (df != 1)} of freedom" if df == int(df) else f"{df:.1f} degrees of freedom"
