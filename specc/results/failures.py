"""Failed steps into the index, from the events of each experiment's runs.

A step that diverged publishes nothing, and so nothing downstream of it is ever measured. Left out,
its arm would be missing from every comparison and look like one that has not been run yet; so what
depends on it counts as measured, with a result that is not a number. A selection goes on without the
candidates that diverged, and has diverged itself only if all of them have.

A step that diverged in an earlier run has diverged until it is done: a later run that was stopped before
it came to that step again has nothing new to say. Of other failures only those of the latest run count.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from specc.results import schema, storage
from specc.results.logs import objects, text, whole_lines

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_FAILED = b'"failed"'

DIVERGED = "Diverged"
"""Error of a step whose training has diverged."""


class _Run(NamedTuple):
    """A run of an experiment, as its latest run names it, and where its events lie."""

    experiment: str
    run: int
    latest: bool
    events: Path


def stamp(connection: DuckDBPyConnection, workspace: Path) -> str:
    """What tells whether the events of the experiments' runs have grown."""
    runs = _runs(connection, workspace)
    return json.dumps([[each.experiment, each.run, _size(each.events)] for each in runs])


def stored_stamp(connection: DuckDBPyConnection) -> str | None:
    """The stamp up to which failures are stored; None if none ever were."""
    row = connection.execute("SELECT failures FROM recorded.meta").fetchone()
    return None if row is None else row[0]


def any_of(connection: DuckDBPyConnection, steps: Collection[str]) -> bool:
    """Whether one of these steps has failed, as far as is stored."""
    query = "SELECT 1 FROM planned.failures WHERE step IN (SELECT unnest(?)) LIMIT 1"
    return bool(steps) and connection.execute(query, [list(steps)]).fetchone() is not None


def record(connection: DuckDBPyConnection, workspace: Path) -> None:
    """Store all failures anew, and what is downstream of a divergence, in the open transaction."""
    seen = stamp(connection, workspace)
    last: dict[tuple[str, str], tuple[Any, ...]] = {}
    for experiment, _, latest, path in _runs(connection, workspace):
        for event in _failed(path):
            key, error = str(event.get("key")), text(event.get("error"))
            if latest or error == DIVERGED:
                last[experiment, key] = (experiment, key, error, text(event.get("message")))
    connection.execute(
        "DELETE FROM planned.failures; DELETE FROM planned.diverged; DELETE FROM planned.blocked"
    )
    storage.append(connection, "planned.failures", last.values())
    connection.execute(
        """DELETE FROM planned.failures f WHERE NOT EXISTS (
             SELECT 1 FROM planned.steps s WHERE s.experiment = f.experiment AND s.step = f.step)"""
    )
    connection.execute(
        """INSERT INTO planned.diverged
           WITH RECURSIVE downstream AS (
             SELECT experiment, step FROM planned.failures
             WHERE error = 'Diverged' AND step NOT IN (SELECT step FROM recorded.steps)
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


def _runs(connection: DuckDBPyConnection, workspace: Path) -> list[_Run]:
    """The runs of each experiment up to its latest, in order."""
    known = {
        schema.schema_name(experiment).lower(): (experiment, latest)
        for experiment, latest in connection.execute(
            "SELECT experiment, run FROM planned.experiments"
        ).fetchall()
    }
    found = []
    for run, stamp, name in connection.execute(
        "SELECT run, stamp, experiment FROM planned.plans WHERE experiment IS NOT NULL"
    ).fetchall():
        experiment, latest = known.get(schema.schema_name(name).lower(), ("", -1))
        if run <= latest:
            events = workspace / "runs" / stamp.split(":")[0] / "events.jsonl"
            found.append(_Run(experiment, run, run == latest, events))
    return sorted(found)


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
