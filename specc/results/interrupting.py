"""Queries that Ctrl-C ends."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

T = TypeVar("T")


def interruptible(connection: DuckDBPyConnection, work: Callable[[], T]) -> T:
    """Do the work of a connection so that Ctrl-C ends it at once.

    DuckDB 2.0.0 looks for signals between the pieces of a query, and may be at one for minutes. So the
    work is done beside, while the main thread, which is the one that gets signals, waits for it.

    Raises:
        KeyboardInterrupt: if it was ended; the connection can be used again.
    """
    if threading.current_thread() is not threading.main_thread():
        return work()
    returned: list[T] = []
    raised: list[BaseException] = []
    finished = threading.Event()

    def beside() -> None:
        try:
            returned.append(work())
        except BaseException as error:
            raised.append(error)
        finally:
            finished.set()

    threading.Thread(target=beside, daemon=True).start()
    try:
        while not finished.wait(1.0):
            pass
    except KeyboardInterrupt:
        connection.interrupt()
        finished.wait()
        raise
    if raised:
        raise raised[0]
    return returned[0]
