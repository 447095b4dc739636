"""Queries of a user: run, and written as a table, as JSON or as CSV."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from specc.errors import QueryError
from specc.results.answer import Answer as Answer
from specc.results.answer import distinct
from specc.results.interrupting import interruptible
from specc.results.refusal import refusal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, Statement


def run(connection: DuckDBPyConnection, sql: str) -> list[Answer]:
    """Run one statement or several, and return what each of those that return rows returned.

    Raises:
        QueryError: if there is no statement, or DuckDB refuses one.
        KeyboardInterrupt: if it was interrupted from the keyboard.
    """
    return list(answers(connection, sql))


def answers(connection: DuckDBPyConnection, sql: str) -> Iterator[Answer]:
    """As `run`, one after the other: those before a statement that is refused are there.

    DuckDB 2 streams: an error inside a query surfaces when its rows are fetched, which is done here.

    Raises:
        QueryError: if there is no statement, or DuckDB refuses one.
        KeyboardInterrupt: if it was interrupted from the keyboard.
    """
    import duckdb

    queries = (duckdb.StatementType.SELECT, duckdb.StatementType.MULTI)
    try:
        statements = connection.extract_statements(sql)
    except duckdb.Error as error:
        raise refusal(error, sql) from error
    if not statements:
        raise QueryError("the query is empty", "write a `select`")
    for statement in statements:
        if statement.named_parameters:
            raise QueryError("a query can't have parameters", "write the value itself")
        try:
            described, rows = interruptible(connection, partial(_asked, connection, statement))
        except duckdb.Error as error:
            raise refusal(error, sql) from error
        names = tuple(column[0] for column in described or ())
        counted = names == ("Count",) and statement.type not in queries
        if names and not counted and duckdb.ExpectedResultType.QUERY_RESULT in statement.expected_result_type:
            yield Answer(names, tuple(str(column[1]) for column in described or ()), rows)


def _asked(connection: DuckDBPyConnection, statement: Statement) -> tuple[Any, list[tuple[Any, ...]]]:
    cursor = connection.execute(statement)
    return cursor.description, cursor.fetchall()


def as_json(answer: Answer) -> str:
    """A list with an object a row. NaN and infinities are null, which is all that JSON has for them;
    of columns with the same name the later ones get a number. Times are ISO 8601."""
    names = distinct(answer.columns)
    rows = [dict(zip(names, map(_plain, row), strict=True)) for row in answer.rows]
    return json.dumps(rows, ensure_ascii=False, allow_nan=False, indent=1)


def as_csv(answer: Answer) -> str:
    """CSV by RFC 4180 with a header: lines end in CR LF, nulls are empty, NaN is `nan`.

    A text that a spreadsheet would run as a formula gets an apostrophe in front.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([_no_formula(name) for name in answer.columns])
    for row in answer.rows:
        writer.writerow([_csv_cell(value) for value in row])
    return out.getvalue()


def _csv_cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, str):
        return _no_formula(value)
    plain = _plain(value)
    return _no_formula(plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False))


def _no_formula(text: str) -> str:
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _plain(value: Any) -> Any:
    """A value of DuckDB as JSON has it."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float | Decimal):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    return str(value)
