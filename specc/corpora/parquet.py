"""Parquet: a row is a document."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from specc.corpora.contents import open_regular
from specc.corpora.documents import Document
from specc.corpora.records import Fields, fields
from specc.errors import DataError

if TYPE_CHECKING:
    import duckdb

_ROWS = 1024
"""Rows that are held in memory as Python values at once."""


def read_parquet(files: Sequence[Path], args: Mapping[str, Any]) -> Iterator[Document]:
    """A document for each row, in the order of the files and of their rows.

    Text columns are VARCHAR; `options` is a list of VARCHAR. Rows are streamed.

    Raises:
        DataError: if a file is not Parquet, lacks a column, has one of another type, or has a
            null; or if the arguments name no columns.
    """
    columns = fields(args, "parquet", "column")
    for path in files:
        # DuckDB reads the file by name; opening it here refuses pipes and devices.
        with open_regular(path) as file:
            if not file.read(1):
                continue
        yield from _rows(path, columns)


def _rows(path: Path, columns: Fields) -> Iterator[Document]:
    import duckdb

    source, connection = _reader_of(path)
    try:
        described = connection.execute(
            "describe select * from read_parquet(?, hive_partitioning = false)", [source]
        ).fetchall()
        columns.require([row[0] for row in described], str(path))
        selected = ", ".join('"' + name.replace('"', '""') + '"' for name in columns.names)
        rows = connection.execute(
            f"select {selected} from read_parquet(?, hive_partitioning = false)", [source]
        )
        number = 0
        while batch := rows.fetchmany(_ROWS):
            for values in batch:
                number += 1
                record = dict(zip(columns.names, values, strict=True))
                yield columns.document(record, f"row {number} of {path}")
    except duckdb.Error as error:
        raise DataError(
            f"{path} can't be read as Parquet: {_reason(error)}",
            "check that the file is whole and is Parquet",
        ) from error
    finally:
        connection.close()


def _reader_of(path: Path) -> tuple[str, duckdb.DuckDBPyConnection]:
    """A file's name in DuckDB, and a connection that opens it and no other file, and no network.

    DuckDB reads wildcards in a file's name, so they are written as sets of one character. Both
    forms have to be permitted: it checks the name that it is given and the name that it finds.
    """
    import duckdb

    found = str(path.resolve())
    source = re.sub(r"([*?\[])", r"[\1]", found)
    connection = duckdb.connect(
        ":memory:",
        config={
            "threads": "1",
            "python_enable_replacements": "false",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        },
    )
    permitted = ", ".join("'" + name.replace("'", "''") + "'" for name in (found, source))
    connection.execute(f"set allowed_paths = [{permitted}]")
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")
    return source, connection


def _reason(error: Exception) -> str:
    """First line of DuckDB's message, without its kind."""
    line = str(error).splitlines()[0]
    _, colon, reason = line.partition("Error: ")
    reason = reason if colon else line
    return reason[:1].lower() + reason[1:].rstrip(".")
