"""The public tables as views over what is stored: one set per experiment, one over all in `main`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from specc.results import schema
from specc.results.schema import Column, literal, quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_NO_ARM = {
    "experiments": """
        SELECT e.experiment, e.description, e.spec, e.spec_digest, e.run, e.axes,
               (SELECT count(*) FROM planned.arms a WHERE a.experiment = e.experiment) AS arms,
               (SELECT count(*) FROM planned.steps s WHERE s.experiment = e.experiment) AS steps,
               (SELECT count(*) FROM planned.steps s JOIN recorded.steps USING (step)
                WHERE s.experiment = e.experiment) AS steps_done
        FROM planned.experiments e WHERE {only_e}""",
    "steps": """
        SELECT p.experiment, p.step, p.op,
               CASE WHEN r.step IS NOT NULL THEN 'done' WHEN f.step IS NOT NULL THEN 'failed'
                    WHEN l.step IS NOT NULL THEN 'started' ELSE 'to do' END AS state,
               CASE WHEN r.step IS NULL THEN f.message END AS error,
               p.label, p.tokens, coalesce(r.flops, p.flops) AS flops, p.seconds AS predicted_seconds,
               r.wall_seconds, r.cpu_seconds, r.started, r.device, r.threads, r.resumed, r.version,
               r.code, p.params, r.outputs
        FROM planned.steps p LEFT JOIN recorded.steps r USING (step) LEFT JOIN recorded.logs l USING (step)
        LEFT JOIN planned.failures f USING (experiment, step)
        WHERE {only_p}""",
    "lineage": "SELECT g.experiment, g.parent, g.child, g.role FROM planned.edges g WHERE {only_g}",
    "expectations": """
        SELECT x.experiment, x.number, x.name, x.text, x.outcome, x.left_value, x.right_value, x.margin,
               x.reason
        FROM planned.expectations x WHERE {only_x}""",
    "artifacts": """
        SELECT p.experiment, p.step, p.op, f.file, f.bytes, f.sha256
        FROM planned.steps p JOIN recorded.files f USING (step) WHERE {only_p}""",
    "environments": """
        SELECT p.experiment, p.step, v.package, v.version
        FROM planned.steps p JOIN recorded.versions v USING (step) WHERE {only_p}""",
}

_SEGMENTS = """(
            SELECT g.experiment, g.arm, g.stage, bool_and(r.step IS NOT NULL) AS done,
                   sum(r.wall_seconds) AS wall_seconds
            FROM planned.segments g LEFT JOIN recorded.steps r USING (step)
            WHERE {only_g} AND g.successor IS NULL GROUP BY ALL)"""

_PLACE = "m.stage, m.position, m.steps, m.tokens, m.eval, m.metric"
_SAME_RESULT = "experiment, stage, position, eval, metric, seed"

_PER_ARM = {
    "recipes": """
        SELECT {arm}, a.label, coalesce(m.results, 0) AS results, coalesce(m.done, 0) AS results_done
        FROM planned.arms a LEFT JOIN (
            SELECT p.experiment, p.arm, count(*) AS results, count(r.step) AS done
            FROM planned.measures p LEFT JOIN recorded.steps r USING (step)
            WHERE {only_p} GROUP BY ALL) m USING (experiment, arm)
        WHERE {only_a}""",
    "allocations": f"""
        SELECT {{arm}}, c.stage, c.corpus, c.nominal AS tokens_nominal, c.planned AS tokens_planned,
               CASE WHEN coalesce(s.done, true) THEN coalesce(t.tokens, 0) END AS tokens_counted, c.epochs,
               nullif(c.replay_of, '') AS replay_of
        FROM planned.arms a JOIN planned.cells c USING (experiment, arm)
        LEFT JOIN {_SEGMENTS} s USING (experiment, arm, stage)
        LEFT JOIN (
            SELECT g.experiment, g.arm, g.stage, t.role, t.tokens
            FROM planned.stages g JOIN recorded.tokens t ON t.step = g.checkpoint
            WHERE {{only_g}} AND g.steps > 0) t USING (experiment, arm, stage, role)
        WHERE {{only_a}}""",
    "stages": f"""
        SELECT {{arm}}, t.stage, t.number, t.parent, t.steps, t.tokens, t.flops,
               coalesce(s.done, true) AS done,
               CASE WHEN coalesce(s.done, true) THEN coalesce(s.wall_seconds, 0) END AS wall_seconds,
               t.checkpoint, t.settings,
               CAST(r.outputs ->> '$.stopped_at' AS BIGINT) AS stopped_at,
               r.outputs ->> '$.stop_reason' AS stop_reason,
               CAST(r.outputs ->> '$.best_at' AS BIGINT) AS best_at,
               CAST(r.outputs ->> '$.best_value' AS DOUBLE) AS best_value
        FROM planned.arms a JOIN planned.stages t USING (experiment, arm)
        LEFT JOIN {_SEGMENTS} s USING (experiment, arm, stage)
        LEFT JOIN recorded.steps r ON r.step = t.checkpoint AND t.steps > 0
        WHERE {{only_a}}""",
    "metrics": """
        SELECT {arm}, g.stage, g.step, l.steps, l.tokens, l.lineage_tokens, l.name, l.value
        FROM planned.arms a JOIN planned.segments g USING (experiment, arm)
        JOIN recorded.logged l ON l.step = g.step AND l.steps > g.first AND l.steps <= g.last
        LEFT JOIN recorded.begun b ON b.step = g.successor
        WHERE {only_a} AND (g.successor IS NULL OR l.steps < coalesce(b.first_logged, g.last + 1))""",
    "results": f"""
        SELECT {{arm}}, {_PLACE}, r.value, r.n, r.stderr, m.step
        FROM planned.arms a JOIN planned.measures m USING (experiment, arm) JOIN recorded.steps r USING (step)
        WHERE {{only_a}}
        UNION ALL
        SELECT {{arm}}, {_PLACE}, 'nan'::DOUBLE AS value, NULL::BIGINT AS n, NULL::DOUBLE AS stderr, m.step
        FROM planned.arms a JOIN planned.measures m USING (experiment, arm)
        JOIN planned.diverged d USING (experiment, step)
        WHERE {{only_a}} AND m.step NOT IN (SELECT step FROM recorded.steps)""",
    "samples": f"""
        SELECT {{arm}}, {_PLACE}, d.document, d.value, d.n, d.prediction, d.target, m.step
        FROM planned.arms a JOIN planned.measures m USING (experiment, arm)
        JOIN recorded.samples d USING (step)
        WHERE {{only_a}}""",
    "forgetting": """
        SELECT {arm}, a.eval, a.metric, x.ancestor AS after, a.stage, e.value AS value_after, a.value,
               a.value - e.value AS change
        FROM planned.ancestors x
        JOIN {schema}.results a ON a.experiment = x.experiment AND a.arm = x.arm AND a.stage = x.stage
        JOIN {schema}.results e ON e.experiment = x.experiment AND e.arm = x.arm AND e.stage = x.ancestor
             AND e.eval = a.eval AND e.metric = a.metric
        WHERE {only_x} AND a.position = 1 AND e.position = 1""",
    "pairs": f"""
        SELECT {{arm}}, a.stage, a.position, a.steps, a.tokens, a.eval, a.metric, a.value,
               struct_pack({{baseline}}) AS baseline, b.value AS baseline_value,
               a.value - b.value AS difference
        FROM {{schema}}.results a JOIN {{schema}}.results b USING ({_SAME_RESULT})
        WHERE a.arm <> b.arm""",
}


_ALIASES = ("a", "e", "g", "p", "x")


@dataclass(frozen=True, slots=True)
class Experiment:
    """An experiment as far as its views need it: its name and the columns of its axes."""

    name: str
    axes: tuple[Column, ...]

    @property
    def schema(self) -> str:
        return schema.schema_name(self.name)


def create_views(
    connection: DuckDBPyConnection, experiments: Sequence[Experiment], old: Sequence[Experiment] = ()
) -> None:
    """Make the views of experiments that are not among the old ones, those of all, and the functions."""
    for experiment in old:
        if experiment not in experiments:
            connection.execute(f"DROP SCHEMA {quoted(experiment.schema)} CASCADE")
    for experiment in experiments:
        if experiment not in old:
            connection.execute(f"CREATE SCHEMA {quoted(experiment.schema)}")
            _create(connection, experiment.schema, experiment.axes, experiment.name)
    _create(connection, "main", schema.united([experiment.axes for experiment in experiments]))
    connection.execute(schema.macros())


def _create(
    connection: DuckDBPyConnection, into: str, axes: Sequence[Column], experiment: str | None = None
) -> None:
    """Make all views of a schema: over one experiment, or over all."""
    for table in schema.TABLES:
        sql = _query(table.name, into, axes, experiment)
        connection.execute(f"CREATE OR REPLACE VIEW {quoted(into)}.{quoted(table.name)} AS {sql}")


def _query(table: str, into: str, axes: Sequence[Column], experiment: str | None) -> str:
    """Query of a public table."""
    # Views over other views find the axes as columns; views over the plan, as texts by name.
    over_results = table in ("forgetting", "pairs")
    values = [
        f"a.{quoted(axis.name)}"
        if over_results
        else f"CAST(a.axes[{literal(axis.name.lower())}] AS {axis.type}) AS {quoted(axis.name)}"
        for axis in axes
    ]
    arm = ", ".join(["a.experiment", "a.arm", "a.recipe", *values, "a.seed"])
    names = ("arm", "recipe", *(axis.name for axis in axes))
    baseline = ", ".join(f"{quoted(name)} := b.{quoted(name)}" for name in names)
    only = {
        f"only_{alias}": "true" if experiment is None else f"{alias}.experiment = {literal(experiment)}"
        for alias in _ALIASES
    }
    return {**_NO_ARM, **_PER_ARM}[table].format(arm=arm, baseline=baseline, schema=quoted(into), **only)
