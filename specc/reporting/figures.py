"""The figures of a report: each with its data as a table and the query that gives it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from specc.charts import Size, bars, curves, forest, frontier, lettering, parallel
from specc.charts.bars import MOST_ROWS as MOST_BARS
from specc.charts.parallel import MOST_LINES
from specc.drawing.svg import MOST_DRAWN, body, counts, drawn, summary
from specc.reporting import budgets, graphed, tables, varying
from specc.reporting.model import Report, Table

MAIN_ROWS, OTHER_ROWS = 48, 16
"""Groups that are drawn of the first comparison, and of each other."""

MAIN_LISTED, OTHER_LISTED = 200, 24
"""Groups that are listed."""

POINTS = (150, 60)
"""Points of the first frontier, and of each other."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure.

    Attributes:
        name: by which it is asked for. part: section of the page that it belongs to.
        draw: makes its SVG. caption: what is seen, in words. notes: how it was made, what is left out.
        sql: query that gives its data. tables: its data.
    """

    name: str
    part: str
    title: str
    draw: Callable[[Size], str]
    caption: str
    notes: tuple[str, ...]
    sql: str
    tables: tuple[Table, ...]


def figures(report: Report) -> tuple[Figure, ...]:
    """All figures of a report, in their order."""
    return (
        *_effects(report),
        *_frontiers(report),
        *_lines(report),
        *_bars(report),
        *_steps(report),
        *_parallel(report),
    )


def _with(picture: Callable[..., str], data: object, *more: object) -> Callable[[Size], str]:
    """A picture of some data, that wants to know its size alone."""
    return lambda size: picture(data, size, *more)


def _numbered(name: str, number: int) -> str:
    return name if number == 0 else f"{name}-{number + 1}"


def _left_out(shown: int, total: int, what: str, which: str = "") -> tuple[str, ...]:
    return (f"{shown:,} of {total:,} {what} are drawn{which}.",) if shown < total else ()


def _effects(report: Report) -> list[Figure]:
    found = []
    for number, compared in enumerate(report.answers):
        most = OTHER_ROWS if number else MAIN_ROWS
        listed = OTHER_LISTED if number else MAIN_LISTED
        table = tables.effects(compared, listed, number)
        items = tables.over_items(compared, listed, number)
        methods = dict.fromkeys(effect.interval.method for effect in compared.effects if effect.interval)
        how = f"Intervals: {'; '.join(methods)}." if methods else ""
        left = _left_out(
            min(most, len(compared.effects)), len(compared.effects), "groups", ": the best and the worst"
        )
        found.append(
            Figure(
                _numbered("effects", number),
                "differences",
                compared.title,
                _with(forest, compared, most),
                compared.headline,
                (*([how] if how else []), *compared.notes, *left),
                compared.sql,
                (table,) if items is None else (table, items),
            )
        )
    return found


def _frontiers(report: Report) -> list[Figure]:
    found = []
    for number, each in enumerate(report.frontiers):
        most = POINTS[1 if number else 0]
        found.append(
            Figure(
                _numbered("frontier", number),
                "frontiers",
                each.title,
                _with(frontier, each, most),
                each.headline,
                (*each.notes, *_left_out(min(most, len(each.points)), len(each.points), "points")),
                each.sql,
                (tables.points(each, most, number),),
            )
        )
    return found


def _lines(report: Report) -> list[Figure]:
    found = []
    for number, each in enumerate(report.lines):
        caption = "Each stage has a panel of its own; all share the vertical axis."
        found.append(
            Figure(
                _numbered("curves", number),
                "curves",
                each.curves.title,
                _with(curves, each.curves),
                caption,
                each.notes,
                each.sql,
                (each.table,),
            )
        )
    return found


def _bars(report: Report) -> list[Figure]:
    drawing, table = report.bars, report.budgets
    if drawing is None or table is None:
        return []
    axes = [axis for choice in report.choices if (axis := choice.name) != "recipe"]
    return [
        Figure(
            "allocation",
            "budgets",
            drawing.title,
            _with(bars, drawing),
            report.budget_note,
            (
                "Outlines are what was planned, fillings what training counted; all stages have one scale.",
                *_left_out(min(MOST_BARS, len(drawing.rows)), len(drawing.rows), "budgets"),
            ),
            budgets.query(axes),
            (table,),
        )
    ]


def _steps(report: Report) -> list[Figure]:
    picture, table = report.picture, report.steps
    if picture is None or table is None or not 0 < len(picture.nodes) <= MOST_DRAWN:
        return []

    def draw(size: Size) -> str:
        drawing = drawn(picture)
        width, height = max(drawing.width, 1.0), max(drawing.height, 1.0)
        told = lettering.written(summary(picture))
        return (
            '<svg xmlns="http://www.w3.org/2000/svg" class="specc" '
            f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}" '
            'role="img" aria-labelledby="graph-t">'
            f'<title id="graph-t">{told}</title>{body(picture, drawing)}</svg>'
        )

    return [
        Figure(
            "steps",
            "steps",
            "Steps, from data to results",
            draw,
            report.steps_note,
            (f"{counts(picture)}. Times are those of finished steps, on one worker each.",),
            graphed.SQL,
            (table,),
        )
    ]


def _parallel(report: Report) -> list[Figure]:
    drawing, table = report.parallel, report.varying
    if drawing is None or table is None:
        return []
    return [
        Figure(
            "parallel",
            "varying",
            drawing.title,
            _with(parallel, drawing),
            "A line is an arm with one seed; names of results are bold. It ends where a result is missing.",
            _left_out(min(MOST_LINES, len(drawing.lines)), len(drawing.lines), "arms", ", evenly chosen"),
            varying.SQL,
            (table,),
        )
    ]
