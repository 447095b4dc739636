"""The comparisons that a recipe declares, run on its results."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from specc.errors import QueryError
from specc.results.query import Answer, run
from specc.study import Comparison, Study

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def comparison(study: Study, name: str) -> Comparison:
    """The comparison of an experiment with this name.

    Raises:
        QueryError: if there is none.
    """
    names = [each.name for each in study.comparisons]
    for each in study.comparisons:
        if each.name == name:
            return each
    near = get_close_matches(name, names, n=1)
    known = ", ".join(f"`{each}`" for each in names) or "none"
    raise QueryError(
        f"`{study.experiment}` has no comparison `{name}`",
        f"write `{near[0]}`" if near else f"its comparisons: {known}",
        candidates=tuple(names),
    )


def compare(connection: DuckDBPyConnection, each: Comparison) -> Answer:
    """Run a comparison on the results of its experiment, which come first on the search path.

    Raises:
        QueryError: naming the comparison, if DuckDB refuses it on the rows that are there.
    """
    try:
        answers = run(connection, each.sql)
    except QueryError as error:
        raise QueryError(
            f"comparison `{each.name}`: {error.message}", error.help, error.position, error.candidates
        ) from error
    if len(answers) != 1:
        raise QueryError(f"comparison `{each.name}` is not a single query", "write a single `select`")
    return answers[0]
