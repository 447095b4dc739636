"""What may be written next at the prompt: tables, columns, functions, experiments, axes, values."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from specc.errors import SpeccError
from specc.results import describing, schema
from specc.results.written import FORMS

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from specc.results.session import Session

COMMANDS = (
    ".exit",
    ".help",
    ".macros",
    ".mode",
    ".output",
    ".quit",
    ".read",
    ".refresh",
    ".schema",
    ".tables",
    ".timing",
    ".use",
)

WORDS = tuple(
    """
    and as asc avg between by case count cross cube desc describe distinct else end except explain filter
    from group having in intersect is isfinite isnan join left like limit max median min not null offset
    on or order over partition pivot position quantile_cont rollup select stddev_samp sum then union
    unnest using values when where window with
    """.split()  # noqa: SIM905  # a list of them takes a page
)
"""Words of SQL that queries of results often have."""

_SHOWN_VALUES = 1000
_SPACES = ("planned", "recorded", "information_schema", "pg_catalog")
_LAST = re.compile(
    r"""(?P<text>'(?:[^'\n]|'')*)$ | (?P<path>(?:(?:\w+|"[^"]*")\.)*)(?P<word>\w*)$""", re.VERBOSE
)


@dataclass(frozen=True, slots=True)
class Names:
    """All that there is to complete.

    Attributes:
        tables: columns by table, of the schemas that are searched. spaces: tables by schema.
        fields: names inside a column, by the column.
        values: of the columns that hold names.
    """

    tables: dict[str, tuple[str, ...]] = field(default_factory=dict)
    spaces: dict[str, tuple[str, ...]] = field(default_factory=dict)
    fields: dict[str, tuple[str, ...]] = field(default_factory=dict)
    functions: tuple[str, ...] = ()
    experiments: tuple[str, ...] = ()
    values: tuple[str, ...] = ()


def names(connection: DuckDBPyConnection) -> Names:
    """The names in the results that are open."""
    rows = connection.execute(
        "SELECT schema_name, table_name, column_name FROM duckdb_columns() WHERE NOT internal "
        "AND schema_name NOT IN (SELECT unnest(?)) ORDER BY schema_name = 'main', column_index",
        [list(_SPACES)],
    ).fetchall()
    reserved = describing.reserved_words(connection)
    own = connection.execute("SELECT current_schema()").fetchone()
    tables: dict[str, list[str]] = {}
    spaces: dict[str, set[str]] = {}
    for space, table, column in rows:
        written = describing.identifier(column, reserved)
        spaces.setdefault(describing.identifier(space, reserved), set()).add(table)
        if own is not None and space in (own[0], "main"):
            known = tables.setdefault(describing.identifier(table, reserved), [])
            if written not in known:
                known.append(written)
    per_arm = {column.name for column in schema.table("recipes").columns}
    axes = {column for column in tables.get("recipes", []) if column not in per_arm}
    experiments = tuple(
        name
        for (name,) in connection.execute("SELECT experiment FROM main.experiments ORDER BY 1").fetchall()
    )
    return Names(
        {table: tuple(columns) for table, columns in tables.items()},
        {space: tuple(sorted(found)) for space, found in spaces.items()},
        {"baseline": ("arm", "recipe", *sorted(axes))},
        tuple(f"{macro.name}(" for macro in schema.ALL_MACROS),
        experiments,
        _values(connection),
    )


def _values(connection: DuckDBPyConnection) -> tuple[str, ...]:
    rows = connection.execute(
        "SELECT experiment FROM planned.experiments UNION SELECT recipe FROM planned.arms "
        "UNION SELECT stage FROM planned.stages UNION SELECT corpus FROM planned.cells "
        "UNION SELECT unnest([eval, metric, stage]) FROM planned.measures "
        "UNION SELECT name FROM planned.settings UNION SELECT unnest(?) LIMIT ?",
        [["loss", "learning_rate", "grad_norm", "done", "failed", "met"], _SHOWN_VALUES],
    ).fetchall()
    return tuple(sorted(value for (value,) in rows if value))


def completions(before: str, known: Names) -> list[str]:
    """What may stand in place of the last word before the cursor, which each begins with.

    >>> completions("select eval, va", Names({"results": ("eval", "value")}))
    ['value', 'values']
    >>> completions(".sch", Names())
    ['.schema']
    """
    line = before.rpartition("\n")[2]
    if re.fullmatch(r"\s*\.\w*", before):
        return _starting(before.strip(), COMMANDS)
    command = re.fullmatch(r"\s*(\.\w+)\s+(\S*)", line) if before == line else None
    if command is not None:
        return _starting(command[2], _arguments(command[1], known))
    last = _LAST.search(_open_texts(before))
    assert last is not None, "an empty word stands at the end of every text"
    if last["text"] is not None:
        return [f"'{value}'" for value in _starting(last["text"][1:], known.values)]
    path, word = last["path"], last["word"]
    if path:
        return [f"{path}{name}" for name in _starting(word, _inside(path.rstrip("."), before, known))]
    mentioned = [name for name in known.tables if re.search(rf"\b{re.escape(name)}\b", before)]
    columns = [column for name in mentioned or known.tables for column in known.tables[name]]
    if re.search(r"\b(from|join)\s+\w*$", before, re.IGNORECASE):
        return _starting(word, [*known.tables, *known.spaces])
    every = [*columns, *known.tables, *known.spaces, *known.functions, *WORDS]
    return _starting(word, every) if word else _starting(word, [*columns, *known.functions])


def _open_texts(before: str) -> str:
    """The end of a query, from the quote on that is still open if there is one."""
    quotes = [place for place, sign in enumerate(before) if sign == "'"]
    return before[quotes[-1] :] if len(quotes) % 2 else re.sub(r"'[^']*'", " ", before)


def _arguments(command: str, known: Names) -> Iterable[str]:
    return {
        ".schema": known.tables,
        ".mode": FORMS,
        ".use": known.experiments,
        ".timing": ("on", "off"),
    }.get(command, ())


def _inside(path: str, before: str, known: Names) -> Iterable[str]:
    """Names behind a dot: tables of a schema, columns of a table or of its alias, fields of a column."""
    owner = path.rpartition(".")[2].strip('"')
    alias = re.search(
        rf"\b(?:from|join|,)\s+(?:\w+\.)?(\w+)\s+(?:as\s+)?{re.escape(owner)}\b", before, re.IGNORECASE
    )
    spaces = {space.strip('"').lower(): tables for space, tables in known.spaces.items()}
    tables = {name.strip('"').lower(): columns for name, columns in known.tables.items()}
    if alias is not None and alias[1].lower() in tables:
        return tables[alias[1].lower()]
    found = [*spaces.get(owner.lower(), ()), *tables.get(owner.lower(), ()), *known.fields.get(owner, ())]
    return found


def _starting(word: str, candidates: Iterable[str]) -> list[str]:
    low = word.lower()
    return [each for each in dict.fromkeys(candidates) if each.lower().startswith(low) and each != word]


class Completer:
    """Completes for readline, from the results as they are when it is first asked."""

    def __init__(self, session: Session, before: Callable[[], str]) -> None:
        """Args:
        before: the lines of the statement that were written before the one at the cursor.
        """
        self._session, self._before = session, before
        self._known: tuple[str | None, Names] | None = None
        self._found: list[str] = []

    def install(self) -> None:
        """Have readline complete with the tabulator."""
        import readline

        readline.set_completer(self.complete)
        readline.set_completer_delims(" \t\n`@$><=;|&{(,+-*/%[]!")
        mac = "libedit" in (readline.__doc__ or "")
        readline.parse_and_bind("bind ^I rl_complete" if mac else "tab: complete")

    def complete(self, text: str, state: int) -> str | None:
        """The candidate of this number for the word at the cursor, as readline asks for it."""
        import readline

        if state == 0:
            line = readline.get_line_buffer()[: readline.get_endidx()]
            self._found = self.candidates(line)
        return self._found[state] if state < len(self._found) else None

    def candidates(self, line: str) -> list[str]:
        """All candidates at the end of a line."""
        with suppress(SpeccError):
            before = self._before()
            return completions(f"{before}\n{line}" if before else line, self.known())
        return []

    def known(self) -> Names:
        """The names; read once for each experiment that is put first."""
        experiment = self._session.experiment
        if self._known is None or self._known[0] != experiment:
            connection = self._session.connect()
            try:
                self._known = (experiment, names(connection))
            finally:
                self._session.give_back(connection)
        return self._known[1]
