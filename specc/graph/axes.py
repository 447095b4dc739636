"""Values of swept axes as people write them."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from math import prod
from typing import Any

from specc.study import BASE, Arm, AxisType, Study
from specc.words import printable


def axis_text(value: Any, kind: AxisType) -> str:
    """A value of an axis in the units of its axis.

    >>> axis_text(0.25, "fraction"), axis_text(2_000_000, "tokens"), axis_text(0.001, "float")
    ('25%', '2M tokens', '0.001')
    """
    from specc.analysis.values import show_share, show_tokens

    if value is None:  # an arm in which `best` has chosen among the values
        return "best"
    if kind == "fraction":
        return show_share(Fraction(float(value)).limit_denominator(10**9))
    if kind in ("tokens", "steps", "sequences"):
        return f"{show_tokens(int(value))} {kind if int(value) != 1 else kind[:-1]}"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


def value_text(arm: Arm, axis: str, kind: AxisType) -> str:
    """An arm's value of an axis; of one that an import lacks, what the arm's label says."""
    value = arm.axes.get(axis)
    return "none" if value is None and f"/{axis}=none" in arm.label else axis_text(value, kind)


def arm_text(study: Study, arm: Arm, seed: bool = True) -> str:
    """Where an arm lies in its study: recipe (if there are several), axes, and the seed if asked for."""
    types = {axis.name: axis.type for axis in study.axes}
    parts = [arm.recipe] if arm.recipe != BASE or any(each.recipe != BASE for each in study.arms) else []
    parts += [f"{name} = {value_text(arm, name, types[name])}" for name in arm.axes if name in types]
    parts += [f"seed = {arm.seed}"] if seed else []
    return printable(", ".join(parts))


def points_text(study: Study, arms: Iterable[int], most: int = 5) -> str:
    """Which arms of a study: by what they have in common if that tells them, else one by one.

    "all arms" if it is all; values that all arms take are left out, so "early = 0%, 25%" may stand for
    many arms.
    """
    chosen = sorted(set(arms))
    if len(chosen) == len(study.arms):
        return "all arms" if len(chosen) > 1 else "the only arm"
    types = {axis.name: axis.type for axis in study.axes}

    def place(arm: Arm) -> dict[str, str]:
        axes = {name: value_text(arm, name, types[name]) for name in arm.axes if name in types}
        return {"recipe": arm.recipe} | axes | {"seed": str(arm.seed)}

    places = [place(study.arms[number]) for number in chosen]
    taken = _values(places)
    every = _values(place(arm) for arm in study.arms)
    if prod(map(len, taken.values())) == len(places):
        listed = [
            f"{name} = {_some(list(values), ', ', most)}"
            for name, values in taken.items()
            if len(values) < len(every[name])
        ]
        return printable("; ".join(listed))
    named = dict.fromkeys(
        ", ".join(
            f"{name} = {value}" for name, value in each.items() if name != "seed" and len(every[name]) > 1
        )
        or f"seed = {each['seed']}"
        for each in places
    )
    return printable(_some(list(named), "; ", most))


def _values(places: Iterable[dict[str, str]]) -> dict[str, dict[str, None]]:
    found: dict[str, dict[str, None]] = {}
    for each in places:
        for name, value in each.items():
            found.setdefault(name, {})[value] = None
    return found


def _some(texts: list[str], between: str, most: int) -> str:
    more = [f"... {len(texts) - most} more"] if len(texts) > most else []
    return between.join([*texts[:most], *more])
