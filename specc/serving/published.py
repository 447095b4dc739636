"""The newest generation of the results, kept open for whoever asks, within limits.

A generation never changes, so its answers may be kept. Whether there is a newer one is looked after in
the background; the index is brought up to date as often as that is cheap.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from specc.errors import SpeccError, WorkspaceError
from specc.results import generations
from specc.results.reader import bring_up_to_date, open_results, put_first

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

LIMITS = {"memory_limit": "1GB", "threads": "2", "temp_directory": ""}
"""Of all queries together; without a folder for temporary files nothing is written."""

UPDATE_SECONDS = 5.0
"""Least time between two updates of the index while a run goes on; it publishes what ends by itself."""

IDLE_SECONDS = 20.0
"""Least time between two updates while nothing runs."""

UPDATE_SHARE = 20.0
"""An update waits this many times as long as the last one took."""

MOST_KEPT = 64
"""Answers of a generation that are kept."""

FIRST_SECONDS = 15.0
"""How long a query waits for the results to be opened the first time."""

T = TypeVar("T")


@dataclass(slots=True)
class _Opened:
    """A generation that is open. Closing its connection would close the cursors made of it, so that is
    left to the last of them once there is a newer one."""

    connection: DuckDBPyConnection
    users: int = 0
    replaced: bool = False


class Published:
    """Results of a workspace as they were published last.

    Attributes:
        generation: its number; None while there is none. trouble: why there is none, or no newer one.
    """

    def __init__(self, workspace: Path) -> None:
        self.workspace = workspace
        self.generation: int | None = None
        self.trouble: SpeccError | None = None
        self._opened: _Opened | None = None
        self._answers: OrderedDict[object, object] = OrderedDict()
        self._using = threading.Lock()
        self._opening = threading.Lock()
        self._looked = threading.Event()
        self._updated = float("-inf")
        self._cost = 0.0

    def refresh(self, at_least: float, wait: bool = True) -> None:
        """Open the newest generation, and bring it up to date first if that is due.

        Args:
            at_least: seconds since the last update that must have passed for another one.
            wait: whether to wait for another thread that is just doing this.
        """
        if not self._opening.acquire(blocking=wait):
            return
        try:
            due = time.monotonic() - self._updated >= max(at_least, UPDATE_SHARE * self._cost)
            if not (self.workspace / "format.json").is_file():
                # an update would lay out a workspace that somebody has deleted
                raise WorkspaceError(f"the workspace {self.workspace} is not there any more")
            if due or self.generation is None or self._is_old():
                self._open(due)
            self.trouble = None
        except SpeccError as error:
            self.trouble = error
        except Exception as error:  # whatever it is, the page goes on with what it has and tries again
            text = f"{type(error).__name__}: {error}".partition("\n")[0]
            self.trouble = WorkspaceError(f"the results can't be brought up to date: {text}")
        finally:
            self._looked.set()
            self._opening.release()

    def _is_old(self) -> bool:
        return generations.current(self.workspace) != self.generation

    def _open(self, update: bool) -> None:
        began = time.monotonic()
        if update:
            bring_up_to_date(self.workspace)
        # One that is published from here on may be what is opened; with the number of the one before, it is
        # looked at again.
        number = generations.current(self.workspace)
        connection = open_results(self.workspace, update=False, limits=LIMITS)
        if update:
            self._updated = time.monotonic()
            self._cost = self._updated - began
        with self._using:
            if number == self.generation and self._opened is not None:
                connection.close()
                return
            self._replace(_Opened(connection), number)

    def _replace(self, opened: _Opened | None, number: int | None) -> None:
        """Take another generation, or none; the lock is held."""
        old, self._opened, self.generation = self._opened, opened, number
        self._answers.clear()
        if old is not None:
            old.replaced = True
            if not old.users:
                old.connection.close()

    @contextmanager
    def cursor(self, experiment: str | None, wait: float = 0.0) -> Iterator[DuckDBPyConnection]:
        """A connection of one's own, with the tables of an experiment first.

        Args:
            wait: seconds to wait for the first look at the results.
        Raises:
            SpeccError: if nothing is published, or there is no such experiment.
        """
        if wait:
            self._looked.wait(wait)
        with self._using:
            opened = self._opened
            if opened is None:
                raise self.trouble or WorkspaceError("the results are not open yet", "wait a moment")
            cursor = opened.connection.cursor()
            opened.users += 1
        try:
            put_first(cursor, experiment)
            yield cursor
        finally:
            cursor.close()
            with self._using:
                opened.users -= 1
                if opened.replaced and not opened.users:
                    opened.connection.close()

    def answer(self, question: object, ask: Callable[[DuckDBPyConnection], T], experiment: str | None) -> T:
        """What a function makes of the results; kept while the generation is the newest.

        Args:
            question: stands for the function and its arguments.
        Raises:
            SpeccError: as `cursor`, or as the function does.
        """
        wanted = (question, experiment)
        with self._using:
            generation = self.generation
            if wanted in self._answers:
                self._answers.move_to_end(wanted)
                kept: T = self._answers[wanted]  # type: ignore[assignment]
                return kept
        with self.cursor(experiment) as cursor:
            found = ask(cursor)
        with self._using:
            if self.generation == generation:
                self._answers[wanted] = found
                while len(self._answers) > MOST_KEPT:
                    self._answers.popitem(last=False)
        return found

    def close(self) -> None:
        with self._using:
            self._replace(None, None)


class Keeper(threading.Thread):
    """Refreshes the results in the background until it is told to stop.

    Args:
        pace: asked each time how many seconds there should be between two updates of the index.
    """

    def __init__(self, published: Published, pace: Callable[[], float]) -> None:
        super().__init__(name="results", daemon=True)
        self.published = published
        self.pace = pace
        self.stopping = threading.Event()

    def run(self) -> None:
        while not self.stopping.is_set():
            self.published.refresh(self.pace())
            self.stopping.wait(1.0)

    def stop(self) -> None:
        self.stopping.set()
