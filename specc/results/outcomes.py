"""Results of each arm: joined once, when they come in, rather than by every query.

A measured step may stand for the results of several arms. One that diverged, or is downstream of a
divergence, has a result that is not a number.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_JOINED = """
    INSERT INTO planned.results
    SELECT m.experiment, m.arm, m.stage, m.position, m.steps, m.tokens, m.eval, m.metric,
           CASE WHEN r.step IS NULL THEN 'nan'::DOUBLE ELSE r.value END, r.n, r.stderr, m.data, m.step
    FROM planned.measures m LEFT JOIN recorded.steps r USING (step)
    LEFT JOIN planned.diverged d USING (experiment, step)
    WHERE (r.step IS NOT NULL OR d.step IS NOT NULL)"""


def record(connection: DuckDBPyConnection, changed: Collection[str] | None) -> None:
    """Store the results of steps that have changed, or all anew, in the transaction that is open.

    Args:
        changed: keys of steps that are new, made again or gone; None if plans or divergences have changed.
    """
    if changed is None:
        connection.execute("DELETE FROM planned.results")
        connection.execute(f"{_JOINED} ORDER BY m.experiment, m.arm")
    elif changed:
        keys = list(changed)
        connection.execute("DELETE FROM planned.results WHERE step IN (SELECT unnest(?))", [keys])
        connection.execute(f"{_JOINED} AND m.step IN (SELECT unnest(?))", [keys])
