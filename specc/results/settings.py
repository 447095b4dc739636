"""Resolved settings of a stage as rows: a name, how it is written, and the number that it is.

A setting that is a component has a row for its name and one for each of its arguments, defaults
included: `schedule` is `cosine`, `schedule.peak` 0.003.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from specc.analysis.values import show_argument
from specc.components import COMPONENTS, REQUIRED
from specc.graph.parameters import arguments, shown

Rows = dict[str, tuple[str, float | None]]
"""Name -> how the value is written, and the number that it is; None if it is none."""

_NUMBER = re.compile(r"(-?[\d_,]*\.?\d+(?:e[+-]?\d+)?)([KMBT]?)(%| [a-z]+)?", re.IGNORECASE)
_SUFFIXES = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}


def flattened(settings: Mapping[str, Any]) -> Rows:
    """Settings by dotted names.

    >>> flattened({"batch": "24 sequences", "optimizer": "sgd(momentum = 0.5)"})["optimizer.momentum"]
    ('0.5', 0.5)
    >>> flattened({"schedule": "cosine(peak = 3e-3, warmup = 5%)"})["schedule.warmup"]
    ('5%', 0.05)
    """
    found: Rows = {}
    for name, value in settings.items():
        for path, text in _flat(name, value if isinstance(value, str) else _written(value)):
            found[path] = (text, number(text))
    return found


def _written(value: Any) -> str:
    return repr(value) if type(value) in (int, float) else shown(value)


def _flat(name: str, text: str) -> Iterator[tuple[str, str]]:
    given = arguments(text)
    if given is None:
        yield name, text[1:-1] if re.fullmatch(r'"[^"\\]*"', text) else text
        return
    component = given.pop("")
    yield name, component
    for argument, value in (_defaults(component) | given).items():
        yield from _flat(f"{name}.{argument}", value)


def _defaults(component: str) -> dict[str, str]:
    """Arguments that a component has where they are not given; a default never changes."""
    try:
        parameters = COMPONENTS[component].parameters
    except KeyError:  # of a package that is not installed here, or made by a package
        return {}
    return {
        p.name: show_argument(p.default)
        for p in parameters
        if p.identity and p.default is not REQUIRED and p.default is not None
    }


def number(text: str) -> float | None:
    """The number that a text is: a quantity without its unit, a percentage as a share.

    >>> number("24 sequences"), number("20M tokens"), number("10%"), number("117,120"), number("none")
    (24.0, 20000000.0, 0.1, 117120.0, None)
    """
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    digits, suffix, unit = match.groups()
    value = float(digits.replace("_", "").replace(",", "")) * _SUFFIXES[suffix.lower()]
    return value / 100 if unit == "%" else value
