"""Errors in the code of other packages are told as theirs, with the line that raised them."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from functools import wraps
from types import TracebackType
from typing import Any

from specc.errors import PluginError

MISTAKES = (
    *(ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, NameError),
    *(RuntimeError, TypeError, ValueError),
)
"""What mistakes in code raise; files, memory and being stopped are told by those who know of them."""


def blamed(work: Callable[..., Any], name: str, package: str) -> Callable[..., Any]:
    """The implementation of a component, whose mistakes are raised as those of its package.

    An iterator that it returns is looked after as well.

    Raises:
        PluginError: for any mistake in what it does, with the last line of the package's module.
    """

    def told(error: Exception) -> PluginError:
        place = _place(error.__traceback__, work.__code__.co_filename if hasattr(work, "__code__") else "")
        what = f"{type(error).__name__}: {error}"
        return PluginError(
            f"`{name}` of the package {package} has failed: {what} ({place})", "tell its authors"
        )

    def stepped(found: Iterator[Any]) -> Iterator[Any]:
        try:
            yield from found
        except MISTAKES as error:
            raise _own(error) or told(error) from error

    @wraps(work)
    def wrapped(*given: Any, **named: Any) -> Any:
        try:
            found = work(*given, **named)
        except MISTAKES as error:
            raise _own(error) or told(error) from error
        return stepped(found) if isinstance(found, Iterator) else found

    return wrapped


def _own(error: Exception) -> Exception | None:
    """An error that is the machine's and not the package's: a device without memory."""
    full = type(error).__name__ == "OutOfMemoryError" or "can't allocate memory" in str(error)
    return MemoryError(str(error)) if full else None


def _place(raised: TracebackType | None, file: str) -> str:
    """The last line that ran in a file, else the last of all."""
    frames = traceback.extract_tb(raised)
    frame = next((each for each in reversed(frames) if each.filename == file), frames[-1])
    return f"{frame.filename}:{frame.lineno}"
