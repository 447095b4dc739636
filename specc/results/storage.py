"""What the index stores: what plans say (`planned`) and what files say (`recorded`).

Private to the index: queries see the views of `specc.results.views`. There are no keys and no
indexes: rows are only ever appended in bulk and deleted by step or experiment.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_LOGGED = (
    "step VARCHAR, steps BIGINT, tokens BIGINT, lineage_tokens BIGINT, "
    "loss DOUBLE, learning_rate DOUBLE, grad_norm DOUBLE, seconds DOUBLE, until DOUBLE"
)
LOGGED_NAMES = ("loss", "learning_rate", "grad_norm", "seconds", "until")
"""Columns of a log that become rows of the table `metrics`."""

TABLES: dict[str, str] = {
    # generation: counts the changes; axes, failures: tell when views change and failures are new.
    "recorded.meta": "schema_version BIGINT, generation BIGINT, axes VARCHAR, failures VARCHAR",
    "recorded.steps": "step VARCHAR, stamp BIGINT, version BIGINT, started TIMESTAMP, wall_seconds DOUBLE, "
    "cpu_seconds DOUBLE, flops DOUBLE, device VARCHAR, threads BIGINT, resumed BIGINT, code VARCHAR, "
    "params JSON, outputs JSON, value DOUBLE, n BIGINT, stderr DOUBLE",
    "recorded.tokens": "step VARCHAR, role VARCHAR, tokens BIGINT",
    "recorded.files": "step VARCHAR, file VARCHAR, bytes BIGINT, sha256 VARCHAR",
    "recorded.versions": "step VARCHAR, package VARCHAR, version VARCHAR",
    "recorded.metrics": _LOGGED,
    "recorded.samples": "step VARCHAR, document VARCHAR, value DOUBLE, n BIGINT, "
    "prediction VARCHAR, target VARCHAR",
    # Steps whose manifest can't be read: they count as not done, and are not read again.
    "recorded.refused": "step VARCHAR, stamp BIGINT",
    # Folders of the store, and when each was last changed as far as its steps are in the index.
    "recorded.folders": "folder VARCHAR, changed BIGINT",
    # Logs of steps that are not done: rows, and per file how far it is read and how that ends.
    "recorded.live": _LOGGED,
    "recorded.logs": "step VARCHAR, read_bytes BIGINT, tail BLOB",
    # Steps that were done elsewhere (`specc.results.numbers`): which numbers were taken in, and what
    # training logged. Their other rows are among those of the store's steps, with a negative stamp.
    "recorded.elsewhere": "run BIGINT, stamp VARCHAR",
    "recorded.logged_elsewhere": "step VARCHAR, steps BIGINT, tokens BIGINT, lineage_tokens BIGINT, "
    "name VARCHAR, value DOUBLE",
    # A row for each run, whatever became of it.
    "planned.runs": "run BIGINT, stamp VARCHAR, experiment VARCHAR, spec VARCHAR, recipe VARCHAR, "
    "state VARCHAR, started TIMESTAMP, ended TIMESTAMP, steps BIGINT, steps_reused BIGINT, "
    "steps_done BIGINT, steps_failed BIGINT, note VARCHAR, tags VARCHAR[], origin VARCHAR",
    "planned.plans": "run BIGINT, stamp VARCHAR, experiment VARCHAR",
    "planned.experiments": "experiment VARCHAR, run BIGINT, folder VARCHAR, digest VARCHAR, "
    "description VARCHAR, spec VARCHAR, spec_digest VARCHAR, axes VARCHAR[], axis_types VARCHAR[]",
    # axes: value of each, as text, by its column's name in lower case; views give them their types.
    "planned.arms": "experiment VARCHAR, arm BIGINT, recipe VARCHAR, axes MAP(VARCHAR, VARCHAR), "
    "seed BIGINT, label VARCHAR",
    "planned.cells": "experiment VARCHAR, arm BIGINT, stage VARCHAR, corpus VARCHAR, nominal BIGINT, "
    "planned BIGINT, epochs DOUBLE, role VARCHAR, replay_of VARCHAR",
    "planned.stages": "experiment VARCHAR, arm BIGINT, stage VARCHAR, number BIGINT, parent VARCHAR, "
    "steps BIGINT, tokens BIGINT, flops DOUBLE, checkpoint VARCHAR, settings JSON, setting_set BIGINT",
    # Resolved settings, one row each; stages with the same settings share a set.
    "planned.settings": "experiment VARCHAR, setting_set BIGINT, name VARCHAR, value VARCHAR, number DOUBLE",
    # Columns of the wide view behind those of the arm, in order.
    "planned.wide": "experiment VARCHAR, number BIGINT, name VARCHAR, type VARCHAR, kind VARCHAR, "
    "stage VARCHAR, source VARCHAR",
    "planned.evaluations": "experiment VARCHAR, eval VARCHAR, metric VARCHAR, unit VARCHAR, better VARCHAR",
    # States of a stage: each stands for training steps (first, last]; its log may begin before. With a
    # successor, a state of other arms that an own one goes on from, where the own one's log begins later.
    "planned.segments": "experiment VARCHAR, arm BIGINT, stage VARCHAR, step VARCHAR, first BIGINT, "
    "last BIGINT, successor VARCHAR",
    "planned.ancestors": "experiment VARCHAR, arm BIGINT, stage VARCHAR, ancestor VARCHAR",
    "planned.measures": "experiment VARCHAR, arm BIGINT, eval VARCHAR, metric VARCHAR, stage VARCHAR, "
    "position DOUBLE, steps BIGINT, tokens BIGINT, data VARCHAR, step VARCHAR",
    # Measures that are done, or can't be because of a divergence, with what came out.
    "planned.results": "experiment VARCHAR, arm BIGINT, stage VARCHAR, position DOUBLE, steps BIGINT, "
    "tokens BIGINT, eval VARCHAR, metric VARCHAR, value DOUBLE, n BIGINT, stderr DOUBLE, data VARCHAR, "
    "step VARCHAR",
    "planned.steps": "experiment VARCHAR, step VARCHAR, op VARCHAR, label VARCHAR, tokens BIGINT, "
    "flops DOUBLE, seconds DOUBLE, params JSON",
    "planned.edges": "experiment VARCHAR, parent VARCHAR, child VARCHAR, role VARCHAR",
    # Failed steps of the latest run and those that diverged in any, and the steps that are a diverged
    # one or downstream of it.
    "planned.failures": "experiment VARCHAR, step VARCHAR, error VARCHAR, message VARCHAR",
    "planned.diverged": "experiment VARCHAR, step VARCHAR",
    # Steps that are a failed one or can't be done because of it.
    "planned.blocked": "experiment VARCHAR, step VARCHAR, failed VARCHAR",
    "planned.expectations": "experiment VARCHAR, number BIGINT, name VARCHAR, text VARCHAR, "
    "definition JSON, outcome VARCHAR, left_value DOUBLE, right_value DOUBLE, margin DOUBLE, reason VARCHAR",
}
"""Name -> columns of each stored table."""

OF_WORKSPACE = ("planned.plans", "planned.runs")
"""Tables of `planned` with a row for each run."""

PLANNED = tuple(name for name in TABLES if name.startswith("planned.") and name not in OF_WORKSPACE)
"""Tables whose rows belong to an experiment."""

RECORDED = ("steps", "tokens", "files", "versions", "metrics", "samples", "refused")
"""Tables of `recorded` whose rows belong to a step in the store."""


def create(connection: DuckDBPyConnection, schema_version: int, generation: int) -> None:
    """Lay out an empty index, whose first generation will be `generation`."""
    connection.execute("CREATE SCHEMA planned; CREATE SCHEMA recorded")
    for name, columns in TABLES.items():
        connection.execute(f"CREATE TABLE {name} ({columns})")
    branches = [
        f"SELECT step, steps, tokens, lineage_tokens, '{name}' AS name, {name} AS value "
        f"FROM recorded.{table} WHERE {name} IS NOT NULL"
        for name in LOGGED_NAMES
        for table in ("metrics", "live")
    ]
    branches.append("SELECT step, steps, tokens, lineage_tokens, name, value FROM recorded.logged_elsewhere")
    connection.execute("CREATE VIEW recorded.logged AS " + " UNION ALL ".join(branches))
    connection.execute(
        """CREATE VIEW recorded.begun AS
           SELECT step, min(steps) AS first_logged
           FROM (SELECT step, steps FROM recorded.metrics UNION ALL SELECT step, steps FROM recorded.live
                 UNION ALL SELECT step, steps FROM recorded.logged_elsewhere)
           WHERE step IN (SELECT successor FROM planned.segments) GROUP BY step"""
    )
    append(connection, "recorded.meta", [(schema_version, generation, None, None)])


def append(connection: DuckDBPyConnection, table: str, rows: Iterable[Sequence[Any]]) -> None:
    """Add rows in bulk, in the transaction that is open."""
    found = list(rows)
    if found:
        appender = connection.appender(table)
        appender.append_rows(found)
        appender.flush()


def read_all(connection: DuckDBPyConnection) -> None:
    """Read every block: DuckDB compares the checksum of each.

    Raises:
        duckdb.Error: if one is damaged.
    """
    for name in TABLES:
        connection.execute(f"SELECT bit_xor(hash(t)) FROM {name} t").fetchall()


def forget_steps(connection: DuckDBPyConnection, tables: Iterable[str], keys: Collection[str]) -> None:
    """Delete the rows of steps from tables of `recorded`."""
    if keys:
        for table in tables:
            connection.execute(f"DELETE FROM recorded.{table} WHERE step IN (SELECT unnest(?))", [list(keys)])


def forget_experiment(connection: DuckDBPyConnection, experiment: str) -> None:
    """Delete what the plan of an experiment said."""
    for table in PLANNED:
        connection.execute(f"DELETE FROM {table} WHERE experiment = ?", [experiment])
