"""Counts of corpora for a process that asks again and again, as a language server does."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Protocol, TypeVar

T = TypeVar("T")


class Recent(Protocol):
    """Keeps what was found for a while; may work on in the background and raise `StillCounting`."""

    def ask(self, key: tuple[object, ...], work: Callable[[], T]) -> T: ...


class StillCounting(Exception):
    """A corpus is being counted; what it holds will be known later."""


RECENT: ContextVar[Recent | None] = ContextVar("RECENT", default=None)
"""Set while a server compiles; without it every question is answered anew."""


def ask(key: tuple[object, ...], work: Callable[[], T]) -> T:
    """What `work` gives, or gave a short while ago.

    Raises:
        StillCounting: if it goes on in the background.
    """
    recent = RECENT.get()
    return work() if recent is None else recent.ask(key, work)
