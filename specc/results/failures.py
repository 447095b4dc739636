"""Failed steps into the index, from the events of each experiment's latest run.

A step that diverged publishes nothing, and so nothing downstream of it is ever measured. Left out,
its arm would be missing from every comparison and look like one that has not been run yet; so what
depends on it counts as measured, with a result that is not a number. A selection goes on without the
candidates that diverged, and has diverged itself only if all of them have.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from specc.results import storage
from specc.results.logs import objects, text, whole_lines

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_FAILED = b'"failed"'


def stamp(connection: DuckDBPyConnection, workspace: Path) -> str:
    """What tells whether the events of the experiments' latest runs have grown."""
    return json.dumps(
        [[experiment, run, _size(path)] for experiment, run, path in _events(connection, workspace)]
    )


def stored_stamp(connection: DuckDBPyConnection) -> str | None:
    """The stamp up to which failures are stored; None if none ever were."""
    row = connection.execute("SELECT failures FROM recorded.meta").fetchone()
    return None if row is None else row[0]


def record(connection: DuckDBPyConnection, workspace: Path) -> None:
    """Store all failures anew, and what is downstream of a divergence, in the open transaction."""
    seen = stamp(connection, workspace)
    rows: list[tuple[Any, ...]] = []
    for experiment, _, path in _events(connection, workspace):
        last: dict[str, tuple[Any, ...]] = {}
        for event in _failed(path):
            key = str(event.get("key"))
            last[key] = (experiment, key, text(event.get("error")), text(event.get("message")))
        rows += last.values()
    connection.execute(
        "DELETE FROM planned.failures; DELETE FROM planned.diverged; DELETE FROM planned.blocked"
    )
    storage.append(connection, "planned.failures", rows)
    connection.execute(
        """INSERT INTO planned.diverged
           WITH RECURSIVE downstream AS (
             SELECT experiment, step FROM planned.failures WHERE error = 'Diverged'
             UNION
             SELECT e.experiment, e.child FROM downstream d
             JOIN planned.edges e ON e.experiment = d.experiment AND e.parent = d.step
             JOIN planned.steps s ON s.experiment = e.experiment AND s.step = e.child AND s.op <> 'select')
           SELECT * FROM downstream"""
    )
    connection.execute(
        """INSERT INTO planned.blocked
           WITH RECURSIVE downstream AS (
             SELECT experiment, step, step AS failed, error = 'Diverged' AS diverged FROM planned.failures
             UNION
             SELECT e.experiment, e.child, d.failed, d.diverged FROM downstream d
             JOIN planned.edges e ON e.experiment = d.experiment AND e.parent = d.step
             JOIN planned.steps s ON s.experiment = e.experiment AND s.step = e.child
             WHERE NOT (d.diverged AND s.op = 'select'))
           SELECT experiment, step, failed FROM downstream"""
    )
    connection.execute("UPDATE recorded.meta SET failures = ?", [seen])


def _events(connection: DuckDBPyConnection, workspace: Path) -> list[tuple[str, int, Path]]:
    rows = connection.execute(
        "SELECT experiment, run, folder FROM planned.experiments ORDER BY experiment"
    ).fetchall()
    return [
        (experiment, run, workspace / "runs" / folder / "events.jsonl") for experiment, run, folder in rows
    ]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _failed(path: Path) -> list[dict[str, Any]]:
    try:
        data = whole_lines(path.read_bytes())
    except OSError:
        return []
    lines = b"\n".join(line for line in data.split(b"\n") if _FAILED in line)
    return [event for event in objects(lines) if event.get("event") == "failed"]
