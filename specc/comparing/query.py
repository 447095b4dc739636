"""The query that gives a comparison's values: what a reader runs to look into them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from specc.comparing.model import Question
from specc.comparing.rows import WITHIN, Source, relation
from specc.results.schema import literal, quoted


def value_query(question: Question, sources: Sequence[Source] = ()) -> str:
    """SQL of a row for each group and seed: its value (the mean over its arms), and how many arms.

    A value is NaN where an arm diverged. Of several workspaces it is to be run in each.
    """
    if question.sides:
        experiments = dict.fromkeys(side.experiment for side in question.sides)
        conditions = {
            side.name: _all([f"experiment = {_value(side.experiment)}", *_given(side.given)])
            for side in question.sides
        }
        cases = " ".join(f"when {test} then {literal(name)}" for name, test in conditions.items())
        names = [f'case {cases} end as "group"']
        wanted = ["(" + " or ".join(conditions.values()) + ")"]
    else:
        experiments = dict.fromkeys(question.experiments)
        names = [quoted(name) for name in question.by if name != "workspace"]
        wanted = _given({name: value for name, value in question.given.items() if name != "workspace"})
    table = relation(next(iter(experiments)), "results") if len(experiments) == 1 else "main.results"
    if len(experiments) > 1 and not question.sides:
        listed = ", ".join(literal(name) for name in experiments)
        wanted = [f"experiment in ({listed})", *wanted]
    place = [
        f"eval = {literal(question.eval)}",
        f"metric = {literal(question.metric)}",
        f"stage = {literal(question.stage)}",
        "position = 1" if question.position == 1 else f"abs(position - {question.position!r}) < {WITHIN}",
    ]
    columns = ", ".join([*names, "seed", "avg(value) as value", "count(*) as arms"])
    several = "-- in each workspace\n" if len(sources) > 1 else ""
    return (
        f"{several}select {columns}\nfrom   {table}\nwhere  {_all([*place, *wanted])}\n"
        "group  by all\norder  by all"
    )


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


def _all(conditions: Sequence[str]) -> str:
    return " and ".join(conditions) or "true"
