"""The query that gives a comparison's values: what a reader runs to look into them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from specc.comparing.model import Question
from specc.comparing.rows import WITHIN, Source, relation
from specc.results.schema import literal, quoted
from specc.words import printable


def value_query(question: Question, sources: Sequence[Source] = ()) -> str:
    """SQL of a row for each group and seed: its value (the mean over its arms), and how many arms.

    A value is NaN where an arm diverged. Of several workspaces it is to be run in each; of named groups in
    several there is a query for each workspace.
    """
    if question.sides:
        return _of_sides(question)
    names = [quoted(name) for name in question.by if name != "workspace"]
    wanted = _given({name: value for name, value in question.given.items() if name != "workspace"})
    experiments = dict.fromkeys(question.experiments)
    table = relation(next(iter(experiments)), "results") if len(experiments) == 1 else "main.results"
    if len(experiments) > 1:
        wanted = [f"experiment in ({', '.join(literal(name) for name in experiments)})", *wanted]
    several = "-- in each workspace\n" if len(sources) > 1 else ""
    return f"{several}{_select(question, names, table, wanted)}\norder  by all"


def _of_sides(question: Question) -> str:
    """A query of its own for each named group: an arm may be in two of them."""
    by_place: dict[str, list[str]] = {}
    for side in question.sides:
        name, table = f'{literal(side.name)} as "group"', relation(side.experiment, "results")
        by_place.setdefault(side.workspace, []).append(_select(question, [name], table, _given(side.given)))
    return ";\n\n".join(
        (f"-- in {printable(place)}\n" if len(by_place) > 1 else "")
        + "\nunion  all\n".join(selects)
        + "\norder  by all"
        for place, selects in by_place.items()
    )


def _select(question: Question, names: Sequence[str], table: str, wanted: Sequence[str]) -> str:
    place = [
        f"eval = {literal(question.eval)}",
        f"metric = {literal(question.metric)}",
        f"stage = {literal(question.stage)}",
        "position = 1" if question.position == 1 else f"abs(position - {question.position!r}) < {WITHIN}",
    ]
    columns = ", ".join([*names, "seed", "avg(value) as value", "count(*) as arms"])
    return f"select {columns}\nfrom   {table}\nwhere  {' and '.join([*place, *wanted])}\ngroup  by all"


def _given(given: Mapping[str, Any]) -> list[str]:
    return [
        f"{quoted(name)} is null"
        if value is None
        else f"abs({quoted(name)} - {value!r}) <= {abs(value) * 1e-12!r}"
        if isinstance(value, float)
        else f"{quoted(name)} = {_value(value)}"
        for name, value in given.items()
    ]


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, int | float) else literal(str(value))
