"""Results read for a comparison: one row per arm that should have the result, whether it has it or not."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from specc.comparing.model import Question, State
from specc.diagnostics import nearest
from specc.errors import QueryError
from specc.results.reader import experiments
from specc.results.schema import quoted, schema_name

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

WITHIN = 1e-9
"""Positions that are nearer than this are the same."""


@dataclass(frozen=True, slots=True)
class Arms:
    """The arms of an experiment: its axes, and of each arm by its number the values of `recipe`, the axes
    and `seed`, and how its label writes those of the axes."""

    experiment: str
    axes: tuple[str, ...]
    values: dict[int, dict[str, Any]] = field(default_factory=dict)
    texts: dict[int, dict[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Source:
    """Results to read: a connection, and the name of its workspace where there are several.

    What is published never changes, so the arms of an experiment are read once.
    """

    connection: DuckDBPyConnection
    workspace: str = ""
    known: dict[str, Arms] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Measured:
    """The result of an arm, or why it has none.

    Attributes:
        names: `recipe`, the axes, `experiment` and `workspace`, with their values.
        texts: the values as the recipe writes them, for instance `50%`.
        value: None unless the state is `done`. reason: why there is none, in words.
        data: identity of what was measured, the checkpoint apart. step: key of the evaluation.
    """

    source: Source
    experiment: str
    arm: int
    seed: int
    names: dict[str, Any]
    texts: dict[str, str]
    value: float | None
    state: State
    reason: str = ""
    data: str | None = None
    step: str = ""


def relation(experiment: str, name: str) -> str:
    """A public table of an experiment, as SQL names it from anywhere."""
    return f"{quoted(schema_name(experiment))}.{quoted(name)}"


def arms(source: Source, experiment: str) -> Arms:
    """The arms of an experiment.

    Raises:
        QueryError: if there is no such experiment.
    """
    if experiment not in source.known:
        names = experiments(source.connection)
        if experiment not in names:
            raise unknown("experiment", experiment, names)
        table = relation(experiment, "recipes")
        described = source.connection.execute(f"SELECT * FROM {table} LIMIT 0").description
        columns = [column[0] for column in described or ()]
        axes = tuple(columns[columns.index("recipe") + 1 : columns.index("seed")])
        found = Arms(experiment, axes)
        names = ["recipe", *axes, "seed"]
        for arm, label, *values in source.connection.execute(
            f"SELECT arm, label, {', '.join(map(quoted, names))} FROM {table} ORDER BY arm"
        ).fetchall():
            found.values[arm] = dict(zip(names, values, strict=True))
            found.texts[arm] = label_texts(label, axes)
        source.known[experiment] = found
    return source.known[experiment]


def label_texts(label: str, axes: Sequence[str]) -> dict[str, str]:
    """Values of axes in an arm's label.

    >>> label_texts("study/replay/early=50%/path=a/b/seed=1", ["early", "path"])
    {'early': '50%', 'path': 'a/b'}
    """
    found: dict[str, str] = {}
    place = 0
    for axis, following in zip(axes, [*axes[1:], "seed"], strict=False):
        start = label.find(f"/{axis}=", place)
        if start < 0:
            continue
        start += len(axis) + 2
        end = label.rfind("/seed=") if following == "seed" else label.find(f"/{following}=", start)
        found[axis] = label[start : end if end >= 0 else len(label)]
        place = start
    return found


def read(
    sources: Sequence[Source], question: Question, experiments_of: Iterable[str] | None = None
) -> list[Measured]:
    """Rows of a question's result, in the order of the sources, experiments and arms.

    Args:
        experiments_of: which experiments; if not given, the question's.
    Raises:
        QueryError: if an experiment is in none of the sources.
    """
    wanted = tuple(dict.fromkeys(question.experiments if experiments_of is None else experiments_of))
    found: list[Measured] = []
    seen: set[str] = set()
    for source in sources:
        here = {name.lower(): name for name in experiments(source.connection)}
        for name in wanted:
            if name.lower() in here:
                seen.add(name)
                found += _read(source, here[name.lower()], question)
    for name in wanted:
        if name not in seen:
            known = [each for source in sources for each in experiments(source.connection)]
            raise unknown("experiment", name, known)
    return found


def unknown(what: str, name: str, known: Iterable[str], where: str = "") -> QueryError:
    """An error for a name that isn't there, with the one that may be meant."""
    names = tuple(dict.fromkeys(known))
    near = nearest(name, names)
    listed = ", ".join(f"`{each}`" for each in names[:12]) + (", ..." if len(names) > 12 else "")
    help = f"write `{near}`" if near else f"there is {listed}" if names else None
    return QueryError(f"there is no {what} `{name}`{where}", help, candidates=names)


def _read(source: Source, experiment: str, question: Question) -> list[Measured]:
    known = arms(source, experiment)
    place = [question.eval, question.metric, question.stage, question.position]
    columns = ", ".join(["arm", "recipe", *map(quoted, known.axes), "seed"])
    where = f"eval = ? AND metric = ? AND stage = ? AND abs(position - ?) < {WITHIN}"
    execute = source.connection.execute
    rows: dict[int, Measured] = {}
    for *row, value, data, step in execute(
        f"SELECT {columns}, value, data, step FROM {relation(experiment, 'results')} WHERE {where}", place
    ).fetchall():
        done = value is not None and math.isfinite(value)
        rows[row[0]] = _measured(
            source, known, row, value if done else None, "done" if done else "diverged", "", data, step
        )
    for *row, state, reason in execute(
        f"SELECT {columns}, state, reason FROM {relation(experiment, 'missing')} WHERE {where}", place
    ).fetchall():
        if row[0] not in rows or rows[row[0]].state != "done":
            rows[row[0]] = _measured(source, known, row, None, state, reason or "")
    return [rows[arm] for arm in sorted(rows)]


def _measured(
    source: Source,
    known: Arms,
    row: Sequence[Any],
    value: float | None,
    state: State,
    reason: str,
    data: str | None = None,
    step: str = "",
) -> Measured:
    arm, recipe, *axes, seed = row
    names = {
        "recipe": recipe,
        **dict(zip(known.axes, axes, strict=True)),
        "experiment": known.experiment,
        "workspace": source.workspace,
    }
    texts = known.texts.get(arm, {})
    return Measured(source, known.experiment, arm, seed, names, texts, value, state, reason, data, step)
