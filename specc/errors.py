"""What can go wrong outside of a recipe's text.

    SpeccError
    ├── WorkspaceError      the workspace can't be used (newer format, not writable, busy)
    ├── CorruptArtifact     a stored file is not what its manifest says
    ├── DiskFull            no space left where the workspace lies
    ├── DiskFailed          the device that holds the workspace reports an error
    ├── NoDevice            there is no such device, or fewer than are asked for
    ├── DataError           a source file can't be read as what the recipe says it is
    ├── Diverged            training met a loss or gradient that is not a number
    ├── PluginError         a component of an installed package can't be used
    └── QueryError          DuckDB refuses a query

Mistakes in a recipe are not exceptions but diagnostics (`specc.diagnostics`).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager


class SpeccError(Exception):
    """An error told to the user as `message`, with `help` on what to do; never as a traceback."""

    def __init__(self, message: str, help: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.help = help
        if help:
            self.add_note(f"help: {help}")  # where a traceback is shown, as in a notebook


class WorkspaceError(SpeccError):
    """The workspace can't be used."""


class CorruptArtifact(SpeccError):
    """A stored file is missing or differs from its manifest; `key` names the step."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message, "it was set aside and is made again by the next `specc run`")
        self.key = key


class DiskFull(SpeccError):
    """No space left on the device."""


class DiskFailed(SpeccError):
    """The device reports an error: what was written last may not be there."""


class NoDevice(SpeccError):
    """Models can't be trained on what `--device` and `--replicas` ask for."""


class DataError(SpeccError):
    """A source file can't be read as declared."""


class Diverged(SpeccError):
    """Training met a loss or gradient norm that is not finite."""


class PluginError(SpeccError):
    """An installed package offers a component that can't be used."""


class QueryError(SpeccError):
    """A query that DuckDB refuses.

    Attributes:
        position: offset, in characters of the query, of what is wrong; None if it isn't known.
        candidates: names that may have been meant, best first.
    """

    def __init__(
        self,
        message: str,
        help: str | None = None,
        position: int | None = None,
        candidates: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message, help)
        self.position = position
        self.candidates = candidates


def reason(error: Exception) -> str:
    """Why something went wrong, as the end of a sentence: what the system or a library says of it.

    It is one line, without the number of an error, and begins with a small letter unless it begins with
    an abbreviation.

    >>> reason(FileNotFoundError(2, "No such file or directory", "a.txt"))
    'no such file or directory'
    >>> reason(OSError("CRC check failed."))
    'CRC check failed'
    >>> reason(KeyError("vocab_size"))
    '`vocab_size` is missing'
    """
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start} is not UTF-8"
    if isinstance(error, KeyError) and error.args:
        return f"`{error.args[0]}` is missing"
    said = (error.strerror if isinstance(error, OSError) else None) or str(error)
    line = next((line.strip() for line in said.splitlines() if line.strip()), type(error).__name__)
    return (line if line[1:2].isupper() else line[:1].lower() + line[1:]).rstrip(".")


@contextmanager
def disk_errors(where: object, advice: str = "name a writable folder with `--workspace`") -> Iterator[None]:
    """Turn "no space left", "not permitted" and failing devices from any library into errors for people.

    Safetensors and torch raise their own types for a full disk, so their text is read too.

    Args:
        advice: what to do where nothing may be written.
    """
    try:
        yield
    except SpeccError:
        raise
    except Exception as error:
        number = getattr(error, "errno", None)
        text = str(error)
        if number in (errno.ENOSPC, errno.EDQUOT) or "No space left" in text or "os error 28" in text:
            raise DiskFull(
                f"no space left on the device that holds {where}{_free(where)}",
                "free some space, then run again: finished steps are kept",
            ) from error
        if number == errno.EIO or "os error 5)" in text:
            raise DiskFailed(
                f"the device that holds {where} reports an input or output error",
                "look after the device, then run again: finished steps are kept",
            ) from error
        if isinstance(error, PermissionError) or number == errno.EROFS:
            raise WorkspaceError(
                f"can't write to {where}: {reason(error)}",
                advice,
            ) from error
        raise


def _free(where: object) -> str:
    """How much space is left there for whoever is no administrator, in words; "" if nobody can tell."""
    try:
        found = os.statvfs(str(where))
    except OSError:
        return ""
    return f" ({found.f_bavail * found.f_frsize / 1e6:,.1f} MB free)"
