"""Parameters of steps as people read them, whatever the operation."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from specc.study import Cell, PlannedStep, StageRun
from specc.words import printable

MOST_CHARACTERS = 120
"""Of a value that is shown; more is cut."""


def flat(params: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Parameters by path, a component's arguments under its name; lists of values stay whole.

    >>> list(flat({"reader": {"name": "markov", "args": {"tokens": 5}}, "held_out": "1/20"}))
    [('reader', 'markov'), ('reader.tokens', 5), ('held_out', '1/20')]
    """
    for name, value in params.items():
        path = f"{prefix}{name}"
        if isinstance(value, Mapping) and {"name", "args"} <= set(value):
            rest = {key: each for key, each in value.items() if key not in ("name", "args")}
            yield path, value["name"]
            yield from flat(rest | value["args"], f"{path}.")
        elif isinstance(value, Mapping):
            yield from flat(value, f"{path}.")
        else:
            yield path, value


def shown(value: Any) -> str:
    """A parameter's value in one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "none"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, Mapping):
        if {"name", "args"} <= set(value):
            return f"{shown(value['name'])}({_pairs(value['args'])})"
        return "{" + _pairs(value) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(shown, value)) + "]"
    text = str(value)
    if re.fullmatch(r"[0-9a-f]{64}", text):
        return text[:12] + "..."
    return percentage(text) or printable(text)


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{printable(str(name))} = {shown(value)}" for name, value in values.items())


def percentage(text: str) -> str | None:
    """An exact fraction, "n/d", as a percentage; None for any other text."""
    if not re.fullmatch(r"-?\d{1,30}/[1-9]\d{0,29}", text):
        return None
    from fractions import Fraction

    from specc.analysis.values import show_share

    return show_share(Fraction(text))


def cut(text: str, most: int = MOST_CHARACTERS) -> str:
    """A text that is no longer than `most` characters."""
    return text if len(text) <= most else text[: most - 3] + "..."


def step_parameters(step: PlannedStep) -> dict[str, str]:
    """All parameters of a step that are not empty, by name; roles of its inputs are told with these."""
    return {
        printable(path): cut(shown(value))
        for path, value in flat(step.params)
        if value not in ("", None, [], {}) and not (isinstance(value, str) and value in step.inputs)
    }


def stage_parameters(run: StageRun, cells: Sequence[Cell] = (), steps: int | None = None) -> dict[str, str]:
    """What a stage is trained with: the settings of the recipe, resolved.

    Args:
        cells: what it reads. steps: up to which of its training steps; None for all.
    """
    done = run.steps if steps is None else steps
    tokens = run.tokens * done // run.steps if run.steps else 0
    settings = {name: cut(shown(value)) for name, value in run.settings.items()}
    found = {"from": printable(run.parent), "steps": f"{done:,}", "tokens": f"{tokens:,}"}
    if cells:
        found["reads"] = cut(", ".join(f"{printable(cell.corpus)} {cell.planned:,}" for cell in cells))
    return found | settings


def arguments(text: str) -> dict[str, str] | None:
    """The arguments of a component as `StageRun.settings` spells it, its name under ""; None for other texts.

    >>> arguments('cosine(peak = 0.003, warmup = 2%)')
    {'': 'cosine', 'peak': '0.003', 'warmup': '2%'}
    """
    match = re.fullmatch(r"([A-Za-z_]\w*)\((.*)\)", text, re.DOTALL)
    if match is None:
        return None
    found = {"": match[1]}
    depth, quoted, start = 0, False, 0
    inside = match[2]
    for place, sign in enumerate(inside + ","):
        if sign == '"':
            quoted = not quoted
        elif not quoted:
            depth += (sign in "([{") - (sign in ")]}")
            if sign == "," and depth <= 0:
                name, equals, value = inside[start:place].partition("=")
                if equals:
                    found[name.strip()] = value.strip()
                start = place + 1
    return found
