"""Where a report's numbers come from: recipe, run, machines, versions, time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specc.execute.status import STATE_WORDS, RunStatus
from specc.reporting.model import Column, Row, Table
from specc.study import Study
from specc.words import count, duration

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MOST_PACKAGES = 60


def provenance(
    connection: DuckDBPyConnection, study: Study, run: RunStatus | None, workspace: str
) -> tuple[tuple[tuple[str, str], ...], Table]:
    """Facts with their names, and the versions of packages."""
    facts = [
        ("experiment", study.experiment),
        ("recipe", study.spec or "unknown"),
        ("digest of what was read for it", study.spec_digest or "unknown"),
        ("workspace", workspace),
    ]
    if run is not None:
        facts.append(("run", f"{run.run}, which {STATE_WORDS[run.state]}; started {_moment(run.started)}"))
        facts.append(("time of the run", f"{duration(run.elapsed_seconds)}, {count(run.workers, 'worker')}"))
        facts.append(("steps reused", f"{run.counts.reused:,} of {run.counts.total:,}"))
    row = connection.execute(
        "select count(*), count(*) filter (state = 'done'), sum(wall_seconds order by step), "
        "sum(cpu_seconds order by step), sum(flops order by step) filter (state = 'done'), "
        "sum(resumed), min(started), max(started) from steps"
    ).fetchone()
    if row is not None and row[1]:
        total, done, wall, cpu, flops, resumed, first, last = row
        facts.append(("steps done", f"{done:,} of {total:,}"))
        facts.append(
            ("time of the steps", f"{duration(wall or 0)} on one worker, {duration(cpu or 0)} of processors")
        )
        facts.append(("floating-point operations", f"{flops or 0:.3g}"))
        if resumed:
            facts.append(("went on after an interruption", count(int(resumed), "time")))
        if first is not None:  # an import may have no times
            facts.append(("steps were started", f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC"))
    devices = connection.execute(
        "select coalesce(device, 'unknown device'), threads, count(*) from steps where state = 'done' "
        "group by all order by 3 desc, 1, 2 limit 8"
    ).fetchall()
    if devices:
        told = [
            f"{device}, {count(int(threads or 1), 'thread')} ({count(steps, 'step')})"
            for device, threads, steps in devices
        ]
        facts.append(("devices", "; ".join(told)))
    found = connection.execute(
        "select package, version, count(distinct step) from environments group by all order by all"
    ).fetchall()
    several = {package for package, _, _ in found if sum(each[0] == package for each in found) > 1}
    rows = tuple(
        Row((package, version, steps), mark="bad" if package in several else "")
        for package, version, steps in found[:MOST_PACKAGES]
    )
    columns = (Column("package"), Column("version"), Column("steps", "whole", "finished steps that it did"))
    caption = "Versions of packages that did the steps"
    return tuple(facts), Table("packages", caption, columns, rows, len(found))


def _moment(text: str) -> str:
    return text[:16].replace("T", " ") + " UTC"
