"""What the tables, columns and functions mean, in the published file itself: as comments that shells show.

select table_name, comment from duckdb_views() ...
select column_name, comment from duckdb_columns() ...
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from specc.results import schema
from specc.results.schema import Column, literal, quoted


def meaning(column: Column) -> str:
    """What a column means, with its unit.

    >>> meaning(Column("bytes", "BIGINT", "its size", "bytes"))
    'its size [bytes]'
    """
    return f"{column.doc} [{column.unit}]" if column.unit else column.doc


def on_tables(into: str, axes: Sequence[Column]) -> str:
    """Statements that comment on the public views of a schema and their columns."""
    return ";\n".join(
        statement
        for table in schema.TABLES
        for statement in on_view(into, table.name, table.doc, schema.columns(table, axes))
    )


def on_view(into: str, name: str, doc: str, columns: Sequence[Column]) -> Iterator[str]:
    """Statements that comment on a view and its columns."""
    view = f"{quoted(into)}.{quoted(name)}"
    yield f"COMMENT ON VIEW {view} IS {literal(doc)}"
    for column in columns:
        yield f"COMMENT ON COLUMN {view}.{quoted(column.name)} IS {literal(meaning(column))}"


def on_macros() -> str:
    """Statements that comment on the functions."""
    return ";\n".join(
        f"COMMENT ON MACRO main.{macro.name} IS {literal(macro.doc)}" for macro in schema.ALL_MACROS
    )
