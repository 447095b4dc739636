"""How every connection to DuckDB is opened: confined to its own file, and with right answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

CONFINED = {
    "enable_external_access": "false",
    "python_enable_replacements": "false",
    # Messages, positions and candidates as fields; see `specc.results.refusal`.
    "errors_as_json": "true",
    # With this optimizer DuckDB 2.0.0 takes an outer join whose right side is known to be empty (a
    # table without rows and a filter on it is enough) for a single row, and drops a LIMIT over it.
    # There is no narrower switch; queries take up to a tenth longer for it.
    "disabled_optimizers": "statistics_propagation",
}
"""No file but its own, no variable of this process, and no optimizer that is known to be wrong."""

_Setting = str | bool | int | float | list[str]

_WRITTEN: dict[str, _Setting] = {
    "threads": "1",
    # Small blocks: an index has many small tables, and each generation is a copy of them all. Smaller
    # ones would save half a megabyte of a small index, and make a large one twice as large.
    "default_block_size": "65536",
    # Shells and libraries from DuckDB 1.4 on can read the file; it is no larger and no slower for that.
    "storage_compatibility_version": "v1.4.0",
}


def connect(
    path: Path | str,
    read_only: bool = False,
    limits: Mapping[str, str] | None = None,
    may_read: Sequence[str] = (),
) -> DuckDBPyConnection:
    """Open a database; one that is read can't be reconfigured by what it is asked.

    Args:
        limits: further settings of a connection that reads, for instance `memory_limit`. All connections
            of a process to one file need the same.
        may_read: other files that a connection that writes may read.
    Raises:
        duckdb.Error: if it can't be opened.
    """
    import duckdb

    if read_only:
        config: dict[str, _Setting] = {**CONFINED, **(limits or {}), "lock_configuration": "true"}
        return duckdb.connect(str(path), read_only=True, config=config)
    if not may_read:
        return duckdb.connect(str(path), config={**CONFINED, **_WRITTEN})
    # Which files may be read can only be told to an open database that may still read all.
    later = {"enable_external_access": CONFINED["enable_external_access"]}
    connection = duckdb.connect(
        str(path), config={**{k: v for k, v in CONFINED.items() if k not in later}, **_WRITTEN}
    )
    try:
        connection.execute("SET allowed_paths = ?", [list(may_read)])
        connection.execute("SET enable_external_access = false")
    except BaseException:
        connection.close()
        raise
    return connection
