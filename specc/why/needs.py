"""Which comparisons and expectations need some results."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any

from specc.study import Expectation, Measure, Study

_STRING = re.compile(r"'((?:[^']|'')*)'")


def comparisons_of(study: Study, evals: Collection[str]) -> list[str]:
    """Names of comparisons that read one of some evaluations, by the names in their queries.

    A query that names no evaluation reads all of them.
    """
    return [each.name for each in study.comparisons if _reads(each.sql, study, evals)]


def expectations_of(study: Study, measures: Sequence[Measure]) -> list[str]:
    """Texts of expectations that some results enter.

    Those that are written in the language are asked themselves: their queries run on a table of
    these results alone, in memory. Those in SQL are read as comparisons are.
    """
    evals = {measure.eval for measure in measures}
    asked = _asked(study, measures) if measures else set()
    return [
        each.text or each.name
        for number, each in enumerate(study.expectations)
        if (number in asked if each.terms else bool(evals) and _reads(each.sql, study, evals))
    ]


def _reads(sql: str, study: Study, evals: Collection[str]) -> bool:
    named = {text.replace("''", "'") for text in _STRING.findall(sql)}
    known = named & {measure.eval for measure in study.measures}
    return bool(known & set(evals)) if known else bool(evals)


def _asked(study: Study, measures: Sequence[Measure]) -> set[int]:
    """Numbers of the expectations with a term that finds a row among the results."""
    import duckdb

    from specc.results import schema, storage
    from specc.results.connect import connect

    columns = schema.axis_columns(study.axes)
    table = schema.table("results")
    connection = connect(":memory:")
    try:
        shape = ", ".join(
            f"{schema.quoted(column.name)} {column.type}" for column in schema.columns(table, columns)
        )
        connection.execute(f"CREATE TABLE results ({shape})")
        storage.append(connection, "results", _rows(study, measures))
        connection.execute("SET lock_configuration = true")
        found = set()
        for number, each in enumerate(study.expectations):
            if _finds(connection, each, duckdb.Error):
                found.add(number)
        return found
    finally:
        connection.close()


def _finds(connection: Any, expectation: Expectation, error: type[Exception]) -> bool:
    """Whether a term of an expectation has rows; one that can't be asked counts as having some."""
    for term in expectation.terms:
        try:
            row = connection.execute(term.sql).fetchone()
        except error:
            return True
        if row is not None and row[1]:
            return True
    return False


def _rows(study: Study, measures: Sequence[Measure]) -> list[tuple[Any, ...]]:
    """Rows of the table `results` for measurements that are not made yet; each value is 0."""
    arms = {arm.arm: arm for arm in study.arms}
    rows = []
    for each in measures:
        arm = arms[each.arm]
        axes = [arm.axes.get(axis.name) for axis in study.axes]
        where = (each.stage, each.position, each.steps, each.tokens, each.eval, each.metric)
        head = (study.experiment, arm.arm, arm.recipe, *axes, arm.seed)
        rows.append((*head, *where, 0.0, 1, None, "", each.key))
    return rows
