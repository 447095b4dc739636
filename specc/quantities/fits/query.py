"""A curve fitted to what a query returns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specc.errors import QueryError
from specc.quantities.fits.fit import fit, form_named
from specc.quantities.fits.model import Fitted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def fit_query(connection: DuckDBPyConnection, form: str, sql: str, hold_out: str | None = None) -> Fitted:
    """Fit a form to the rows of a query.

    Args:
        sql: a query with the form's columns and `y`, by name; with `seed`, intervals are over seeds.
        hold_out: a condition on the query's columns, in SQL: rows to predict instead of fitting them.
    Raises:
        QueryError: if there is no such form, DuckDB refuses the query or the condition, or the rows
            don't suit the form.
    """
    from specc.results.query import run

    curve = form_named(form)
    answers = run(connection, sql)
    if len(answers) != 1:
        raise QueryError("a fit is of the rows of one query", "write a single `select`")
    answer = answers[0]
    if hold_out is None:
        return fit(curve, answer.columns, answer.rows)
    query = sql.strip().rstrip(";")
    try:
        # The condition is a column of the same query: rows and verdicts come in one order.
        held = run(connection, f"SELECT *, (\n{hold_out}\n) FROM (\n{query}\n)")[0]
    except QueryError as error:
        raise QueryError(
            f"what is to be held out: {error.message}", error.help, candidates=error.candidates
        ) from error
    if held.types[-1] != "BOOLEAN":
        raise QueryError(
            f"`{hold_out}` is no condition: it is {held.types[-1]}", "write one, for instance `x > 1e9`"
        )
    rows = [row[:-1] for row in held.rows]
    return fit(curve, held.columns[:-1], rows, [bool(row[-1]) for row in held.rows])
