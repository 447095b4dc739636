"""Queries that a user writes into the page: read-only, timed, to be cancelled, and capped.

They run on the confined connections that all readers have (`specc.results.connect`), in threads of their
own that end with the process, so that a query that can't be stopped holds up nothing.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from specc.errors import QueryError
from specc.results.refusal import refusal
from specc.serving import published
from specc.serving.encoding import as_bytes, cell
from specc.serving.published import FIRST_SECONDS, Published

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, Statement

SECONDS = 30.0
"""Time that a query may take."""

MOST_ROWS = 5_000
"""Rows of an answer on the page."""

MOST_BYTES = 2 << 20
"""Bytes of an answer on the page, as JSON."""

MOST_CSV_ROWS = 1_000_000
MOST_CSV_BYTES = 64 << 20
"""Rows and bytes of an answer as a file."""

MOST_AT_ONCE = 3
"""Queries that run at once."""

MOST_STATEMENTS = 20

FRESH_SECONDS = 2.0
"""Age of the index from which a query has it brought up to date first."""

_BATCH = 200
_LOOK_SECONDS = 0.05
_PATIENCE_SECONDS = 3.0

T = TypeVar("T")


class Query:
    """A query that runs: when its time is up, and whether somebody has cancelled it."""

    def __init__(self, seconds: float) -> None:
        self.deadline = time.monotonic() + seconds
        self.seconds = seconds
        self.cancelled = False
        self.cursor: DuckDBPyConnection | None = None

    @property
    def over(self) -> bool:
        return self.cancelled or time.monotonic() > self.deadline

    def interrupt(self) -> None:
        """Tell DuckDB to stop; it forgets that when a statement begins, so it is told again and again."""
        cursor = self.cursor
        if cursor is not None:
            with suppress(Exception):  # it may be closing just now
                cursor.interrupt()

    def error(self) -> QueryError:
        if self.cancelled:
            return QueryError("the query was cancelled")
        return QueryError(
            f"the query took longer than {self.seconds:g} s and was stopped",
            "ask for less, or use `specc sql`",
        )


class Asking:
    """Runs queries, a few at once."""

    def __init__(self, results: Published, seconds: float = SECONDS) -> None:
        self.published = results
        self.seconds = seconds
        self.running: dict[str, Query] = {}

    async def ask(self, sql: str, experiment: str | None, name: str) -> dict[str, Any]:
        """The answers of a query, as the page shows them.

        Args:
            name: what `cancel` knows the query by.
        Raises:
            QueryError: if it is no query, is refused by DuckDB, is stopped, or too many run.
        """
        return await self._run(name, lambda query: self._answers(query, sql, experiment))

    async def csv(self, sql: str, experiment: str | None, name: str) -> bytes:
        """The answer of a query as CSV; of several statements, of the last one."""
        return await self._run(name, lambda query: self._csv(query, sql, experiment))

    def cancel(self, name: str) -> bool:
        """Stop a query; returns whether it was running."""
        query = self.running.get(name)
        if query is None:
            return False
        query.cancelled = True
        query.interrupt()
        return True

    def cancel_all(self) -> None:
        for name in list(self.running):
            self.cancel(name)

    async def _run(self, name: str, work: Callable[[Query], T]) -> T:
        if len(self.running) >= MOST_AT_ONCE:
            raise QueryError(f"{MOST_AT_ONCE} queries are running", "wait until one has ended, or cancel one")
        if name in self.running:
            raise QueryError("this query is running already")
        query = self.running[name] = Query(self.seconds)
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()

        def deliver(result: T | None, error: BaseException | None) -> None:
            self.running.pop(name, None)
            if done.done():
                return
            if error is not None:
                done.set_exception(error)
            else:
                done.set_result(result)  # type: ignore[arg-type]

        def body() -> None:
            result, failed = None, None
            try:
                result = work(query)
            except BaseException as error:
                failed = error
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(deliver, result, failed)

        threading.Thread(target=body, name="query", daemon=True).start()
        stopping: float | None = None
        try:
            while not done.done():
                await asyncio.wait([done], timeout=_LOOK_SECONDS)
                if not done.done() and query.over:
                    query.interrupt()
                    stopping = stopping or time.monotonic()
                    if time.monotonic() - stopping > _PATIENCE_SECONDS:
                        raise query.error()  # it goes on until it looks up, and counts as running
            return done.result()
        except asyncio.CancelledError:
            query.cancelled = True
            self._stop(query, name, loop)
            raise

    def _stop(self, query: Query, name: str, loop: asyncio.AbstractEventLoop) -> None:
        """Interrupt a query that nobody waits for, until it has ended."""
        if self.running.get(name) is query:
            query.interrupt()
            loop.call_later(_LOOK_SECONDS, self._stop, query, name, loop)

    def _answers(self, query: Query, sql: str, experiment: str | None) -> dict[str, Any]:
        answers: list[dict[str, Any]] = []
        self.published.refresh(FRESH_SECONDS, wait=False)
        with self.published.cursor(experiment, FIRST_SECONDS) as cursor:
            query.cursor = cursor
            try:
                for statement in statements(cursor, sql):
                    began = time.perf_counter()
                    columns, types = executed(query, cursor, statement, sql)
                    rows: list[list[Any]] = []
                    taken, more = 0, False
                    for row in fetched(query, cursor, sql):
                        cells = [cell(value) for value in row]
                        taken += len(as_bytes(cells)) + 1
                        if len(rows) == MOST_ROWS or taken > MOST_BYTES:
                            more = True
                            break
                        rows.append(cells)
                    seconds = time.perf_counter() - began
                    answers.append(
                        {"columns": columns, "types": types, "rows": rows, "more": more, "seconds": seconds}
                    )
            finally:
                query.cursor = None
        return {"answers": answers, "generation": self.published.generation}

    def _csv(self, query: Query, sql: str, experiment: str | None) -> bytes:
        from specc.results.query import Answer, as_csv

        self.published.refresh(FRESH_SECONDS, wait=False)
        with self.published.cursor(experiment, FIRST_SECONDS) as cursor:
            query.cursor = cursor
            try:
                parts: list[bytes] = []
                for statement in statements(cursor, sql):
                    columns, types = executed(query, cursor, statement, sql)
                    parts = [as_csv(Answer(tuple(columns), tuple(types), [])).encode()]
                    size = 0
                    batch: list[tuple[Any, ...]] = []
                    for number, row in enumerate(fetched(query, cursor, sql), 1):
                        batch.append(row)
                        if len(batch) == _BATCH:
                            parts.append(lines(batch))
                            size += len(parts[-1])
                            batch = []
                        if number > MOST_CSV_ROWS or size > MOST_CSV_BYTES:
                            raise QueryError(
                                f"the answer has more than {MOST_CSV_ROWS:,} rows or "
                                f"{MOST_CSV_BYTES >> 20} MB",
                                "write it with `specc sql --csv`",
                            )
                    parts.append(lines(batch))
                return b"".join(parts)
            finally:
                query.cursor = None


def lines(rows: list[tuple[Any, ...]]) -> bytes:
    """Rows as lines of CSV, without a header."""
    from specc.results.query import Answer, as_csv

    if not rows:
        return b""
    names = ("c",) * len(rows[0])
    return as_csv(Answer(names, names, rows)).partition("\r\n")[2].encode(errors="replace")


def statements(cursor: DuckDBPyConnection, sql: str) -> list[Statement]:
    """The statements of a query, all of which only read.

    Raises:
        QueryError: if one does anything else, or there is none.
    """
    import duckdb

    try:
        found = cursor.extract_statements(sql)
    except duckdb.Error as error:
        raise refusal(error, sql) from error
    if not found:
        raise QueryError("the query is empty", "write a `select`")
    if len(found) > MOST_STATEMENTS:
        raise QueryError(f"there are {len(found)} statements", f"write at most {MOST_STATEMENTS}")
    reading = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN, duckdb.StatementType.MULTI)
    for statement in found:
        if statement.type not in reading:
            raise QueryError("the statement is not a query", "write a `select`; nothing can be changed here")
        if statement.named_parameters:
            raise QueryError("a query can't have parameters", "write the value itself")
    return found


def executed(
    query: Query, cursor: DuckDBPyConnection, statement: Statement, sql: str
) -> tuple[list[str], list[str]]:
    """Begin a statement; returns names and types of its columns."""
    import duckdb

    if query.over:
        raise query.error()
    try:
        described = cursor.execute(statement).description or []
    except duckdb.Error as error:
        raise told(query, error, sql) from error
    return [str(column[0]) for column in described], [str(column[1]) for column in described]


def told(query: Query, error: Exception, sql: str) -> QueryError:
    """An error of DuckDB for people; one that stands for a stop says why it was stopped."""
    import duckdb

    if query.over:
        return query.error()
    if isinstance(error, duckdb.OutOfMemoryException):
        most = published.LIMITS["memory_limit"]
        return QueryError(f"the query needs more memory than {most}", "ask for less, or use `specc sql`")
    return refusal(error, sql)


def fetched(query: Query, cursor: DuckDBPyConnection, sql: str) -> Iterator[tuple[Any, ...]]:
    """Rows as they come."""
    import duckdb

    while True:
        if query.over:
            raise query.error()
        try:
            rows = cursor.fetchmany(_BATCH)
        except duckdb.Error as error:
            raise told(query, error, sql) from error
        if not rows:
            return
        yield from rows
