"""Corpora for a server: what was found a moment ago holds, and counting keeps nobody waiting."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as Waited
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from specc.corpora.recent import StillCounting

T = TypeVar("T")

FRESH = 10.0
"""Seconds for which what was found is not looked at again; saving a file ends them."""

PATIENCE = 0.3
"""Seconds that a compilation waits for a corpus; what takes longer is told later."""

MOST = 4096
"""Answers that are kept."""


@dataclass(slots=True)
class _Answer:
    """An answer, and when it came."""

    future: Future[Any]
    came: float = 0.0

    def arrived(self, _: Future[Any]) -> None:
        self.came = time.monotonic()


class Counting:
    """Answers of the corpora, by question.

    Args:
        done: called, in another thread, when an answer has come that somebody didn't wait for.
    """

    def __init__(self, done: Callable[[], None]) -> None:
        self._done = done
        self._answers: dict[str, _Answer] = {}
        self._lock = threading.Lock()
        self._closed = False
        self._workers = ThreadPoolExecutor(1, thread_name_prefix="counting")

    def ask(self, key: tuple[object, ...], work: Callable[[], T]) -> T:
        """What `work` gives; an error that it raises is raised.

        Raises:
            StillCounting: if it takes longer than `PATIENCE`, or nothing is counted any more.
        """
        name = repr(key)
        with self._lock:
            if self._closed:
                raise StillCounting
            answer = self._answers.get(name)
            if answer is None or (answer.came and time.monotonic() - answer.came > FRESH):
                if len(self._answers) >= MOST:
                    self._answers.clear()
                answer = self._answers[name] = _Answer(self._workers.submit(work))
                answer.future.add_done_callback(answer.arrived)
        try:
            return cast(T, answer.future.result(PATIENCE))
        except CancelledError:
            raise StillCounting from None
        except Waited:
            if answer.future.done():
                raise
            answer.future.add_done_callback(lambda _: self._done())
            raise StillCounting from None

    def refresh(self) -> None:
        """Look at all files again."""
        with self._lock:
            self._answers = {k: a for k, a in self._answers.items() if not a.future.done()}

    def close(self) -> None:
        with self._lock:
            self._closed = True
        self._workers.shutdown(wait=False, cancel_futures=True)
