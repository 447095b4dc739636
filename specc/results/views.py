"""The public tables as views over what is stored: one set per experiment, one over all in `main`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from specc.results import comments, schema
from specc.results.schema import Column, literal, quoted
from specc.results.wide import WideColumn

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# A plain DuckDB 2.0.0 takes an outer join for a single row where it knows the right side to be empty, and
# drops a LIMIT over it (`specc.results.connect`). Failures are never known to be empty: a row of nulls.
_NO_ARM = {
    "runs": """
        SELECT n.experiment, n.run, n.state, n.started, n.ended, n.steps, n.steps_reused, n.steps_done,
               n.steps_failed, n.spec, n.recipe, n.note, n.tags, n.origin
        FROM planned.runs n WHERE {only_n}""",
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
        LEFT JOIN (SELECT experiment, step, message FROM planned.failures
                   UNION ALL SELECT NULL, NULL, NULL) f USING (experiment, step)
        WHERE {only_p}""",
    "lineage": "SELECT g.experiment, g.parent, g.child, g.role FROM planned.edges g WHERE {only_g}",
    "evaluations": """
        SELECT x.experiment, x.eval, x.metric, x.unit, x.better
        FROM planned.evaluations x WHERE {only_x}""",
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
_SAME_RESULT = "experiment, stage, position, eval, metric, data, seed"

