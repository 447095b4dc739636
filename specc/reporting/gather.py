"""A report gathered from the results: what is read, in which order, and how much of it."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import cleandoc
from typing import TYPE_CHECKING

from specc.comparing.model import Compared, Frontier
from specc.errors import QueryError
from specc.execute.status import RunStatus, progress
from specc.reporting.arms import Arms, Point
from specc.reporting.budgets import budgets
from specc.reporting.graphed import graphed
from specc.reporting.lacking import lacking
from specc.reporting.logged import evaluated, training
from specc.reporting.model import Column, Diff, Own, Report, Row, Table
from specc.reporting.provenance import provenance
from specc.reporting.varying import varying
from specc.results import schema
from specc.results.compare import compare as compare_own
from specc.results.judge import verdicts
from specc.study import Study
from specc.words import count

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MOST_ANSWERS = 8
"""Questions that a report answers."""

MOST_FRONTIERS = 4

MOST_ROWS = 300
"""Rows of a recipe's own comparison that are listed."""


def gathered(
    connection: DuckDBPyConnection,
    study: Study,
    run: RunStatus | None = None,
    workspace: str = "",
    texts: Mapping[str, str] | None = None,
    texts_note: str = "",
    diff: Diff | None = None,
) -> Report:
    """The report of an experiment, whose tables come first on the connection's search path.

    Args:
        run: how its latest run stands. workspace: as it was named. texts: of the recipe's files, by name.
        diff: what differs from another recipe.
    """
    arms = Arms(study)
    answers, problems = _answers(connection, study)
    frontiers, more = _frontiers(connection, study)
    ranked = _ranked(answers, arms)
    table, drawn, told = budgets(connection, arms)
    picture, steps, saved = graphed(connection, study, run)
    parallel, varied = varying(connection, arms)
    facts, packages = provenance(connection, study, run, workspace)
    missing, missing_text = lacking(connection, arms)
    state, state_text = state_of(connection, run)
    logged = training(connection, arms, ranked)
    return Report(
        experiment=study.experiment,
        description=study.description,
        state=state,
        state_text=state_text,
        counts=_counts(study),
        choices=arms.choices,
        answers=tuple(answers),
        frontiers=tuple(frontiers),
        problems=(*problems, *more),
        expectations=tuple(verdicts(connection)),
        lines=(*([logged] if logged else []), *evaluated(connection, arms, ranked)),
        bars=drawn if drawn.rows else None,
        budgets=table if table.rows else None,
        budget_note=told,
        picture=picture,
        steps=steps,
        steps_note=saved,
        parallel=parallel,
        varying=varied if varied.rows else None,
        own=tuple(_own(connection, study)),
        texts=texts or {},
        texts_note=texts_note,
        diff=diff,
        facts=facts,
        packages=packages if packages.rows else None,
        missing=missing,
        missing_text=missing_text,
        schema_version=schema.VERSION,
    )


def _answers(connection: DuckDBPyConnection, study: Study) -> tuple[list[Compared], list[str]]:
    """The main questions with their answers; and why some have none."""
    from specc.comparing import compare, questions

    answers: list[Compared] = []
    problems: list[str] = []
    try:
        asked = questions(connection, study)
    except QueryError as error:
        return [], [error.message]
    for question in asked[:MOST_ANSWERS]:
        try:
            compared = compare(connection, question)
        except QueryError as error:
            problems.append(f"`{question.eval}` after `{question.stage}`: {error.message}")
            continue
        if any(group.n for group in compared.groups):
            answers.append(compared)
        else:
            diverged = any(seed.state == "diverged" for group in compared.groups for seed in group.seeds)
            why = "no result is a number" if diverged else "there is no result yet"
            problems.append(f"`{question.eval}` after `{question.stage}`: {why}")
    if len(asked) > MOST_ANSWERS:
        more = f"{len(asked) - MOST_ANSWERS} more results can be compared"
        problems.append(f"{more}: `specc compare --metric EVAL --by AXIS`")
    return answers, problems


