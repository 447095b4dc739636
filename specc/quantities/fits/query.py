"""A curve fitted to what a query returns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specc.errors import QueryError
from specc.quantities.fits.fit import fit, form_named
from specc.quantities.fits.model import Fitted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def fit_query(
    connection: DuckDBPyConnection,
    form: str,
    sql: str,
    hold_out: str | None = None,
    first: int | None = None,
) -> Fitted:
    """Fit a form to the rows of a query.

    Args:
        sql: a query with the form's columns and `y`, by name; with `seed`, intervals are over seeds.
        hold_out: a condition on the query's columns, in SQL: rows to predict instead of fitting them.
        first: how many rows of the query, in its order, are fitted; the others are predicted.
    Raises:
        QueryError: if there is no such form, DuckDB refuses the query or the condition, or the rows
            don't suit the form.
    """
    from specc.results.query import run
    from specc.results.statements import without_end

    curve = form_named(form)
    if hold_out is not None and first is not None:
        raise QueryError("rows are held out by a condition or by their number, not both", "give one of them")
    answers = run(connection, sql)
    if len(answers) != 1:
        raise QueryError("a fit is of the rows of one query", "write a single `select`")
    answer = answers[0]
    if hold_out is None:
        held = [number >= first for number in range(len(answer.rows))] if first is not None else []
        return fit(curve, answer.columns, answer.rows, held)
    try:
        # The condition is a column of the same query: rows and verdicts come in one order.
        judged = run(connection, f"SELECT *, (\n{hold_out}\n) FROM (\n{without_end(sql)}\n)")[0]
    except QueryError as error:
        raise QueryError(
            f"what is to be held out: {error.message}", error.help, candidates=error.candidates
        ) from error
    if judged.types[-1] != "BOOLEAN":
        raise QueryError(
            f"`{hold_out}` is no condition: it is {judged.types[-1]}", "write one, for instance `x > 1e9`"
        )
    rows = [row[:-1] for row in judged.rows]
    return fit(curve, judged.columns[:-1], rows, [bool(row[-1]) for row in judged.rows])
