"""Curves of a report: what training logged and what was evaluated on the way, as means over seeds.

Training logs thousands of values; a picture has room for some hundred. Each stage is cut into ranges of
equally many tokens, and a point is the mean of a seed's values in its range, at their mean position: so
noise is averaged and no value is passed over. A line is the mean over the seeds of a group that have a
value there, its band goes from the lowest of them to the highest. What is not a number is left out
of the means, and marked where it begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from specc.charts import Curves, Panel, Series
from specc.reporting.arms import Arms, Point
from specc.reporting.model import Column, Lines, Row, Table, Value
from specc.results.schema import literal, quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

RANGES = 80
"""Ranges that a stage is cut into."""

MOST_LINES = 8
"""Groups whose curves are drawn."""

MOST_EVALS = 6
"""Evaluations whose curves are drawn."""

LEAST_POSITIONS = 3
"""Places in training that an evaluation has to be made at to become a curve."""


def training(connection: DuckDBPyConnection, arms: Arms, first: Sequence[Point]) -> Lines | None:
    """The training loss of each stage; None if nothing was logged."""
    points = arms.spread(MOST_LINES, first)
    numbers = [arm.arm for point in points for arm in arms.groups[point]]
    chosen = "" if len(points) == len(arms.groups) else f" and arm in ({', '.join(map(str, numbers))})"
    by = ", ".join(["recipe", *map(quoted, _axes(arms)), "stage"])
    unknown = connection.execute(
        f"select count(*) from metrics where name = 'loss'{chosen} and tokens is null"
    ).fetchone()
    # What another tool has logged may say nothing of tokens.
    along, words = ("steps", "training steps") if unknown and unknown[0] else ("tokens", "tokens")
    place = "steps::double" if along == "steps" else along
    sql = (
        f"with logged as (\n"
        f"  select *, least(floor({RANGES} * {place} / max({along}) over (partition by stage)), {RANGES - 1})"
        f" as range\n  from metrics where name = 'loss'{chosen}),\n"
        f"seeds as (\n"
        f"  select {by}, range, seed, avg({along}) as {along},\n"
        f"         avg(value order by logged.steps) filter (isfinite(value)) as value,\n"
        f"         bool_or(not isfinite(value)) as diverged\n"
        f"  from logged group by all)\n"
        f"select {by}, range, avg({along}) as {along}, avg(value order by seed) as mean, min(value) as low, "
        f"max(value) as high,\n       count(value) as seeds, count(*) filter (diverged) as diverged\n"
        f"from seeds group by all order by all"
    )
    rows = connection.execute(sql).fetchall()
    if not rows:
        return None
    stages = _stages(arms)
    series = _series(arms, points, rows)
    panels = tuple(Panel(stage, tuple(series[stage])) for stage in stages if stage in series)
    values = connection.execute(
        f"select count(*), count(distinct seed) from metrics where name = 'loss'{chosen}"
    ).fetchone()
    logged, seeds = values if values else (0, 0)
    notes = [
        f"Each stage is cut into {RANGES} ranges of equally many {words}. A point is the mean of all losses "
        f"that a seed logged in its range ({logged:,} values in all); the line is the mean over seeds"
        + (", the band goes from the lowest seed to the highest." if seeds > 1 else ".")
    ]
    if chosen:
        notes.append(
            f"{len(points)} of {len(arms.groups):,} groups are drawn; the query's `arm in` says which."
        )
    top = _top(panels)
    if top is not None:
        notes.append(f"Losses above {top:.3g}, at the beginning of a stage, are cut off in the picture.")
    curves = Curves("Training loss", f"{words} of the stage", "loss (nats per token)", panels, top=top)
    return Lines(curves, sql, points_table("training_loss", "Training loss", panels, along), tuple(notes))


def evaluated(connection: DuckDBPyConnection, arms: Arms, first: Sequence[Point]) -> tuple[Lines, ...]:
    """Evaluations that are made at several places of training, each over the tokens of its stages."""
    points = arms.spread(MOST_LINES, first)
    numbers = [arm.arm for point in points for arm in arms.groups[point]]
    names = connection.execute(
        "select eval, metric, any_value(unit), count(distinct (stage, position)) as places "
        "from results left join evaluations using (experiment, eval, metric) group by all "
        f"having places >= {LEAST_POSITIONS} and count(distinct (stage, position)) > count(distinct stage) "
        "order by all"
    ).fetchall()
    found = []
    for eval, metric, unit, _ in names[:MOST_EVALS]:
        chosen = "" if len(points) == len(arms.groups) else f" and arm in ({', '.join(map(str, numbers))})"
        by = ", ".join(["recipe", *map(quoted, _axes(arms)), "stage"])
        sql = (
            f"select {by}, position, avg(tokens) as tokens,\n"
            f"       avg(value order by seed) filter (isfinite(value)) as mean,\n"
            f"       min(value) filter (isfinite(value)) as low,\n"
            f"       max(value) filter (isfinite(value)) as high,\n"
            f"       count(*) filter (isfinite(value)) as seeds, diverged(value) as diverged\n"
            f"from results where eval = {literal(eval)} and metric = {literal(metric)}{chosen}\n"
            f"group by all order by all"
        )
        series = _series(arms, points, connection.execute(sql).fetchall())
        stages = [*_stages(arms), *(stage for stage in series if stage not in _stages(arms))]
        panels = tuple(Panel(stage, tuple(series[stage])) for stage in stages if stage in series)
        title = f"{eval} while training"
        name = f"{metric} ({unit})" if unit else metric
        curves = Curves(title, "tokens of the stage", name, panels, marks=True)
        notes = ["A point is the mean over seeds, the band goes from the lowest seed to the highest."]
        if chosen:
            notes.append(f"{len(points)} of {len(arms.groups):,} groups are drawn.")
        found.append(Lines(curves, sql, points_table(f"{eval}_while_training", title, panels), tuple(notes)))
    return tuple(found)


def _top(panels: Sequence[Panel]) -> float | None:
    """Where the picture may end so that the first losses don't squeeze all others; None to show all.

    It holds all that comes after the first twentieth of each stage.
    """
    later, every = [], []
    for panel in panels:
        far = max((x for each in panel.series for x in each.x), default=0.0)
        for each in panel.series:
            for x, *values in zip(each.x, each.mean, each.high, strict=True):
                known = [value for value in values if value is not None]
                every += known
                later += known if x > 0.05 * far else []
    if not later:
        return None
    room = max(later) - min(every)
    return max(later) if max(every) - min(every) > 1.3 * room else None


def _axes(arms: Arms) -> tuple[str, ...]:
    """Columns that the axes became."""
    from specc.results.schema import axis_columns

    return tuple(column.name for column in axis_columns(arms.study.axes))


def _stages(arms: Arms) -> list[str]:
    return list(dict.fromkeys(run.stage for run in arms.study.stages))


def _series(arms: Arms, points: Sequence[Point], rows: Sequence[tuple[Any, ...]]) -> dict[str, list[Series]]:
    """Lines of each stage. Rows: recipe, axes, stage, place, tokens, mean, low, high, seeds, diverged."""
    wide = 1 + len(arms.axes)
    by_line: dict[tuple[str, Point], list[tuple[Any, ...]]] = {}
    for row in rows:
        by_line.setdefault((row[wide], _as_written(arms, row[:wide])), []).append(row[wide + 1 :])
    places = {point: number for number, point in enumerate(points)}
    found: dict[str, list[Series]] = {}
    for (stage, point), each in by_line.items():
        if point not in places:
            continue
        found.setdefault(stage, []).append(
            Series(
                name=arms.name(point),
                number=places[point],
                x=tuple(float(row[1]) for row in each),
                mean=tuple(row[2] for row in each),
                low=tuple(row[3] for row in each),
                high=tuple(row[4] for row in each),
                seeds=max(row[5] for row in each),
                values=arms.values(point),
                diverged=_first_not_a_number(each),
            )
        )
    for lines in found.values():
        lines.sort(key=lambda line: line.number)
    return found


def _first_not_a_number(rows: Sequence[tuple[Any, ...]]) -> tuple[float, ...]:
    return tuple(float(row[1]) for row in rows if row[6])[:1]


def _as_written(arms: Arms, values: tuple[Any, ...]) -> Point:
    """The point of the study with these values: a column may hold a number in another type."""
    if values in arms.groups:
        return values
    return next((point for point in arms.groups if point == values), values)


def points_table(file: str, caption: str, panels: Sequence[Panel], along: str = "tokens") -> Table:
    """The points of all lines: a row per stage and range, three columns per group."""
    names = {each.number: each.name for panel in panels for each in panel.series}
    columns = [Column("stage"), Column(along, "whole", f"{along} of the stage behind the point")]
    for number in sorted(names):
        columns.append(Column(names[number], "plain", "mean over seeds"))
        columns += [
            Column(word, "plain", f"of {names[number]}: {word} seed") for word in ("lowest", "highest")
        ]
    rows = []
    for panel in panels:
        points: dict[int, dict[int, tuple[float | None, float | None, float | None]]] = {}
        for each in panel.series:
            for x, *three in zip(each.x, each.mean, each.low, each.high, strict=True):
                points.setdefault(round(x), {})[each.number] = (three[0], three[1], three[2])
        for x in sorted(points):
            cells: list[Value] = [panel.title, x]
            for number in sorted(names):
                cells += [_rounded(value) for value in points[x].get(number, (None, None, None))]
            rows.append(Row(tuple(cells)))
    return Table(file, f"{caption}: the points of the lines", tuple(columns), tuple(rows), len(rows))


def _rounded(value: float | None) -> float | None:
    """Five significant digits, which is more than a picture shows."""
    return None if value is None else float(f"{value:.5g}")
