"""A conversation with the results: statements and dot-commands, and in which form answers are written.

`specc sql` uses it for all that it is given: a query, a file, lines that are typed.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from specc.diagnostics import nearest
from specc.errors import DataError, QueryError, reason
from specc.results import describing
from specc.results.answer import Answer
from specc.results.formats import replace_file
from specc.results.query import answers
from specc.results.reader import open_results
from specc.results.statements import Part, parts
from specc.results.written import FORMS, written

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

HELP = """\
Write a query and end it with `;`. It may take several lines, and be several statements.
  .tables            the tables, and what a row of each is
  .schema [TABLE]    columns of a table with types, meaning and units; of all tables their names
  .macros            functions beside DuckDB's
  .use EXPERIMENT    put the tables of an experiment first
  .mode FORM         write answers as table, csv, json, md or latex
  .output [FILE]     write the answers that follow to a file; without a name, here again
  .read FILE         do what is in a file
  .timing on|off     say how long each query took
  .refresh           read the newest results; only needed after `create temp table`
  .help              this text
  .quit              leave (Ctrl-D too); Ctrl-C drops what was written
"""

_TEMPORARY = re.compile(r"\bcreate\b[^;]*\btemp", re.IGNORECASE)

_DEEPEST = 16
"""Files that may read each other."""


class Session:
    """Asks the newest results; once something temporary is made there, those, until `.refresh`."""

    def __init__(
        self,
        workspace: Path,
        experiment: str | None,
        out: TextIO,
        error: TextIO,
        form: str = "table",
        width: Callable[[], int | None] = lambda: None,
        most_rows: int | None = None,
        kept: DuckDBPyConnection | None = None,
    ) -> None:
        """Args: `kept` is a connection to ask in the place of the newest results; the session closes it."""
        self.workspace, self.experiment = workspace, experiment
        self._out, self._error = out, error
        self._form, self._width, self._most_rows = form, width, most_rows
        self._file: tuple[Path, list[str]] | None = None
        self._timing = False
        self._depth = 0
        self._kept = kept

    def do(self, text: str) -> list[Answer]:
        """Do all parts of a script, up to a `.quit`, and return what was answered.

        Raises:
            SpeccError: of the first part that can't be done.
        """
        found: list[Answer] = []
        for part in parts(text.split("\n")):
            if part.command and part.text.rstrip("; ") in (".quit", ".exit"):
                break
            found += self.part(part, bool(found))
        return found

    def part(self, part: Part, apart: bool = False) -> list[Answer]:
        """Do a dot-command, or statements, and return what these answer.

        Args:
            apart: whether tables were written before, from which the first is kept apart.
        Raises:
            SpeccError: if it can't be done.
        """
        if part.command:
            name, _, argument = part.text.strip().rstrip(";").strip().partition(" ")
            self._command(name, argument.strip())
            return []
        begun = time.perf_counter()
        try:
            answers = self._answer(part.text, apart)
        except QueryError as error:
            if error.position is None or "\n" not in part.text.strip():
                raise
            line = part.line + part.text.count("\n", 0, error.position)
            raise QueryError(
                f"line {line}: {error.message}", error.help, error.position, error.candidates
            ) from error
        if self._timing:
            self._error.write(f"{(time.perf_counter() - begun) * 1000:,.0f} ms\n")
        return answers

    def close(self) -> None:
        """Give up what is kept open."""
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def connect(self) -> DuckDBPyConnection:
        """The connection that the next statement will use; `give_back` takes it."""
        return self._kept or open_results(self.workspace, self.experiment)

    def give_back(self, connection: DuckDBPyConnection, keep: bool = False) -> None:
        """Close a connection, unless something temporary lives on it.

        Args:
            keep: whether something temporary may have been made on it.
        """
        if keep or connection is self._kept:
            self._kept = connection
        else:
            connection.close()

    def _answer(self, sql: str, apart: bool) -> list[Answer]:
        connection = self.connect()
        found: list[Answer] = []
        try:
            for answer in answers(connection, sql):
                self._write(answer, apart or bool(found))
                found.append(answer)
        except BaseException:
            if connection is not self._kept:
                connection.close()
            raise
        self.give_back(connection, keep=_TEMPORARY.search(sql) is not None)
        return found

    def _write(self, answer: Answer, apart: bool) -> None:
        if self._file is None:
            text = written(answer, self._form, self._width(), self._most_rows)
            self._out.write("\n" * (apart and self._form in ("table", "md", "latex")) + text)
            return
        path, texts = self._file
        texts.append(written(answer, self._form))
        replace_file(path, lambda aside: aside.write_text("".join(texts), encoding="utf-8", newline=""))

    def _command(self, name: str, argument: str) -> None:
        commands: dict[str, Callable[[str], None]] = {
            ".tables": lambda _: self._describe(describing.tables),
            ".schema": self._schema,
            ".macros": lambda _: self._tell(describing.macros()),
            ".use": self._use,
            ".mode": self._mode,
            ".output": self._output,
            ".read": self.read,
            ".timing": self._time,
            ".refresh": lambda _: self.close(),
            ".help": lambda _: self._tell(HELP),
            ".quit": lambda _: None,  # whoever goes through the parts ends there
            ".exit": lambda _: None,
        }
        if name not in commands:
            near = nearest(name, list(commands))
            raise QueryError(
                f"there is no command `{name}`", f"write `{near}`" if near else "`.help` lists them"
            )
        commands[name](argument)

    def _tell(self, text: str) -> None:
        self._out.write(text)

    def _describe(self, describe: Callable[[DuckDBPyConnection], str]) -> None:
        connection = self.connect()
        try:
            self._tell(describe(connection))
        finally:
            self.give_back(connection)

    def _schema(self, name: str) -> None:
        self._describe(lambda open: describing.table(open, name) if name else describing.shapes(open))

    def _use(self, experiment: str) -> None:
        open_results(self.workspace, experiment or None).close()
        self.experiment = experiment or None
        self.close()

    def _mode(self, form: str) -> None:
        if form not in FORMS:
            raise QueryError(f"there is no form `{form}`", f"write one of {', '.join(FORMS)}")
        self._form = form

    def _output(self, name: str) -> None:
        self._file = (Path(name), []) if name else None
        if self._file is not None:
            replace_file(Path(name), lambda aside: aside.write_text(""))

    def _time(self, switch: str) -> None:
        if switch not in ("on", "off"):
            raise QueryError("is it `on` or `off`?", "write `.timing on`")
        self._timing = switch == "on"

    def read(self, name: str) -> None:
        """Do what is in a file.

        Raises:
            SpeccError: if it can't be read, or something in it can't be done.
        """
        if self._depth >= _DEEPEST:
            raise QueryError(f"`{name}` is read by a file that it reads", "take one `.read` away")
        self._depth += 1
        try:
            self.do(script(name))
        finally:
            self._depth -= 1


def script(name: str, stdin: TextIO | None = None) -> str:
    """The text of a script; `-` is what comes in.

    Raises:
        DataError: if it can't be read.
    """
    if name == "-" and stdin is not None:
        return stdin.read()
    try:
        return Path(name).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"can't read the query in `{name}`: {reason(error)}", "name a text file") from error
