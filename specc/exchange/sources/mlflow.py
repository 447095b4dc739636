"""MLflow: its SQLite file, or its folder of plain files (`mlruns`).

Read as they lie: tables `experiments`, `runs`, `params`, `metrics`; files `meta.yaml`, `params/NAME`,
`metrics/NAME` with lines of time, value and step. Deleted runs are passed over. A value that is not a
number is `is_nan` in the tables, `nan` in the files.
"""

from __future__ import annotations

import math
import re
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from specc.errors import reason
from specc.exchange.foreign import (
    MOST_VALUES,
    ForeignRun,
    Source,
    State,
    digest_of,
    number,
    read_text,
    refused,
    scalar,
    unreadable,
    whole,
    written,
)

_TABLES = ("experiments", "runs", "params", "metrics")

_STATES: dict[str, State] = {"FINISHED": "done", "FAILED": "failed", "KILLED": "failed"}
_FILE_STATES: dict[str, State] = {"3": "done", "4": "failed", "5": "failed"}
"""Of the folder's `status`, a number of MLflow's enumeration RunStatus."""


def is_database(path: Path) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(16) == b"SQLite format 3\0"
    except OSError:
        return False


def is_folder(path: Path) -> bool:
    return any(path.glob("*/meta.yaml")) or any(path.glob("*/*/meta.yaml"))


def read(path: Path, take: str | None) -> Source:
    """Read the runs of one experiment.

    Args:
        take: its name or id; not needed if there is only one with runs.
    Raises:
        DataError: if it can't be read. QueryError: if there are several experiments to choose from.
    """
    if path.is_dir():
        return _read_folder(path, take)
    try:
        with sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True) as connection:
            connection.execute("PRAGMA trusted_schema = OFF")
            return _read_tables(connection, path, take)
    except sqlite3.Error as error:
        unreadable(path, f"it is no database of MLflow ({reason(error)})", error)


def _chosen(found: dict[str, str], take: str | None) -> str:
    """Id of the experiment that is taken; `found` has the names of all by their ids."""
    named = [each for each, name in found.items() if take in (None, each, name)]
    if len(named) == 1:
        return named[0]
    listed = ", ".join(f"`{name}`" for name in found.values()) or "none"
    if not found:
        refused("there is no experiment with runs", "name the file or folder that MLflow writes to")
    if take is not None and not named:
        refused(f"there is no experiment `{take}` with runs", f"write `--take` with one of {listed}")
    refused(
        f"there are {len(named)} experiments: {listed}", f"name one: `--take {next(iter(found.values()))}`"
    )


def _read_tables(connection: sqlite3.Connection, path: Path, take: str | None) -> Source:
    _see_tables(connection, path)
    names = dict(
        connection.execute(
            """SELECT CAST(experiment_id AS TEXT), CAST(coalesce(name, experiment_id) AS TEXT)
               FROM experiments WHERE experiment_id IN
               (SELECT experiment_id FROM runs WHERE lifecycle_stage = 'active') ORDER BY experiment_id"""
        ).fetchall()
    )
    chosen = _chosen(names, take)
    runs: dict[str, ForeignRun] = {}
    for uuid, name, status, start, end in connection.execute(
        """SELECT run_uuid, name, status, start_time, end_time FROM runs
           WHERE CAST(experiment_id AS TEXT) = ? AND lifecycle_stage = 'active'
           ORDER BY start_time, run_uuid""",
        [chosen],
    ):
        state = _STATES.get(str(status), "running")
        runs[uuid] = _run(str(uuid), str(name or ""), state, start, end)
    for uuid, name, value in connection.execute(
        "SELECT run_uuid, key, value FROM params ORDER BY run_uuid, key"
    ):
        if uuid in runs and value not in (None, ""):
            runs[uuid].parameters[str(name)] = scalar(str(value))
    counted = 0
    for uuid, name, step, value, is_nan in connection.execute(
        "SELECT run_uuid, key, step, value, is_nan FROM metrics ORDER BY run_uuid, key, step, timestamp"
    ):
        if uuid in runs:
            counted += 1
            if counted > MOST_VALUES:
                unreadable(path, f"it has more than {MOST_VALUES:,} logged values")
            found = math.nan if is_nan else number(value)
            if found is not None:
                runs[uuid].log(str(name), whole(step) or 0, found)
    files = [each for each in (path, path.with_name(f"{path.name}-wal")) if each.is_file()]
    return Source("mlflow", names[chosen], digest_of(files, path.parent), list(runs.values()))


