"""What a report lacks: results that are missing or not numbers, and steps that failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specc.reporting.arms import Arms
from specc.reporting.model import Column, Row, Table
from specc.words import count

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SQL = (
    "select eval, metric, stage, position, state, reason, count(*) as results\n"
    "from missing group by all order by all"
)

MOST_ROWS = 60


def lacking(connection: DuckDBPyConnection, arms: Arms) -> tuple[tuple[Table, ...], str]:
    """Tables of what isn't there (none if all is), and a line that says it."""
    planned, here = connection.execute(
        "select coalesce(sum(results), 0), coalesce(sum(results_done), 0) from recipes"
    ).fetchone() or (0, 0)
    absent = connection.execute(
        "select state, eval, metric, stage, position, coalesce(reason, ''), list(arm order by arm) "
        "from missing group by all order by all"
    ).fetchall()
    numbers = dict.fromkeys(("diverged", "failed", "missing"), 0)
    rows = []
    for state, eval, metric, stage, position, reason, members in absent:
        numbers[state] = numbers.get(state, 0) + len(members)
        cells = (eval, metric, stage, position, state, len(members), arms.text(members), reason)
        rows.append(Row(cells, arms.shared(members), "bad" if state != "missing" else ""))
    not_numbers = connection.execute(
        "select eval, metric, stage, position, list(arm order by arm) from results "
        "where not isfinite(value) and (eval, metric, stage, position, arm) not in "
        "(select (eval, metric, stage, position, arm) from missing) group by all order by all"
    ).fetchall()
    for eval, metric, stage, position, members in not_numbers:
        numbers["diverged"] += len(members)
        cells = (eval, metric, stage, position, "not a number", len(members), arms.text(members), "")
        rows.append(Row(cells, arms.shared(members), "bad"))
    failed = connection.execute(
        "select label, op, error from steps where state = 'failed' order by label, op"
    ).fetchall()
    tables = []
    if rows:
        columns = (
            Column("eval"),
            Column("metric"),
            Column("stage"),
            Column("position", "share"),
            Column("state"),
            Column("results", "whole"),
            Column("arms", "name"),
            Column("reason"),
        )
        tables.append(
            Table("missing", "Results that are not there", columns, tuple(rows[:MOST_ROWS]), len(rows))
        )
    if failed:
        told = (Column("step"), Column("operation"), Column("what went wrong"))
        listed = tuple(Row(row, mark="bad") for row in failed[:MOST_ROWS])
        tables.append(Table("failed", "Steps that failed", told, listed, len(failed)))
    return tuple(tables), _told(int(planned), int(here), numbers, len(failed))


def _told(planned: int, here: int, numbers: dict[str, int], failed: int) -> str:
    if not planned:
        return "No result was planned."
    parts = [f"{numbers[state]:,} {word}" for state, word in (
        ("diverged", "diverged"), ("failed", "can't be, for a step failed"), ("missing", "not there yet")
    ) if numbers[state]]  # fmt: skip
    if not parts:
        return f"Nothing: all {planned:,} planned results are there, and all are numbers."
    more = f" {count(failed, 'step')} failed." if failed else ""
    return f"Of {planned:,} planned results: {', '.join(parts)}.{more}"