_PER_ARM = {
    "recipes": """
        SELECT {arm}, a.label, coalesce(m.results, 0) AS results, coalesce(m.done, 0) AS results_done
        FROM {arms} a LEFT JOIN (
            SELECT p.experiment, p.arm, count(*) AS results, count(r.step) AS done
            FROM planned.measures p LEFT JOIN recorded.steps r USING (step)
            WHERE {only_p} GROUP BY ALL) m USING (experiment, arm)
        WHERE {only_a}""",
    "allocations": f"""
        SELECT {{arm}}, c.stage, c.corpus, c.nominal AS tokens_nominal, c.planned AS tokens_planned,
               CASE WHEN coalesce(s.done, true) THEN coalesce(t.tokens, 0) END AS tokens_counted, c.epochs,
               nullif(c.replay_of, '') AS replay_of
        FROM {{arms}} a JOIN planned.cells c USING (experiment, arm)
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
        FROM {{arms}} a JOIN planned.stages t USING (experiment, arm)
        LEFT JOIN {_SEGMENTS} s USING (experiment, arm, stage)
        LEFT JOIN recorded.steps r ON r.step = t.checkpoint AND t.steps > 0
        WHERE {{only_a}}""",
    "metrics": """
        SELECT {arm}, g.stage, g.step, l.steps, l.tokens, l.lineage_tokens, l.name, l.value
        FROM {arms} a JOIN planned.segments g USING (experiment, arm)
        JOIN recorded.logged l ON l.step = g.step AND l.steps > g.first AND l.steps <= g.last
        LEFT JOIN recorded.begun b ON b.step = g.successor
        WHERE {only_a} AND (g.successor IS NULL OR l.steps < coalesce(b.first_logged, g.last + 1))""",
    "results": f"""
        SELECT {{arm}}, {_PLACE}, m.value, m.n, m.stderr, m.data, m.step
        FROM {{arms}} a JOIN planned.results m USING ({{same}})
        WHERE {{only_m}}""",
    "missing": f"""
        SELECT {{arm}}, {_PLACE},
               CASE WHEN d.step IS NOT NULL THEN 'diverged' WHEN b.step IS NOT NULL THEN 'failed'
                    ELSE 'missing' END AS state,
               b.reason, m.data, m.step
        FROM {{arms}} a JOIN planned.measures m USING (experiment, arm)
        LEFT JOIN planned.diverged d USING (experiment, step)
        LEFT JOIN (
            SELECT k.experiment, k.step,
                   first(p.label || ': ' || f.message ORDER BY f.error <> 'Diverged', p.label) AS reason
            FROM planned.blocked k
            JOIN planned.failures f ON f.experiment = k.experiment AND f.step = k.failed
            JOIN planned.steps p ON p.experiment = k.experiment AND p.step = k.failed
            WHERE {{only_p}} AND k.failed NOT IN (SELECT step FROM recorded.steps)
            GROUP BY ALL) b USING (experiment, step)
        WHERE {{only_a}} AND m.step NOT IN (SELECT step FROM recorded.steps)""",
    "settings": """
        SELECT {arm}, t.stage, v.name, v.value, v.number
        FROM {arms} a JOIN planned.stages t USING (experiment, arm)
        JOIN planned.settings v USING (experiment, setting_set)
        WHERE {only_a}""",
    "samples": f"""
        SELECT {{arm}}, {_PLACE}, d.document, d.value, d.n, d.prediction, d.target, m.data, m.step
        FROM {{arms}} a JOIN planned.measures m USING (experiment, arm)
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
    "retention": """
        SELECT {arm}, a.eval, a.metric, b.better, e.eval AS eval_after, x.ancestor AS after, a.stage,
               e.value AS immediate, a.value AS retained,
               (a.value - e.value) * CASE WHEN b.better = 'higher' THEN -1 ELSE 1 END AS forgotten,
               a.value / nullif(e.value, 0) AS ratio
        FROM planned.ancestors x
        JOIN {schema}.results a ON a.experiment = x.experiment AND a.arm = x.arm AND a.stage = x.stage
        JOIN {schema}.results e ON e.experiment = x.experiment AND e.arm = x.arm AND e.stage = x.ancestor
             AND e.data = a.data AND e.metric = a.metric
        LEFT JOIN planned.evaluations b
             ON b.experiment = a.experiment AND b.eval = a.eval AND b.metric = a.metric
        WHERE {only_x} AND a.position = 1 AND e.position = 1
        QUALIFY row_number() OVER (
            PARTITION BY a.experiment, a.arm, a.eval, a.metric, a.stage, x.ancestor
            ORDER BY e.eval <> a.eval, e.eval) = 1""",
    "pairs": f"""
        SELECT {{arm}}, a.stage, a.position, a.steps, a.tokens, a.eval, a.metric, a.value,
               struct_pack({{baseline}}) AS baseline, b.value AS baseline_value,
               a.value - b.value AS difference, data
        FROM {{schema}}.results a JOIN {{schema}}.results b USING ({_SAME_RESULT})
        WHERE a.arm <> b.arm""",
}


_ALIASES = ("a", "e", "g", "m", "n", "p", "x")


@dataclass(frozen=True, slots=True)
class Experiment:
    """An experiment as far as its views need it: its name and the columns of its axes and wide view."""

    name: str
    axes: tuple[Column, ...]
    wide: tuple[WideColumn, ...] = ()

    @property
    def schema(self) -> str:
        return schema.schema_name(self.name)


def create_views(
    connection: DuckDBPyConnection, experiments: Sequence[Experiment], old: Sequence[Experiment] = ()
) -> None:
    """Make the views of experiments that are not among the old ones, those of all, and the functions."""
    for experiment in old:
        if experiment not in experiments:
            connection.execute(f"DROP VIEW main.{quoted(schema.wide_name(experiment.name))}")
            connection.execute(f"DROP SCHEMA {quoted(experiment.schema)} CASCADE")
    for experiment in experiments:
        if experiment not in old:
            connection.execute(f"CREATE SCHEMA {quoted(experiment.schema)}")
            _create(connection, experiment.schema, experiment.axes, experiment.name)
            _create_wide(connection, experiment)
    axes, before = (schema.united([each.axes for each in group]) for group in (experiments, old))
    if not old or axes != before:
        _create(connection, "main", axes)
    if not old:  # they stay as they are: another version of the tables is another file
        connection.execute(schema.macros())
        connection.execute(comments.on_macros())


def _create(
    connection: DuckDBPyConnection, into: str, axes: Sequence[Column], experiment: str | None = None
) -> None:
    """Make all views of a schema: over one experiment, or over all."""
    for table in schema.TABLES:
        sql = _query(table.name, into, axes, experiment)
        connection.execute(f"CREATE OR REPLACE VIEW {quoted(into)}.{quoted(table.name)} AS {sql}")
    connection.execute(comments.on_tables(into, axes))


def _create_wide(connection: DuckDBPyConnection, experiment: Experiment) -> None:
    """Make the view with a row per arm, in the experiment's schema and under its name in `main`."""
    into = quoted(experiment.schema)
    connection.execute(f"CREATE VIEW {into}.wide AS {_wide_query(experiment)}")
    named = quoted(schema.wide_name(experiment.name))
    connection.execute(f"CREATE VIEW main.{named} AS SELECT * FROM {into}.wide")
    columns = wide_columns_of(experiment)
    for into, name in ((experiment.schema, "wide"), ("main", schema.wide_name(experiment.name))):
        connection.execute(";\n".join(comments.on_view(into, name, schema.WIDE.doc, columns)))


def wide_columns_of(experiment: Experiment) -> list[Column]:
    """All columns of an experiment's wide view, in order."""
    own = [column.column for column in experiment.wide]
    return [*schema.columns(schema.WIDE, experiment.axes), *own]


def _wide_query(experiment: Experiment) -> str:
    name, into = literal(experiment.name), quoted(experiment.schema)
    shown = ["a.arm", "a.recipe", *(_axis(axis) for axis in experiment.axes), "a.seed"]
    joins = ""
    settings = [column for column in experiment.wide if column.kind == "setting"]
    if settings:
        values = ", ".join(_setting(column) for column in settings)
        joins += f"""
        LEFT JOIN (SELECT t.arm, {values} FROM planned.stages t
                   JOIN planned.settings v USING (experiment, setting_set)
                   WHERE t.experiment = {name} GROUP BY t.arm) s ON s.arm = a.arm"""
    results = [column for column in experiment.wide if column.kind == "result"]
    if results:
        values = ", ".join(
            f"any_value(value) FILTER (WHERE eval = {literal(column.source)} "
            f"AND stage = {literal(column.stage)}) AS {quoted(column.name)}"
            for column in results
        )
        joins += f"""
        LEFT JOIN (SELECT arm, {values} FROM {into}.results WHERE position = 1 GROUP BY arm) r
        ON r.arm = a.arm"""
    shown += [
        f"{'s' if column.kind == 'setting' else 'r'}.{quoted(column.name)}" for column in experiment.wide
    ]
    return f"SELECT {', '.join(shown)} FROM planned.arms a {joins} WHERE a.experiment = {name}"


def _setting(column: WideColumn) -> str:
    value = {"BIGINT": "v.number", "DOUBLE": "v.number"}.get(column.type, "v.value")
    only = f"t.stage = {literal(column.stage)} AND v.name = {literal(column.source)}"
    return f"CAST(any_value({value}) FILTER (WHERE {only}) AS {column.type}) AS {quoted(column.name)}"


def _axis(axis: Column) -> str:
    """An axis of the plan, which is stored as text by its column's name, as a column of its type."""
    return f"CAST(a.axes[{literal(axis.name.lower())}] AS {axis.type}) AS {quoted(axis.name)}"


def _query(table: str, into: str, axes: Sequence[Column], experiment: str | None) -> str:
    """Query of a public table."""
    values = [f"a.{quoted(axis.name)}" for axis in axes]
    arm = ", ".join(["a.experiment", "a.arm", "a.recipe", *values, "a.seed"])
    typed = "".join(f"{_axis(axis)}, " for axis in axes)
    names = ("arm", "recipe", *(axis.name for axis in axes))
    baseline = ", ".join(f"{quoted(name)} := b.{quoted(name)}" for name in names)
    only = {
        f"only_{alias}": "true" if experiment is None else f"{alias}.experiment = {literal(experiment)}"
        for alias in _ALIASES
    }
    # Axes get their types before the join, once per arm and not once per row.
    arms = f"""(
            SELECT a.experiment, a.arm, a.recipe, {typed}a.seed, a.label
            FROM planned.arms a WHERE {only["only_a"]})"""
    same = "experiment, arm" if experiment is None else "arm"
    return {**_NO_ARM, **_PER_ARM}[table].format(
        arm=arm, arms=arms, same=same, baseline=baseline, schema=quoted(into), **only
    )
