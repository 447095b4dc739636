"""The prompt of `specc sql`: statements end with `;`, and each sees the newest results."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from specc.errors import SpeccError
from specc.results import schema
from specc.results.query import run
from specc.results.reader import open_results
from specc.results.table import as_table

_HELP = """\
Write a query and end it with `;`. It may take several lines.
  .tables         the tables, and what a row of each is
  .schema TABLE   its columns with types, units and meaning
  .help           this text
  .quit           leave (Ctrl-D too); Ctrl-C drops what was written
"""
_MOST_ROWS = 500
"""Rows that the prompt shows of an answer."""

_HISTORY_LINES = 1000


def prompt(
    workspace: Path,
    experiment: str | None,
    out: TextIO,
    error: TextIO,
    read: Callable[[str], str] = input,
) -> None:
    """Answer queries until there are no more.

    Args:
        read: gives the next line, as `input` does, with the prompt to show; EOFError ends.
    Raises:
        SpeccError: if the results can't be opened at all.
    """
    open_results(workspace, experiment).close()
    written: list[str] = []
    with _history(workspace):
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
            if not written and line.strip().startswith("."):
                if line.strip().rstrip(";") in (".quit", ".exit"):
                    return
                _command(line.strip().rstrip(";"), out, error)
                continue
            if line.strip() or written:
                written.append(line)
            if line.rstrip().endswith(";"):
                sql = "\n".join(written)
                written.clear()
                with suppress(KeyboardInterrupt):
                    _answer(workspace, experiment, sql, out, error)


def tables() -> str:
    """The tables and functions of the results, one a line."""
    width = max(len(name) for name in [*(table.name for table in schema.TABLES), *schema.MACROS])
    lines = [f"  {table.name:{width}}  {table.doc}" for table in schema.TABLES]
    lines += [f"  {signature:{width}}  {doc}" for signature, (_, doc) in schema.MACROS.items()]
    return "\n".join(lines) + "\n"


def columns(name: str) -> str:
    """The columns of a table, one a line.

    Raises:
        SpeccError: if there is no such table.
    """
    found = next((table for table in schema.TABLES if table.name == name.lower()), None)
    if found is None:
        raise SpeccError(f"there is no table `{name}`", "`.tables` lists them")
    width = max(len(column.name) for column in found.columns)
    lines = [f"{found.name}: {found.doc}"]
    for column in found.columns:
        lines.append(f"  {column.name:{width}}  {column.type:9}  {column.doc}")
        if found.per_arm and column.name == "recipe":
            lines.append(f"  {'AXIS ...':{width}}  {'':9}  a column for each axis of the sweep")
    return "\n".join(lines) + "\n"


def _command(line: str, out: TextIO, error: TextIO) -> None:
    command, _, argument = line.partition(" ")
    if command == ".help":
        out.write(_HELP)
    elif command == ".tables" or (command == ".schema" and not argument.strip()):
        out.write(tables())
    elif command == ".schema":
        try:
            out.write(columns(argument.strip()))
        except SpeccError as wrong:
            _tell(wrong, error)
    else:
        error.write(f"error: there is no command `{command}`\n  help: `.help` lists them\n")


def _answer(workspace: Path, experiment: str | None, sql: str, out: TextIO, error: TextIO) -> None:
    try:
        connection = open_results(workspace, experiment)
        try:
            answers = run(connection, sql)
        finally:
            connection.close()
    except SpeccError as wrong:
        _tell(wrong, error)
        return
    for answer in answers:
        out.write(as_table(answer, width=shutil.get_terminal_size().columns, most_rows=_MOST_ROWS))


def _tell(wrong: SpeccError, error: TextIO) -> None:
    error.write(f"error: {wrong.message}\n")
    if wrong.help:
        error.write(f"  help: {wrong.help}\n")


@contextmanager
def _history(workspace: Path) -> Iterator[None]:
    """Line editing, with the lines of earlier prompts of the workspace, where Python has it."""
    path = workspace / "index" / "history"
    with suppress(ImportError, OSError):
        import readline

        readline.read_history_file(path)
    try:
        yield
    finally:
        with suppress(ImportError, OSError):
            import readline

            readline.set_history_length(_HISTORY_LINES)
            readline.write_history_file(path)
