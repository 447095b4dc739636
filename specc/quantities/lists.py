"""Pieces of SQL on lists, of which functions are built.

Functions on points and on axes take lists apart by `list_reduce`, which goes through a list once. A
subquery would be shorter to write; but DuckDB 2.0.0 carries the whole list along with each of its rows,
and a thousand points in each of a hundred groups take it sixteen seconds in place of a twentieth.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

POINTS = "STRUCT(x DOUBLE, y DOUBLE)[]"
"""Type of a list of points."""


def let(names: dict[str, str], body: str) -> str:
    """SQL of an expression in which names stand for others: each is computed once, in order.

    DuckDB's time to bind doubles with each lambda inside another: few names, that hold structs.
    """
    for name, expression in reversed(names.items()):
        body = f"list_transform([{expression}], lambda {name}: {body})[1]"
    return body


def taking(arguments: dict[str, str], body: str) -> str:
    """SQL of an expression over arguments of a function, in which they are `q_in.NAME`.

    They are computed outside of all lambdas: an argument may be a subquery, which no lambda can hold.
    """
    fields = ", ".join(f"'{name}': {expression}" for name, expression in arguments.items())
    return let({"q_in": f"{{{fields}}}"}, body)


def finite_points(points: str) -> str:
    """SQL of the finite points of a list, sorted by x and y; empty for null."""
    return (
        f"list_sort(list_filter(coalesce({points}, [])::{POINTS}, "
        "lambda q_p: isfinite(q_p.x) AND isfinite(q_p.y)))"
    )


def reduce(items: str, each: str, start: str) -> str:
    """SQL that goes through a list: `each` makes of the state `q_s` and an item `q_p` the next state.

    Args:
        start: state before the first; a struct, of the fields and types of `each`.
    """
    return f"list_reduce({items}, lambda q_s, q_p: {each}, {start})"


Step: TypeAlias = "Callable[[str, str, str], str]"
"""SQL of the next state, given SQL of the state, of an x, and of the mean y of the points there."""


def grouped(items: str, step: Step, start: dict[str, str]) -> str:
    """SQL of the state behind the last of sorted points, gone through by their x.

    Args:
        step: SQL of a struct with the fields of `start`.
        start: field -> its value before the first x.
    """
    fields = ", ".join(f"'{name}': {value}" for name, value in start.items())
    within = f"{{'x': NULL::DOUBLE, 'sum': 0.0::DOUBLE, 'n': 0, 'at': {{{fields}}}}}"
    ended = step("q_s.at", "q_s.x", "(q_s.sum / q_s.n)")
    each = (
        "CASE WHEN q_s.n > 0 AND q_p.x = q_s.x "
        "THEN {'x': q_s.x, 'sum': q_s.sum + q_p.y, 'n': q_s.n + 1, 'at': q_s.at} "
        "ELSE {'x': q_p.x, 'sum': q_p.y, 'n': 1, "
        f"'at': CASE WHEN q_s.n > 0 THEN {ended} ELSE q_s.at END}} END"
    )
    # One more point, farther than any, ends the last group.
    closed = f"list_append({items}, {{'x': 'inf'::DOUBLE, 'y': 0.0::DOUBLE}})"
    return f"{reduce(closed, each, within)}.at"