def _frontiers(connection: DuckDBPyConnection, study: Study) -> tuple[list[Frontier], list[str]]:
    from specc.comparing import frontier, frontiers

    found: list[Frontier] = []
    problems: list[str] = []
    try:
        pairs = frontiers(connection, study)
    except QueryError as error:
        return [], [error.message]
    for x, y in pairs[:MOST_FRONTIERS]:
        try:
            drawn = frontier(connection, x, y)
        except QueryError as error:
            problems.append(f"`{x.eval}` against `{y.eval}`: {error.message}")
        else:
            if drawn.points:
                found.append(drawn)
    return found, problems


def _ranked(answers: list[Compared], arms: Arms) -> list[Point]:
    """Points that a figure with little room shows first: the baseline, the best and the worst."""
    if not answers:
        return []
    main = answers[0]
    measured = [group for group in main.groups if group.mean is not None]
    ordered = sorted(measured, key=lambda group: group.mean or 0.0)
    named = {group.name: group for group in measured}
    first = [named[name] for name in (main.question.baseline, main.best) if name in named]
    chosen = [*first, *ordered[:2], *ordered[-2:]]
    found: dict[Point, None] = {}
    for group in chosen:
        for point in arms.groups:
            values = {"recipe": point[0], **arms.values(point)}
            if all(values.get(name) == value for name, value in group.values.items()):
                found.setdefault(point)
                break
    return list(found)


def state_of(connection: DuckDBPyConnection, run: RunStatus | None) -> tuple[str, str]:
    """How the study stands, as a word and as a sentence."""
    row = connection.execute(
        "select coalesce(sum(results), 0), coalesce(sum(results_done), 0) from recipes"
    ).fetchone()
    planned, here = (int(row[0]), int(row[1])) if row else (0, 0)
    results = f"{here:,} of {planned:,} results are there"
    if run is not None and run.state == "running":
        return "running", f"The run goes on: {progress(run)}. {results}; what follows is of these."
    if run is not None and run.state == "failed":
        failed = run.counts.failed
        why = f"{count(failed, 'step')} failed" if failed else (run.error or "it failed as a whole")
        return "failed", f"The latest run failed: {why}. {results}."
    if not here:
        return "empty", f"No result is there yet: {planned:,} are planned."
    if here < planned:
        return "stopped", f"The study is not complete: {results}."
    found = connection.execute("select count(*) from results where not isfinite(value)").fetchone()
    wrong = f"; {found[0]:,} of them are not numbers" if found and found[0] else ""
    return "done", f"Complete: all {planned:,} results are there{wrong}."


def _counts(study: Study) -> str:
    parts = [count(len(study.arms), "arm")]
    recipes = len({arm.recipe for arm in study.arms})
    if recipes > 1:
        parts.append(count(recipes, "recipe"))
    parts += [f"{axis.name} over {count(len(axis.values), 'value')}" for axis in study.axes]
    parts.append(count(len({arm.seed for arm in study.arms}), "seed"))
    parts.append(count(len(study.steps), "step"))
    return ", ".join(parts)


def _own(connection: DuckDBPyConnection, study: Study) -> list[Own]:
    """The comparisons that the recipe declares."""
    found = []
    for each in study.comparisons:
        try:
            answer = compare_own(connection, each)
        except QueryError as error:
            found.append(Own(each.name, cleandoc(each.sql), None, error.message))
            continue
        texts = ("VARCHAR", "BOOLEAN")
        whole = ("BIGINT", "INTEGER", "HUGEINT", "UBIGINT", "SMALLINT", "TINYINT", "UINTEGER")
        axes = {axis.name: axis.type for axis in study.axes}
        columns = tuple(
            Column(
                name,
                "share"
                if axes.get(name) == "fraction"
                else "text"
                if type in texts
                else "whole"
                if type in whole
                else "number",
            )
            for name, type in zip(answer.columns, answer.types, strict=True)
        )
        rows = tuple(
            Row(
                tuple(
                    value if value is None or isinstance(value, str | int | float | bool) else str(value)
                    for value in row
                ),
                {name: value for name, value in zip(answer.columns, row, strict=True) if name in axes},
            )
            for row in answer.rows[:MOST_ROWS]
        )
        caption = f"{each.name}, as the recipe's query gives it"
        table = Table(f"compare_{each.name}", caption, columns, rows, len(answer.rows))
        found.append(Own(each.name, cleandoc(each.sql), table))
    return found
