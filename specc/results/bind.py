"""Queries in recipes are checked when the recipe is: bound against the empty tables.

The connection is in memory, reads no file and no variable of this process, and can't be
reconfigured by what it is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from threading import Timer
from types import TracebackType
from typing import TYPE_CHECKING

from specc.errors import QueryError
from specc.quantities.registry import mentioned
from specc.results import schema
from specc.results.connect import connect
from specc.results.refusal import refusal
from specc.study import Axis

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_DESCRIBE = "DESCRIBE "

_MOST_SECONDS = 10.0
"""Time to bind a query, which takes milliseconds. DuckDB computes what `pivot` makes columns of, and what
is the same for all rows, while it binds: that could take any time."""


class _TooLong(QueryError):
    """A query that takes too long to bind, wherever it is bound."""


class Binder:
    """The empty tables of an experiment, to bind its queries against.

    >>> with Binder("exposure", [Axis(name="early", type="fraction", values=(0.0, 0.5))]) as binder:
    ...     binder.bind("select early, avg(value) as loss from results group by early")
    [('early', 'DOUBLE'), ('loss', 'DOUBLE')]
    """

    def __init__(self, experiment: str, axes: Sequence[Axis]) -> None:
        columns, name = schema.axis_columns(axes), schema.schema_name(experiment)
        # Its columns depend on the arms, which are not known before the recipe has been checked.
        self._wide = {f"there is no table `{wide}`" for wide in ("wide", schema.wide_name(experiment))}
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
        try:
            return _bound(self._connection, sql)
        except QueryError as error:
            if error.message not in self._wide:
                raise
            raise QueryError(
                error.message,
                "one row per arm is for `specc sql` alone; read `results` or `settings` here",
                error.position,
                error.candidates,
            ) from error

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Binder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class KeptBinder:
    """As `Binder`, on a connection that all experiments share: opening one takes longer than a query.

    The shared connection has only the tables and functions whose names a query mentions, without the
    schema of the experiment. What can be bound there can be bound anywhere; what can't gets its
    verdict, and its message, from a `Binder` of its own.
    """

    def __init__(self, experiment: str, axes: Sequence[Axis]) -> None:
        self._experiment = experiment
        # Tables depend on the names and types of the axes only.
        self._axes = tuple(axis.model_copy(update={"values": ()}) for axis in axes)

    def bind(self, sql: str) -> list[tuple[str, str]]:
        """As `Binder.bind`."""
        try:
            return _shared().bind(sql, schema.axis_columns(self._axes))
        except _TooLong:
            raise
        except QueryError:
            return _kept(self._experiment, self._axes).bind(sql)


class _Shared:
    """A connection whose tables are those of the experiment that was bound last."""

    def __init__(self) -> None:
        self._connection = connect(":memory:")
        self._connection.execute("SET lock_configuration = true")
        self._functions: set[str] = set()
        self._axes: tuple[schema.Column, ...] = ()
        self._made: set[str] = set()

    def bind(self, sql: str, axes: tuple[schema.Column, ...]) -> list[tuple[str, str]]:
        if axes != self._axes:
            for name in self._made:
                self._connection.execute(f"DROP TABLE main.{schema.quoted(name)}")
            self._made, self._axes = set(), axes
        lower = sql.lower()
        for table in schema.TABLES:
            if table.name in lower and table.name not in self._made:
                self._connection.execute(schema.empty_table("main", table, axes))
                self._made.add(table.name)
        for function in mentioned(sql):
            if function.name not in self._functions:
                self._connection.execute(function.ddl())
                self._functions.add(function.name)
        return _bound(self._connection, sql)


@lru_cache(maxsize=1)
def _shared() -> _Shared:
    return _Shared()


@lru_cache(maxsize=32)
def _kept(experiment: str, axes: tuple[Axis, ...]) -> Binder:
    """A binder that stays open for the next time: an editor checks an experiment at every change."""
    return Binder(experiment, axes)


def _bound(connection: DuckDBPyConnection, sql: str) -> list[tuple[str, str]]:
    import duckdb

    try:
        statements = connection.extract_statements(sql)
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
    late = Timer(_MOST_SECONDS, connection.interrupt)
    late.daemon = True
    late.start()
    try:
        rows = connection.execute(_DESCRIBE + sql).fetchall()
    except duckdb.InterruptException as error:
        raise _TooLong(
            f"this query can't be checked within {_MOST_SECONDS:g} seconds",
            "let it read the tables of the results, not make rows of its own",
        ) from error
    except duckdb.Error as error:
        raise refusal(error, sql, _DESCRIBE) from error
    finally:
        late.cancel()
        late.join()  # a thread that is still there when Python ends would hold the connection
    return [(row[0], row[1]) for row in rows]


def bind(experiment: str, axes: Sequence[Axis], sql: str) -> list[tuple[str, str]]:
    """Bind one query; see `Binder`, which binds several on one connection."""
    with Binder(experiment, axes) as binder:
        return binder.bind(sql)
