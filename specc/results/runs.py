"""The runs of a workspace into the index: how each ended, and what was written about it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from specc.execute.status import run_numbers
from specc.files import file_digest
from specc.history.notes import FILE as NOTES
from specc.history.origin import read_origin
from specc.history.recipe import FILE as RECIPE
from specc.history.runs import Run
from specc.results import storage
from specc.results.logs import text

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def stamps(workspace: Path) -> dict[int, str]:
    """What tells whether a run's row is out of date. A run that goes on changes too often to be followed:
    its numbers are as new as the rest of the index."""
    found = {}
    for number in run_numbers(workspace):
        run = Run(workspace, number)
        running = run.status is not None and run.status.state == "running"
        state = run.status.state if run.status is not None else ""
        seen = 0 if running else _changed(run.folder / "status.json")
        found[number] = f"{state}:{seen}:{_changed(run.folder / NOTES)}"
    return found


def changes(connection: DuckDBPyConnection, workspace: Path) -> bool:
    """Whether any run's row is out of date."""
    known = dict(connection.execute("SELECT run, stamp FROM planned.runs").fetchall())
    return known != stamps(workspace)


def record(connection: DuckDBPyConnection, workspace: Path) -> None:
    """Store the rows of all runs anew, in the transaction that is open."""
    connection.execute("DELETE FROM planned.runs")
    storage.append(
        connection,
        "planned.runs",
        [_row(Run(workspace, number), stamp) for number, stamp in stamps(workspace).items()],
    )


def _row(run: Run, stamp: str) -> tuple[Any, ...]:
    status = run.status
    counts = status.counts if status is not None else None
    origin = read_origin(run.folder)
    return (
        run.number,
        stamp,
        text(run.experiment),
        text(run.spec),
        _digest(run.folder / RECIPE),
        status.state if status is not None else "killed",
        _time(status.started) if status is not None else None,
        _time(status.updated) if status is not None and status.state != "running" else None,
        counts.total if counts is not None else None,
        counts.reused if counts is not None else None,
        counts.done if counts is not None else None,
        counts.failed if counts is not None else None,
        text(run.notes.note) or None,
        [text(tag) for tag in run.notes.tags],
        text(origin.title) if origin is not None else None,
    )


def _digest(path: Path) -> str | None:
    try:
        return file_digest(path)
    except OSError:
        return None


def _time(written: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(written)
    except ValueError:
        return None
    return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo is not None else found


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