def _see_tables(connection: sqlite3.Connection, path: Path) -> None:
    """See that what is read are tables of plain columns: others compute, for as long as they like."""
    for name, kind, sql in connection.execute("SELECT name, type, sql FROM sqlite_schema").fetchall():
        if str(name).lower() not in _TABLES:
            continue
        computed = connection.execute(
            "SELECT count(*) FROM pragma_table_xinfo(?) WHERE hidden <> 0", [name]
        ).fetchone()
        if kind != "table" or "virtual" in str(sql).lower().split()[:2] or computed != (0,):
            unreadable(path, f"`{name}` is no plain table")


def _run(id: str, title: str, state: State, start: Any, end: Any) -> ForeignRun:
    """A run with its times, which are milliseconds since 1970."""
    began, ended = whole(start), whole(end)
    run = ForeignRun(id, title, state=state)
    if state == "failed":
        run.reason = "it failed or was killed in MLflow"
    if began is not None and 0 < began < 4e12:
        run.started = datetime.fromtimestamp(began / 1000, UTC).isoformat(timespec="seconds")
        if ended is not None and ended > began:
            run.seconds = (ended - began) / 1000
    return run


def _read_folder(path: Path, take: str | None) -> Source:
    if (path / "meta.yaml").is_file():  # one experiment's own folder
        path, take = path.parent, take or _meta(path / "meta.yaml").get("name")
    names: dict[str, str] = {}
    folders: dict[str, Path] = {}
    for meta in sorted(path.glob("*/meta.yaml")):
        said = _meta(meta)
        if said.get("lifecycle_stage", "active") == "active" and any(meta.parent.glob("*/meta.yaml")):
            id = said.get("experiment_id", meta.parent.name)
            names[id], folders[id] = said.get("name", id), meta.parent
    chosen = _chosen(names, take)
    files: list[Path] = []
    runs: list[ForeignRun] = []
    for meta in sorted(folders[chosen].glob("*/meta.yaml")):
        said = _meta(meta)
        if said.get("lifecycle_stage", "active") != "active":
            continue
        files.append(meta)
        state = _FILE_STATES.get(said.get("status", ""), _STATES.get(said.get("status", ""), "running"))
        run = _run(
            said.get("run_id", meta.parent.name),
            said.get("run_name", ""),
            state,
            said.get("start_time"),
            said.get("end_time"),
        )
        for name, file in _files(meta.parent / "params"):
            files.append(file)
            if value := read_text(file).strip():
                run.parameters[name] = scalar(value)
        for name, file in _files(meta.parent / "metrics"):
            files.append(file)
            _log(run, name, file)
        runs.append(run)
    runs.sort(key=lambda run: (run.started, run.name))
    return Source("mlflow", names[chosen], digest_of(files, path), runs)


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Plain files below a folder by their names, which may have slashes; links are not followed."""
    for file in sorted(folder.rglob("*")):
        if file.is_file() and not file.is_symlink():
            yield written(file.relative_to(folder).as_posix()), file


def _log(run: ForeignRun, name: str, file: Path) -> None:
    values = []
    for line in read_text(file).splitlines():
        parts = line.split()
        if len(parts) >= 2 and (value := number(parts[1])) is not None:
            step = whole(parts[2]) if len(parts) > 2 else None
            values.append((step or 0, whole(parts[0]) or 0, value))
    for step, _, value in sorted(values, key=lambda each: each[:2]):
        run.log(name, step, value)


def _meta(path: Path) -> dict[str, str]:
    """The lines `name: value` of a file `meta.yaml`, which has no other kind."""
    found = {}
    for line in read_text(path).splitlines():
        if match := re.fullmatch(r"(\w+):\s*(.*)", line):
            value = match[2].strip()
            quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
            found[match[1]] = value[1:-1] if quoted else value
    return found
