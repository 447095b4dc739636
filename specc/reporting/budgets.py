"""Budgets of a report: tokens planned against counted, once for all arms that have the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from specc.charts import BarRow, Bars, Part
from specc.reporting.arms import Arms
from specc.reporting.model import Column, Row, Table
from specc.results.schema import quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SQL = (
    "select recipe, {axes}stage, corpus, replay_of, tokens_nominal, tokens_planned, tokens_counted, epochs,\n"
    "       count(*) as arms\n"
    "from allocations group by all order by all"
)

MOST_ROWS = 160
"""Rows of the table of budgets."""

COLUMNS = (
    Column("arms", "name"),
    Column("stage"),
    Column("corpus"),
    Column("declared", "whole", "tokens as declared"),
    Column("planned", "whole", "tokens after rounding to whole steps and sequences"),
    Column("counted", "whole", "tokens that training counted; of arms that are done"),
    Column("difference", "whole", "counted - planned"),
    Column("epochs", "number", "planned tokens over the tokens of the corpus' training split"),
    Column("arms done", "text", "arms whose training has counted, of all"),
)

_Cell = tuple[str, str, int, int, float | None]
"""Stage, corpus, tokens declared and planned, epochs."""


def budgets(connection: DuckDBPyConnection, arms: Arms) -> tuple[Table, Bars, str]:
    """The budget of each set of arms, as a table and as bars; and whether all is as planned, in words."""
    rows = connection.execute(
        "select arm, stage, corpus, replay_of, tokens_nominal, tokens_planned, tokens_counted, epochs "
        "from allocations order by arm"
    ).fetchall()
    by_arm: dict[int, list[tuple[Any, ...]]] = {}
    for row in rows:
        by_arm.setdefault(row[0], []).append(row[1:])
    order = {stage: number for number, stage in enumerate(_stages(arms))}
    listed = {title: number for number, title in enumerate(dict.fromkeys(c.title for c in arms.study.cells))}
    groups: dict[tuple[_Cell, ...], list[int]] = {}
    counted: dict[tuple[int, str, str], int | None] = {}
    for arm, cells in by_arm.items():
        sums: dict[tuple[str, str], tuple[int, int, float | None]] = {}
        for stage, corpus, replay_of, nominal, planned, count, epochs in cells:
            title = f"{corpus} again" if replay_of else corpus
            known = counted.get((arm, stage, title), 0)
            counted[arm, stage, title] = None if count is None or known is None else known + count
            before = sums.get((stage, title), (0, 0, 0.0))
            more = None if epochs is None or before[2] is None else before[2] + epochs
            sums[stage, title] = (before[0] + nominal, before[1] + planned, more)
        places = sorted(
            sums, key=lambda at: (order.get(at[0], len(order)), listed.get(at[1], len(listed)), at)
        )
        kept = [(*at, *sums[at]) for at in places]
        groups.setdefault(tuple(kept), []).append(arm)
    table, bar_rows = [], []
    for budget, members in groups.items():
        name, values = arms.text(members), arms.shared(members)
        parts = []
        for stage, corpus, nominal, planned, epochs in budget:
            there = [count for arm in members if (count := counted[arm, stage, corpus]) is not None]
            agreed = sum(there) / len(there) if there else None
            whole = None if agreed is None else round(agreed)
            difference = None if whole is None else max((n - planned for n in there), key=abs)
            mark = "bad" if difference else ""
            done = f"{len(there):,} of {len(members):,}"
            told = (name, stage, corpus, nominal, planned, whole, difference, epochs, done)
            table.append(Row(told, values, mark))
            parts.append(Part(stage, corpus, planned, whole))
        bar_rows.append(BarRow(name, tuple(parts), values))
    there_are = {part.corpus for row in bar_rows for part in row.parts}
    corpora = tuple(sorted(there_are, key=lambda corpus: (listed.get(corpus, len(listed)), corpus)))
    stages = tuple(stage for stage in order if any(p.stage == stage for r in bar_rows for p in r.parts))
    drawn = Bars("Tokens of each corpus in each stage", stages, corpora, tuple(bar_rows))
    caption = "Tokens of each corpus in each stage, declared, planned and counted"
    shown = Table("budgets", caption, COLUMNS, tuple(table[:MOST_ROWS]), len(table))
    return shown, drawn, _told(table)


def query(axes: Sequence[str]) -> str:
    """The query that gives the budgets of all arms."""
    return SQL.format(axes="".join(f"{_named(axis)}, " for axis in axes))


def _named(axis: str) -> str:
    """An axis in a query for people: quoted only where it must be."""
    plain = axis.isascii() and axis.isidentifier() and axis == axis.lower()
    return axis if plain else quoted(axis)


def _stages(arms: Arms) -> list[str]:
    return list(dict.fromkeys(run.stage for run in arms.study.stages))


def _told(rows: Sequence[Row]) -> str:
    counted = [row for row in rows if row.cells[5] is not None]
    if not rows:
        return "No stage reads a corpus."
    if not counted:
        return "Nothing was counted yet."
    wrong = [row for row in counted if row.cells[6]]
    if wrong:
        return f"{len(wrong)} of {len(counted)} counted budgets are not what was planned; they are marked."
    some = "" if len(counted) == len(rows) else f" ({len(rows) - len(counted)} are not counted yet)"
    return f"Every budget that was counted is what was planned, to the token{some}."
