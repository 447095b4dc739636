"""Runs of other tools as arms: which of their parameters are axes, which is the seed, which tells recipes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from specc.exchange.foreign import ForeignRun, Scalar, number, refused, whole
from specc.exchange.sources.tables import KNOWN, Told
from specc.results.schema import axis_columns
from specc.study import BASE, Axis, AxisType

MOST_AXES = 64


@dataclass(frozen=True, slots=True)
class Placed:
    """A run as an arm: its recipe, values of the axes, and seed."""

    run: ForeignRun
    recipe: str
    axes: dict[str, Any]
    seed: int


@dataclass(slots=True)
class Arranged:
    """All runs as arms.

    Attributes:
        parted: parameters that arms are told apart by: those of axes, the seed, the recipe.
        notes: what was taken for something, or left out, in words.
    """

    axes: tuple[Axis, ...]
    parted: frozenset[str] = frozenset()
    arms: list[Placed] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def arrange(runs: Sequence[ForeignRun], told: Told) -> Arranged:
    """Runs as arms.

    A parameter that differs among runs is an axis. One that is a text and another in each run is a name or a
    path, and no axis unless it is the only one that differs. Without any, a run's name is its recipe. Of
    several runs of an arm the one that came last counts.

    Raises:
        QueryError: if a parameter that was told is in no run, or a seed is no whole number.
    """
    notes: list[str] = []
    known = dict.fromkeys(name for run in runs for name in run.parameters)
    _see_names(runs, told, known)
    seeded = next((name for name in told.of("seed") if name in known), None)
    if seeded is None and all(run.seed is None for run in runs):
        seeded = next((name for name in known if KNOWN.get(name.rpartition(".")[2].lower()) == "seed"), None)
        said = [run.parameters[seeded] for run in runs if seeded in run.parameters] if seeded else []
        if any(whole(value) is None for value in said):
            seeded = None
        if seeded is not None:
            notes.append(f"`{seeded}` is taken for the seed")
    named = next((name for name in told.of("recipe") if name in known), None)
    if named is None and len({run.recipe for run in runs}) == 1:
        named = next((name for name in known if name.lower() == "recipe"), None)
    parted = {name for name in (seeded, named) if name is not None}
    axes = _axes(runs, told, parted, notes)
    told_apart = bool(axes) or named is not None or len({run.recipe for run in runs}) > 1
    seeds = [_seed(run, seeded) for run in runs]
    replicates = None not in seeds and len(set(seeds)) == len(seeds)
    by_name = not told_apart and not replicates and len(runs) > 1 and all(run.named for run in runs)
    names = _titles(runs)
    found = Arranged(tuple(axes.values()), frozenset(parted | axes.keys()), notes=notes)
    counts: dict[tuple[Any, ...], int] = {}
    latest: dict[tuple[Any, ...], Placed] = {}
    # Stable: those without a time keep their order. Those without a seed get one that is free.
    for seed, run in sorted(
        zip(seeds, runs, strict=True), key=lambda each: (each[0] is None, each[1].started)
    ):
        recipe = run.recipe or BASE
        if named is not None:
            recipe = str(run.parameters.get(named, BASE))
        elif by_name:
            recipe = names[run.name]
        values = {
            axis.name: _typed(run.parameters.get(parameter), axis.type) for parameter, axis in axes.items()
        }
        point = (recipe, *map(repr, values.values()))
        if seed is None:
            seed = counts.get(point, 0)
            while (*point, seed) in latest:
                seed += 1
            counts[point] = seed + 1
            if seeded is not None:
                notes.append(f"`{run.title or run.name}` has no `{seeded}`; {seed} is taken")
        key = (*point, seed)
        if key in latest:
            before = latest[key].run
            notes.append(
                f"`{before.title or before.name}` has the parameters and seed of `{run.title or run.name}`, "
                "which came later; it is left out"
            )
        latest[key] = Placed(run, recipe, values, seed)
    if seeded is None and counts and max(counts.values()) > 1:
        notes.append("no seed is known: runs with the same parameters count as seeds 0, 1, ...")
    if by_name:
        notes.append("no parameter differs: the name of a run is its recipe")
    found.arms = _ordered(list(latest.values()), found.axes)
    return found


def _seed(run: ForeignRun, parameter: str | None) -> int | None:
    """The seed of a run; None if it says none.

    Raises:
        QueryError: if it says one that is no whole number.
    """
    if parameter is None:
        return run.seed
    found = whole(run.parameters.get(parameter))
    if found is None and parameter in run.parameters:
        refused(
            f"`{parameter}` of run `{run.title or run.name}` is no whole number", "name another with `--seed`"
        )
    return found


def _see_names(runs: Sequence[ForeignRun], told: Told, known: Mapping[str, None]) -> None:
    """See that parameters that were told of are there, or were taken from columns already."""
    taken = {
        "seed": any(run.seed is not None for run in runs),
        "recipe": any(run.recipe is not None for run in runs),
    }
    for role in ("axis", "setting", "seed", "recipe"):
        for name in told.of(role):
            if not (name in known or told.called(name) in known or taken.get(role, False)):
                listed = ", ".join(f"`{each}`" for each in list(known)[:30]) or "none"
                refused(f"no run has a parameter `{name}`", f"parameters: {listed}")


def _titles(runs: Sequence[ForeignRun]) -> dict[str, str]:
    """What runs are called: by their title where that is another in each."""
    titles = [run.title for run in runs]
    alone = all(titles) and len(set(titles)) == len(titles)
    return {run.name: run.title if alone else run.name for run in runs}


def _axes(runs: Sequence[ForeignRun], told: Told, parted: set[str], notes: list[str]) -> dict[str, Axis]:
    """Axes by the parameter that each is of."""
    asked = {told.called(name) for name in told.of("axis")} | set(told.of("axis"))
    not_asked = {told.called(name) for name in told.of("setting")} | set(told.of("setting"))
    left = set(told.of("skip")) | not_asked | parted
    found: dict[str, Axis] = {}
    names = []
    # A run that failed may have done so before it had told all of its parameters.
    whole_ones = [run for run in runs if run.state != "failed"] or list(runs)
    for parameter in dict.fromkeys(name for run in runs for name in run.parameters):
        values = [run.parameters.get(parameter) for run in runs]
        told_of = {repr(run.parameters.get(parameter)) for run in whole_ones}
        differing = len(told_of | {repr(value) for value in values if value is not None}) > 1
        if parameter in left or not (differing or parameter in asked):
            continue
        axis = _axis(told.called(parameter), [value for value in values if value is not None])
        apart = len({repr(value) for value in values}) == len(runs) > 2 and axis.type == "string"
        if apart and parameter not in asked:
            names.append(parameter)
            continue
        found[parameter] = axis
    if names and not found and len(names) == 1:
        values = [run.parameters.get(names[0]) for run in runs]
        found[names[0]] = _axis(told.called(names[0]), [value for value in values if value is not None])
    else:
        for name in names:
            notes.append(
                f"`{name}` is another text in each run, and no axis; `--map {name}=axis` makes it one"
            )
    if len(found) > MOST_AXES:
        refused(
            f"{len(found)} parameters differ among the runs, more than {MOST_AXES} axes",
            "name those that were varied: `--map NAME=axis`; and others `--map NAME=setting`",
        )
    # What is a column already, or differs from another in case alone, gets the name of its column.
    columns = axis_columns(list(found.values()))
    return {
        parameter: axis.model_copy(update={"name": column.name})
        for (parameter, axis), column in zip(found.items(), columns, strict=True)
    }


def _axis(name: str, values: Sequence[Scalar]) -> Axis:
    """An axis with the narrowest type that all values have."""
    type: AxisType = "string"
    if all(isinstance(value, bool) for value in values):
        type = "bool"
    elif all(
        isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63 for value in values
    ):
        type = "int"
    elif all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        type = "float" if all(math.isfinite(number(value) or 0.0) for value in values) else "string"
    distinct = {repr(found): found for found in (_typed(value, type) for value in values)}
    ordered = sorted(distinct.values()) if type != "string" else list(distinct.values())
    return Axis(name=name, type=type, values=tuple(ordered))


def _typed(value: Scalar | None, type: AxisType) -> Any:
    if value is None:
        return None
    if type == "string":
        return str(value).lower() if isinstance(value, bool) else str(value)
    return float(value) if type == "float" else value


def _ordered(arms: list[Placed], axes: Sequence[Axis]) -> list[Placed]:
    """Arms by recipe in the order in which these are met, then by their axes and seed."""
    recipes = {arm.recipe: place for place, arm in reversed(list(enumerate(arms)))}
    places = {axis.name: {repr(value): place for place, value in enumerate(axis.values)} for axis in axes}

    def place(arm: Placed) -> tuple[Any, ...]:
        along = (places[name].get(repr(value), -1) for name, value in arm.axes.items())
        return (recipes[arm.recipe], *along, arm.seed)

    return sorted(arms, key=place)
