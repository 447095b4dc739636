"""The steps of a study in a report: the folded graph, with the time of what is done and what is shared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specc.drawing.fold import Picture, fold
from specc.execute.status import RunStatus
from specc.reporting.model import Column, Row, Table
from specc.study import Study
from specc.words import count, duration

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SQL = (
    "select op, state, count(*) as steps, sum(wall_seconds) as wall_seconds, "
    "sum(cpu_seconds) as cpu_seconds,\n       sum(tokens) as tokens, sum(flops) as flops\n"
    "from steps group by all order by all"
)

MOST_STEPS = 200_000
"""Above so many steps no graph is drawn."""


def graphed(
    connection: DuckDBPyConnection, study: Study, run: RunStatus | None
) -> tuple[Picture | None, Table, str]:
    """The folded graph, its nodes as a table, and what sharing saved, in words."""
    seconds: dict[str, float] = {}
    done: set[str] = set()
    for key, state, wall in connection.execute("select step, state, wall_seconds from steps").fetchall():
        if state == "done":
            done.add(key)
            seconds[key] = wall or 0.0
    columns = (
        Column("steps", "name"),
        Column("operation"),
        Column("number", "whole"),
        Column("done", "whole"),
        Column("time", "seconds", "of those that are done, together, in seconds on one worker"),
        Column("FLOPs", "number", "of all of them, as planned"),
    )
    note = _saved(study, seconds, run)
    known = {step.key for step in study.steps}
    whole = all(source in known for step in study.steps for source in step.inputs.values())
    if len(study.steps) > MOST_STEPS or not whole:  # a study that was imported may be a part
        return None, Table("steps", "Steps", columns, (), 0), note
    picture = fold(study, done)
    rows = []
    for node in picture.nodes:
        took = sum(seconds.get(key, 0.0) for key in node.keys)
        if node.done:
            each = "" if len(node.keys) == 1 else " in all"
            node.notes = (f"{duration(took)}{each}",)
        rows.append(
            Row((node.title, node.op, len(node.keys), node.done, took if node.done else None, node.flops))
        )
    return picture, Table("steps", "Steps of the graph", columns, tuple(rows), len(rows)), note


def _saved(study: Study, seconds: dict[str, float], run: RunStatus | None) -> str:
    """What arms share, and what earlier runs had done."""
    uses: dict[str, int] = {}
    for stage in study.stages:
        for key in stage.segments:
            uses[key] = uses.get(key, 0) + 1
    for measure in study.measures:
        uses[measure.key] = uses.get(measure.key, 0) + 1
    asked, distinct = sum(uses.values()), len(uses)
    saved = sum((number - 1) * seconds.get(key, 0.0) for key, number in uses.items())
    parts = [f"{count(len(study.steps), 'step')} for {count(len(study.arms), 'arm')}"]
    if asked > distinct:
        text = f"arms share trainings and evaluations: {distinct:,} are done where {asked:,} are asked for"
        parts.append(text + (f", which saved {duration(saved)} on one worker" if saved else ""))
    if run is not None and run.counts.reused:
        parts.append(f"{count(run.counts.reused, 'step')} had been done by earlier runs")
    return "; ".join(parts) + "."
