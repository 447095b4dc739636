"""Values of swept axes as people write them."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from specc.study import BASE, Arm, AxisType, Study
from specc.words import printable


def axis_text(value: Any, kind: AxisType) -> str:
    """A value of an axis in the units of its axis.

    >>> axis_text(0.25, "fraction"), axis_text(2_000_000, "tokens"), axis_text(0.001, "float")
    ('25%', '2M tokens', '0.001')
    """
    from specc.analysis.values import show_share, show_tokens

    if value is None:
        return "none"
    if kind == "fraction":
        return show_share(Fraction(float(value)).limit_denominator(10**9))
    if kind in ("tokens", "steps", "sequences"):
        return f"{show_tokens(int(value))} {kind if int(value) != 1 else kind[:-1]}"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


def arm_text(study: Study, arm: Arm, seed: bool = True) -> str:
    """Where an arm lies in its study: recipe (if there are several), axes, and the seed if asked for."""
    types = {axis.name: axis.type for axis in study.axes}
    parts = [arm.recipe] if arm.recipe != BASE or any(each.recipe != BASE for each in study.arms) else []
    parts += [
        f"{name} = {axis_text(value, types[name])}" for name, value in arm.axes.items() if name in types
    ]
    parts += [f"seed = {arm.seed}"] if seed else []
    return printable(", ".join(parts))


def points_text(study: Study, arms: Iterable[int], most: int = 5) -> str:
    """Which arms of a study, by their points in the sweep without seeds; "all arms" if so."""
    chosen = set(arms)
    if len(chosen) == len(study.arms):
        return "all arms" if len(chosen) > 1 else "the only arm"
    recipes = any(arm.recipe != BASE for arm in study.arms)
    types = {axis.name: axis.type for axis in study.axes}
    named: dict[str, None] = {}
    for arm in study.arms:
        if arm.arm in chosen:
            parts = [arm.recipe] if recipes else []
            parts += [f"{k} = {axis_text(v, types[k])}" for k, v in arm.axes.items() if k in types]
            named[", ".join(parts) or f"seed = {arm.seed}"] = None
    listed = list(named)
    more = f", ... {len(listed) - most} more" if len(listed) > most else ""
    if not recipes and len(study.axes) <= 1:  # the name once, then its values
        name = listed[0].partition(" = ")[0] if listed else ""
        values = [text.removeprefix(f"{name} = ") for text in listed[:most]]
        return printable(f"{name} = {', '.join(values)}") + more if listed else "no arm"
    return printable("; ".join(listed[:most])) + more.replace(",", ";", 1)
