"""How a compilation asks for what is pinned, and how `specc lock` learns of what is not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from fractions import Fraction

from specc.locking.lock import Lock
from specc.steps import Component


@dataclass(frozen=True, slots=True)
class ModelWanted:
    """A model of the hub; `asked` is a branch, tag or commit, "" for the default branch."""

    name: str
    asked: str = ""


@dataclass(frozen=True, slots=True)
class DatasetWanted:
    """What a corpus reads of a data set of the hub.

    Attributes:
        key: digest of what is read, as in `DatasetLock.parts`.
        reader: what reads it, without a revision.
        tokenizer_path, held_out, splits: as of any corpus.
    """

    name: str
    asked: str
    key: str
    reader: Component
    tokenizer_path: str | None
    held_out: Fraction
    splits: tuple[tuple[str, Fraction], ...]

    def __hash__(self) -> int:
        return hash((self.name, self.asked, self.key))


Wanted = ModelWanted | DatasetWanted

_LOCK: ContextVar[Lock | None] = ContextVar("_LOCK", default=None)
_WANTED: ContextVar[dict[Wanted, None] | None] = ContextVar("_WANTED", default=None)


def current() -> Lock:
    """The lock of the recipe that is being compiled; an empty one where there is none."""
    return _LOCK.get() or Lock()


@contextmanager
def locked(lock: Lock) -> Iterator[None]:
    """Compile with the lock of a recipe."""
    token = _LOCK.set(lock)
    try:
        yield
    finally:
        _LOCK.reset(token)


def missing(wanted: Wanted) -> bool:
    """Note that something is not pinned.

    Returns:
        whether somebody listens, who will see to it: then there is nothing to report.
    """
    listener = _WANTED.get()
    if listener is None:
        return False
    listener[wanted] = None
    return True


def is_locking() -> bool:
    """Whether `specc lock` compiles, which may use the network."""
    return _WANTED.get() is not None


@contextmanager
def listening() -> Iterator[dict[Wanted, None]]:
    """Collect what compilations ask for and do not find pinned, each once, in order."""
    found: dict[Wanted, None] = {}
    token = _WANTED.set(found)
    try:
        yield found
    finally:
        _WANTED.reset(token)
