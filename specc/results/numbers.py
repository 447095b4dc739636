"""Numbers of steps that were done elsewhere, beside the plan of the run that names them.

    runs/<6 digits>/numbers/numbers.json    size, SHA-256 and rows of each file; sealed as a manifest is
                            steps.parquet   finished steps, with the values of evaluations
                            tokens.parquet  files.parquet  versions.parquet  samples.parquet
                            metrics.parquet what training logged, a row for each value
                            started.parquet steps that were begun and not finished

A file may be missing: it has no rows. An import (`specc import`) and an exported study that is opened again
have such a folder; the store has nothing of their steps. Files that are not what the seal says are left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, ValidationError

from specc.execute.status import run_folder, run_numbers
from specc.files import file_digest, write_atomic
from specc.results import storage
from specc.results.schema import literal, quoted
from specc.steps import Frozen
from specc.store import sealed, unsealed

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

FOLDER = "numbers"
SEAL = "numbers.json"

COLUMNS: dict[str, dict[str, str]] = {
    "steps": {
        "step": "VARCHAR",
        "version": "BIGINT",
        "started": "TIMESTAMP",
        "wall_seconds": "DOUBLE",
        "cpu_seconds": "DOUBLE",
        "flops": "DOUBLE",
        "device": "VARCHAR",
        "threads": "BIGINT",
        "resumed": "BIGINT",
        "code": "VARCHAR",
        "params": "VARCHAR",
        "outputs": "VARCHAR",
        "value": "DOUBLE",
        "n": "BIGINT",
        "stderr": "DOUBLE",
    },
    "tokens": {"step": "VARCHAR", "role": "VARCHAR", "tokens": "BIGINT"},
    "files": {"step": "VARCHAR", "file": "VARCHAR", "bytes": "BIGINT", "sha256": "VARCHAR"},
    "versions": {"step": "VARCHAR", "package": "VARCHAR", "version": "VARCHAR"},
    "metrics": {
        "step": "VARCHAR",
        "steps": "BIGINT",
        "tokens": "BIGINT",
        "lineage_tokens": "BIGINT",
        "name": "VARCHAR",
        "value": "DOUBLE",
    },
    "samples": {
        "step": "VARCHAR",
        "document": "VARCHAR",
        "value": "DOUBLE",
        "n": "BIGINT",
        "prediction": "VARCHAR",
        "target": "VARCHAR",
    },
    "started": {"step": "VARCHAR"},
}
"""Columns of each file, with their types."""

_TABLES = {
    "steps": "steps",
    "tokens": "tokens",
    "files": "files",
    "versions": "versions",
    "metrics": "logged_elsewhere",
    "samples": "samples",
}
"""Where the rows of a file are stored."""


class SealedFile(Frozen):
    """What a file of numbers is."""

    bytes: int
    sha256: str
    rows: int


class Seal(Frozen):
    """The files of a folder of numbers, by what they hold."""

    format: int = 1
    files: dict[str, SealedFile] = Field(default_factory=dict)


def numbers_folder(workspace: Path, run: int) -> Path:
    """Where the numbers of a run lie, if its steps were done elsewhere."""
    return run_folder(workspace, run) / FOLDER


def write_seal(folder: Path, rows: dict[str, int]) -> None:
    """Seal the files of a folder.

    Args:
        rows: of each file, by what it holds.
    """
    files = {}
    for name, count in rows.items():
        path = folder / f"{name}.parquet"
        files[name] = SealedFile(bytes=path.stat().st_size, sha256=file_digest(path), rows=count)
    write_atomic(folder / SEAL, sealed(Seal(files=files).model_dump_json(indent=1)))


def whole_files(folder: Path) -> dict[str, Path]:
    """The files of a folder by what they hold; none if one of them is not what the seal says."""
    try:
        seal = Seal.model_validate_json(unsealed((folder / SEAL).read_bytes()))
        found = {}
        for name, said in seal.files.items():
            path = folder / f"{name}.parquet"
            if name not in COLUMNS or path.is_symlink() or path.stat().st_size != said.bytes:
                return {}
            if file_digest(path) != said.sha256:
                return {}
            found[name] = path
    except (OSError, ValidationError, ValueError):
        return {}
    return found


def damaged(workspace: Path) -> list[int]:
    """Runs whose numbers are not what their seal says, so that they have no results."""
    return [
        number
        for number in run_numbers(workspace)
        if (folder := numbers_folder(workspace, number)).is_dir() and not whole_files(folder)
    ]


def readable(workspace: Path) -> list[str]:
    """Files that an index of the workspace may read, by their names and as DuckDB is to find them."""
    found = sorted((workspace / "runs").glob(f"*/{FOLDER}/*.parquet"))
    return [name for path in found for name in (str(path.absolute()), _named(path))]


def stamps(workspace: Path, may_read: Collection[str]) -> dict[int, str]:
    """Runs with numbers, with what tells whether these were replaced.

    Args:
        may_read: files that may be read; numbers that came later are left for the next time.
    """
    found = {}
    for number in run_numbers(workspace):
        folder = numbers_folder(workspace, number)
        try:
            status = (folder / SEAL).stat()
        except OSError:
            continue
        if any(str(path.absolute()) not in may_read for path in folder.glob("*.parquet")):
            continue
        found[number] = f"{status.st_size}:{status.st_mtime_ns}"
    return found


def changes(connection: DuckDBPyConnection, workspace: Path, may_read: Collection[str]) -> bool:
    """Whether numbers are new, were replaced, or are gone."""
    known = dict(connection.execute("SELECT run, stamp FROM recorded.elsewhere").fetchall())
    return known != stamps(workspace, may_read)


def record(connection: DuckDBPyConnection, workspace: Path, may_read: Collection[str]) -> None:
    """Store the numbers of all runs anew, in the transaction that is open.

    Their steps are told from those of the store by a negative stamp, their logs by a negative offset.
    A step that is known already keeps its numbers.
    """
    of_them = "step IN (SELECT step FROM recorded.steps WHERE stamp < 0)"
    for table in ("tokens", "files", "versions", "samples", "steps"):
        connection.execute(f"DELETE FROM recorded.{table} WHERE {of_them}")
    connection.execute("DELETE FROM recorded.logged_elsewhere")
    connection.execute("DELETE FROM recorded.logs WHERE read_bytes < 0")
    connection.execute("DELETE FROM recorded.elsewhere")
    found = stamps(workspace, may_read)
    storage.append(connection, "recorded.elsewhere", found.items())
    for run in found:
        _record_run(connection, run, whole_files(numbers_folder(workspace, run)))


def _record_run(connection: DuckDBPyConnection, run: int, files: dict[str, Path]) -> None:
    keys = [f"SELECT step FROM {_read(files[name])}" for name in ("steps", "started") if name in files]
    if not keys:
        return
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE taken_in AS SELECT DISTINCT step FROM ({" UNION ALL ".join(keys)})
            WHERE step NOT IN (SELECT step FROM recorded.steps)
              AND step NOT IN (SELECT step FROM recorded.logs)"""
    )
    taken = "step IN (SELECT step FROM taken_in)"
    for name, table in _TABLES.items():
        if name in files:
            columns = [quoted(column) for column in COLUMNS[name]]
            into, values = ", ".join(columns), ", ".join(columns)
            if name == "steps":
                into, values = f"{into}, stamp", f"{values}, {-run}"
            connection.execute(
                f"""INSERT INTO recorded.{table} ({into})
                    SELECT {values} FROM {_read(files[name])} WHERE {taken}"""
            )
    if "started" in files:
        connection.execute(
            f"""INSERT INTO recorded.logs (step, read_bytes, tail)
                SELECT step, -1, ''::BLOB FROM {_read(files["started"])} WHERE {taken}"""
        )
    connection.execute("DROP TABLE taken_in")


