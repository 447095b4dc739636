"""The prompt of `specc sql`: statements end with `;`, and each sees the newest results."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from specc.errors import SpeccError
from specc.results.completion import Completer
from specc.results.session import Session
from specc.results.statements import Part, is_whole

_MOST_ROWS = 500
"""Rows that the prompt shows of an answer."""

_HISTORY_LINES = 1000


def prompt(
    workspace: Path,
    experiment: str | None,
    out: TextIO,
    error: TextIO,
    read: Callable[[str], str] = input,
    form: str = "table",
) -> None:
    """Answer queries until there are no more.

    Args:
        read: gives the next line, as `input` does, with the prompt to show; EOFError ends.
        form: in which answers are written at first.
    Raises:
        SpeccError: if the results can't be opened at all.
    """
    written: list[str] = []
    session = Session(workspace, experiment, out, error, form, _width, _MOST_ROWS)
    session.give_back(session.connect())
    with session, _line_editing(workspace, session, written):
        while True:
            try:
                line = read("   ...> " if written else "specc> ")
            except EOFError:
                out.write("\n")
                return
            except KeyboardInterrupt:
                written.clear()
                out.write("\n")
                continue
            if not written and line.strip().rstrip(";").strip() in (".quit", ".exit"):
                return
            if line.strip() or written:
                written.append(line)
            text = "\n".join(written)
            if text and (text.lstrip().startswith(".") or is_whole(text)):
                written.clear()
                with suppress(KeyboardInterrupt):
                    _do(session, Part(text, 1), error)


def _width() -> int:
    return shutil.get_terminal_size().columns


def _do(session: Session, part: Part, error: TextIO) -> None:
    try:
        session.part(part)
    except SpeccError as wrong:
        error.write(f"error: {wrong.message}\n")
        if wrong.help:
            error.write(f"  help: {wrong.help}\n")


@contextmanager
def _line_editing(workspace: Path, session: Session, written: list[str]) -> Iterator[None]:
    """Line editing, completion and the lines of earlier prompts of the workspace, where Python has them."""
    path = workspace / "index" / "history"
    with suppress(ImportError, OSError):
        import readline

        Completer(session, lambda: "\n".join(written)).install()
        readline.read_history_file(path)
    try:
        yield
    finally:
        with suppress(ImportError, OSError):
            import readline

            readline.set_completer(None)
            readline.set_history_length(_HISTORY_LINES)
            readline.write_history_file(path)
