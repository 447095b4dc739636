"""The tables that queries see, column by column: the public interface of the results.

Each experiment has a schema of its own, in which the axes of its sweep are typed columns. `main`
holds the same tables over all experiments, with the union of their axes: an axis that is a whole
number here and a number there is DOUBLE, any other conflict VARCHAR.

Names are those of SQL: they don't distinguish upper from lower case.
"""

from __future__ import annotations

from collections.abc import Sequence

from specc.quantities.macro import Macro
from specc.quantities.registry import FUNCTIONS
from specc.results.tables import TABLES as TABLES
from specc.results.tables import WIDE as WIDE
from specc.results.tables import Column as Column
from specc.results.tables import Table as Table
from specc.study import Axis, AxisType

VERSION = 10
"""Version of the tables; an index of another version is built again.

It is raised when a table, a column or a function is added, taken away or renamed, when a column gets
another type, unit or meaning, and when what is stored behind them changes. Added ones break no query.
What is taken away or changes its meaning is told in CHANGELOG.md, with what to write instead.
"""

AXIS_TYPES: dict[AxisType, str] = {
    "fraction": "DOUBLE",
    "float": "DOUBLE",
    "tokens": "BIGINT",
    "steps": "BIGINT",
    "sequences": "BIGINT",
    "int": "BIGINT",
    "string": "VARCHAR",
    "bool": "BOOLEAN",
}
"""Type of the column that an axis becomes."""

ALL_MACROS = (
    *FUNCTIONS.values(),
    Macro("schema_version()", str(VERSION), "version of these tables", example="select schema_version()"),
)
"""The functions that queries have beside DuckDB's."""

MACROS: dict[str, tuple[str, str]] = {macro.signature: (macro.sql, macro.doc) for macro in ALL_MACROS}
"""Signature -> (SQL, what it means) of the functions that queries have beside DuckDB's."""

SWEPT = "swept axis; null in the arms of what `best` has chosen among its values"
"""What the column of an axis means."""

RESERVED_COLUMNS = frozenset(column.name for table in TABLES if table.per_arm for column in table.columns)
"""Names, in lower case, that an axis can't have: they are columns already."""

RESERVED_SCHEMAS = frozenset(
    {"main", "temp", "system", "information_schema", "pg_catalog", "planned", "recorded"}
)
"""Names, in lower case, that an experiment can't have: they are schemas already."""


def quoted(name: str) -> str:
    """A name as an SQL identifier, whatever is in it.

    >>> quoted('a "b"')
    '"a ""b\"""'
    """
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def table(name: str) -> Table:
    """The table of the public interface with this name."""
    return next(table for table in TABLES if table.name == name)


def axis_columns(axes: Sequence[Axis]) -> tuple[Column, ...]:
    """Columns that the axes of an experiment become.

    The checker refuses axes with reserved names; in a plan of an older specc one may have become
    reserved since, and is told apart by an underscore.
    """
    taken = set(RESERVED_COLUMNS)
    columns = []
    for axis in axes:
        name = axis.name
        while name.lower() in taken:
            name += "_"
        taken.add(name.lower())
        columns.append(Column(name, AXIS_TYPES[axis.type], SWEPT))
    return tuple(columns)


def schema_name(experiment: str) -> str:
    """Schema of an experiment: its name, told apart by an underscore if that is reserved."""
    return experiment + "_" * (experiment.lower() in RESERVED_SCHEMAS)


def wide_name(experiment: str) -> str:
    """The view in `main` with an experiment's wide table, told apart from the tables by an underscore."""
    name = schema_name(experiment)
    return name + "_" * (name.lower() in {table.name for table in TABLES})


def united(axes: Sequence[Sequence[Column]]) -> tuple[Column, ...]:
    """Columns of all experiments' axes together, in the order in which they are first met."""
    columns: dict[str, Column] = {}
    for column in (column for group in axes for column in group):
        known = columns.setdefault(column.name.lower(), column)
        if known.type != column.type:
            numbers = {known.type, column.type} <= {"BIGINT", "DOUBLE"}
            type = "DOUBLE" if numbers else "VARCHAR"
            columns[column.name.lower()] = Column(known.name, type, known.doc)
    return tuple(columns.values())


def columns(table: Table, axes: Sequence[Column]) -> tuple[Column, ...]:
    """All columns of a table in an experiment with these axes, in order."""
    if not table.per_arm:
        return table.columns
    found: list[Column] = []
    for column in table.columns:
        if column.type == "STRUCT":
            fields = (Column("arm", "BIGINT", ""), Column("recipe", "VARCHAR", ""), *axes)
            type = ", ".join(f"{quoted(field.name)} {field.type}" for field in fields)
            column = Column(column.name, f"STRUCT({type})", column.doc)
        found.append(column)
        if column.name == "recipe":
            found.extend(axes)
    return tuple(found)


def empty_tables(schema: str, axes: Sequence[Column]) -> str:
    """DDL of the public tables of one schema without rows, to bind queries against."""
    statements = [f"CREATE SCHEMA IF NOT EXISTS {quoted(schema)}"]
    statements += [empty_table(schema, each, axes) for each in TABLES]
    return ";\n".join(statements)


def empty_table(schema: str, table: Table, axes: Sequence[Column]) -> str:
    """DDL of one of them."""
    shape = ", ".join(f"{quoted(column.name)} {column.type}" for column in columns(table, axes))
    return f"CREATE TABLE {quoted(schema)}.{quoted(table.name)} ({shape})"


def macros() -> str:
    """DDL of the functions, in the schema `main`."""
    return ";\n".join(macro.ddl() for macro in ALL_MACROS)