def _read(path: Path) -> str:
    return f"read_parquet({literal(_named(path))}, hive_partitioning = false)"


def _named(path: Path) -> str:
    """A file as DuckDB is to find it and no other: it reads wildcards in names."""
    return re.sub(r"([*?\[])", r"[\1]", str(path.absolute()))


def copy_rows(connection: DuckDBPyConnection, name: str, query: str, folder: Path) -> int:
    """Write the rows of a query as a file of numbers, in an order of their own; returns how many.

    Args:
        connection: one that may write files. query: gives the columns of the file by their names.
    """
    columns = ", ".join(
        f"CAST({quoted(each)} AS {type}) AS {quoted(each)}" for each, type in COLUMNS[name].items()
    )
    return write_rows(connection, f"SELECT {columns} FROM ({query}) ORDER BY ALL", folder / f"{name}.parquet")


def write_rows(connection: DuckDBPyConnection, query: str, path: Path) -> int:
    """Write the rows of a query as Parquet with zstd; returns how many."""
    row = connection.execute(
        f"COPY ({query}) TO {literal(str(path))} (FORMAT parquet, COMPRESSION zstd)"
    ).fetchone()
    assert row is not None, "COPY tells how many rows it has written"
    return int(row[0])


def wrong_columns(connection: DuckDBPyConnection, name: str, path: Path) -> str:
    """What is wrong with the columns of a file of numbers, in words; empty if nothing is."""
    described = connection.execute(f"DESCRIBE SELECT * FROM {_read(path)}").fetchall()
    return differing(COLUMNS[name], {row[0]: row[1] for row in described})


def differing(wanted: dict[str, str], found: dict[str, str]) -> str:
    """How columns differ from those that are wanted; empty if they don't."""
    parts: Iterable[str] = (
        f"`{column}` is {found[column].lower()} and not {type.lower()}"
        if column in found
        else f"`{column}` is missing"
        for column, type in wanted.items()
        if found.get(column, "") != type
    )
    return ", ".join(parts)


def as_json(value: object) -> str:
    """A value as the columns `params` and `outputs` hold it."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
