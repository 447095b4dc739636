"""What there is to ask for, as text: tables, columns and functions of the results that are open."""

from __future__ import annotations

import re
from collections.abc import Set
from typing import TYPE_CHECKING

from specc.diagnostics import nearest
from specc.errors import QueryError
from specc.results import schema
from specc.words import printable

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_PRIVATE = ("planned", "recorded", "information_schema", "pg_catalog")


def tables(connection: DuckDBPyConnection) -> str:
    """The tables, one a line: those of the results, and a wide one for each experiment."""
    listed = [(table.name, table.doc) for table in schema.TABLES]
    wide = connection.execute(
        "SELECT view_name, comment FROM duckdb_views() WHERE schema_name = 'main' AND NOT internal "
        "AND view_name NOT IN (SELECT unnest(?)) ORDER BY view_name",
        [[name for name, _ in listed]],
    ).fetchall()
    reserved = reserved_words(connection)
    listed += [(identifier(name, reserved), doc or "") for name, doc in wide]
    return _aligned(listed)


def macros() -> str:
    """The functions that queries have beside DuckDB's, one a line."""
    return _aligned([(macro.signature, macro.doc) for macro in schema.ALL_MACROS])


def shapes(connection: DuckDBPyConnection) -> str:
    """All tables with the names of their columns."""
    lines = []
    for table in schema.TABLES:
        names = ", ".join(name for name, _, _ in _columns(connection, table.name))
        lines.append(f"{table.name}({names})")
    return "\n".join(lines) + "\n"


def table(connection: DuckDBPyConnection, name: str) -> str:
    """The columns of a table, axes included, with types, meaning and unit; and an example.

    Raises:
        QueryError: if there is no such table.
    """
    columns = _columns(connection, name)
    if not columns:
        known = [each.name for each in schema.TABLES]
        near = nearest(name, known)
        raise QueryError(f"there is no table `{name}`", f"write `{near}`" if near else "`.tables` lists them")
    found = next((each for each in (*schema.TABLES, schema.WIDE) if each.name == name.lower()), None)
    doc = found.doc if found is not None else schema.WIDE.doc
    widths = [max(len(row[place]) for row in columns) for place in (0, 1)]
    lines = [f"{name}: {doc}"]
    lines += [f"  {column:{widths[0]}}  {type:{widths[1]}}  {meaning}" for column, type, meaning in columns]
    if found is not None and found.example:
        lines += ["for instance", f"  {found.example}"]
    return "\n".join(lines) + "\n"


def identifier(name: str, reserved: Set[str]) -> str:
    """A name as a query has to write it: in quotes only where it needs them."""
    plain = re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII) and name.lower() not in reserved
    return name if plain else schema.quoted(name)


def reserved_words(connection: DuckDBPyConnection) -> Set[str]:
    """Words of SQL that name a table or a column only in quotes, in lower case."""
    rows = connection.execute(
        "SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category IN ('reserved', 'column_name')"
    ).fetchall()
    return {word for (word,) in rows}


def _columns(connection: DuckDBPyConnection, name: str) -> list[tuple[str, str, str]]:
    """Name, type and meaning of the columns of a table, of the schema that is named or searched first."""
    space, dot, table = name.rpartition(".")
    rows = connection.execute(
        "SELECT schema_name, column_name, data_type, comment FROM duckdb_columns() "
        "WHERE lower(table_name) = lower(?) AND schema_name NOT IN (SELECT unnest(?)) AND NOT internal "
        "ORDER BY column_index",
        [_bare(table), list(_PRIVATE)],
    ).fetchall()
    spaces = list(dict.fromkeys(row[0] for row in rows))
    named = [each for each in spaces if each.lower() == _bare(space).lower()]
    wanted = named if dot else _first(connection, spaces)
    return [
        (printable(column), _short(type), printable(comment or ""))
        for where, column, type, comment in rows
        if where in wanted[:1]
    ]


def _first(connection: DuckDBPyConnection, spaces: list[str]) -> list[str]:
    row = connection.execute("SELECT current_schema()").fetchone()
    own = str(row[0]) if row else "main"
    return sorted(spaces, key=lambda each: (each != own, each != "main"))


def _bare(name: str) -> str:
    return name[1:-1].replace('""', '"') if len(name) > 1 and name[0] == name[-1] == '"' else name


def _short(type: str) -> str:
    return "STRUCT" if type.startswith("STRUCT") and not type.endswith("]") else type


def _aligned(listed: list[tuple[str, str]]) -> str:
    width = max(len(name) for name, _ in listed)
    return "".join(f"  {printable(name):{width}}  {printable(doc)}\n" for name, doc in listed)
