"""How commands end: exit codes, and errors told to people."""

from __future__ import annotations

import errno
import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import click

from specc.errors import QueryError, SpeccError, WorkspaceError
from specc.version import __version__
from specc.words import printable

WRONG_SPEC = 1
WRONG_USE = 2
EXPECTATION_NOT_MET = 3
STEP_FAILED = 4
INTERNAL_ERROR = 70
INTERRUPTED = 130

P = ParamSpec("P")


def told(command: Callable[P, int]) -> Callable[P, None]:
    """A command that exits with the code it returns; errors of use become two lines on stderr."""

    @wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            code = command(*args, **kwargs)
        except SpeccError as error:
            tell(error)
            code = WRONG_USE if isinstance(error, QueryError | WorkspaceError) else STEP_FAILED
        except Exception as error:
            if isinstance(error, click.ClickException | click.exceptions.Exit | BrokenPipeError):
                raise
            code = _unexpected(error)
        except KeyboardInterrupt:
            print("\ninterrupted", file=sys.stderr)
            code = INTERRUPTED
        try:
            sys.stdout.flush()
        except OSError as error:
            if isinstance(error, BrokenPipeError):
                raise
            code = _unexpected(error)
            # What could not be written is not to be tried, and complained of, once more at the exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(code)

    return wrapped


def _unexpected(error: Exception) -> int:
    """Tell an error that no command expects, and return the exit code."""
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        tell(SpeccError("there is no space left for what is to be written", "free some, or write elsewhere"))
        return STEP_FAILED
    internal_error(error)
    return INTERNAL_ERROR


def tell(error: SpeccError) -> None:
    """Print an error and what to do about it."""
    print(f"error: {printable(error.message)}", file=sys.stderr)
    if error.help:
        print(f"  = help: {printable(error.help)}", file=sys.stderr)


def internal_error(error: Exception) -> None:
    """Say that specc has a bug; where it is goes to a file, to be sent along with a report."""
    lines = traceback.format_exception(error)
    print(f"internal error: {printable(f'{type(error).__name__}: {error}')}", file=sys.stderr)
    print(
        "  = note: this is a bug in specc, not a mistake of yours; what was finished is kept", file=sys.stderr
    )
    try:
        handle, name = tempfile.mkstemp(prefix="specc-", suffix=".traceback.txt", text=True)
        with open(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.writelines([f"specc {__version__}\n", " ".join(sys.argv) + "\n\n", *lines])
        print(f"  = help: please report it with {name}", file=sys.stderr)
    except OSError:
        print("".join(lines), file=sys.stderr)


def colored(stream: object) -> bool:
    """Whether to use colors: on terminals, unless NO_COLOR is set; FORCE_COLOR asks for them."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return bool(getattr(stream, "isatty", lambda: False)())
