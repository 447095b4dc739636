"""Queries in recipes are checked when the recipe is: bound against the empty tables.

The connection is in memory, reads no file and no variable of this process, and can't be
reconfigured by what it is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from types import TracebackType

from specc.errors import QueryError
from specc.results import schema
from specc.results.connect import connect
from specc.results.refusal import refusal
from specc.study import Axis

_DESCRIBE = "DESCRIBE "


class Binder:
    """The empty tables of an experiment, to bind its queries against.

    >>> with Binder("exposure", [Axis(name="early", type="fraction", values=(0.0, 0.5))]) as binder:
    ...     binder.bind("select early, avg(value) as loss from results group by early")
    [('early', 'DOUBLE'), ('loss', 'DOUBLE')]
    """

    def __init__(self, experiment: str, axes: Sequence[Axis]) -> None:
        columns, name = schema.axis_columns(axes), schema.schema_name(experiment)
        self._connection = connect(":memory:")
        self._connection.execute(schema.empty_tables(name, columns))
        self._connection.execute(schema.empty_tables("main", columns))
        self._connection.execute(schema.macros())
        path = schema.literal(f"{schema.quoted(name)},main")
        self._connection.execute(f"SET search_path = {path}")
        self._connection.execute("SET lock_configuration = true")

    def bind(self, sql: str) -> list[tuple[str, str]]:
        """Names and DuckDB types of the columns that a query returns.

        Raises:
            QueryError: if it is not one query that reads, or if DuckDB can't bind it.
        """
        import duckdb

        try:
            statements = self._connection.extract_statements(sql)
        except duckdb.Error as error:
            raise refusal(error, sql) from error
        if not statements:
            raise QueryError("the query is empty", "write a `select`")
        if len(statements) > 1:
            raise QueryError("there is more than one statement", "write a single `select`")
        if statements[0].named_parameters:
            raise QueryError("a query can't have parameters", "write the value itself")
        if statements[0].type not in (duckdb.StatementType.SELECT, duckdb.StatementType.MULTI):
            raise QueryError("the statement is not a query", "write a single `select`")
        try:
            rows = self._connection.execute(_DESCRIBE + sql).fetchall()
        except duckdb.Error as error:
            raise refusal(error, sql, _DESCRIBE) from error
        return [(row[0], row[1]) for row in rows]

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Binder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def kept_binder(experiment: str, axes: Sequence[Axis]) -> Binder:
    """A binder that stays open for the next time: an editor checks an experiment at every change.

    Tables depend on the names and types of the axes only, and take longer than a query.
    """
    return _kept(experiment, tuple(axis.model_copy(update={"values": ()}) for axis in axes))


@lru_cache(maxsize=32)
def _kept(experiment: str, axes: tuple[Axis, ...]) -> Binder:
    return Binder(experiment, axes)


def bind(experiment: str, axes: Sequence[Axis], sql: str) -> list[tuple[str, str]]:
    """Bind one query; see `Binder`, which binds several on one connection."""
    with Binder(experiment, axes) as binder:
        return binder.bind(sql)
