"""What training logged, or evaluations on the way, over tokens: a panel per stage, a line per group."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from specc.charts.canvas import Canvas, Size, label_width, path
from specc.charts.lettering import compact, cut, significant, width
from specc.charts.marks import series_colour, series_dash, series_shape, shape
from specc.charts.scale import Scale, drawable, finite, labels, span, ticks


@dataclass(frozen=True, slots=True)
class Series:
    """A line: means over the seeds of a group, and their range.

    Attributes:
        number: which colour, dash and shape; the same in all panels.
        x, mean, low, high: of each point, in the order of x; a gap where the mean is None.
        diverged: x at which seeds stopped being numbers.
    """

    name: str
    number: int
    x: tuple[float, ...]
    mean: tuple[float | None, ...]
    low: tuple[float | None, ...] = ()
    high: tuple[float | None, ...] = ()
    seeds: int = 1
    values: Mapping[str, Any] = field(default_factory=dict)
    diverged: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Panel:
    """A stage and its lines."""

    title: str
    series: tuple[Series, ...]


@dataclass(frozen=True, slots=True)
class Curves:
    """Lines over tokens.

    Attributes:
        marks: whether each point is drawn. top: values above it are cut off; None to show all.
    """

    title: str
    x_name: str
    y_name: str
    panels: tuple[Panel, ...]
    marks: bool = False
    top: float | None = None


def curves(data: Curves, size: Size | None = None) -> str:
    """Panels side by side with one vertical axis; bands run from the lowest to the highest seed."""
    canvas = Canvas(size or Size())
    font = canvas.font
    values = [v for p in data.panels for s in p.series for v in (*s.mean, *s.low, *s.high)]
    low, high = span([v for v in finite(values) if data.top is None or v <= data.top], 0.04)
    y_ticks = ticks(low, high, 6)
    left = label_width(labels(y_ticks), font * 0.92) + 12
    height = 19 * font
    top, bottom = 3.6 * font, 3.6 * font + height
    upward = Scale(low, high, bottom, top)
    canvas.text(0, font, data.y_name, "soft", 0.92)
    gap = 2.9 * font
    count = max(1, len(data.panels))
    wide = (canvas.size.width - left - gap * (count - 1) - 1.7 * font) / count
    for number, panel in enumerate(data.panels):
        start = left + number * (wide + gap)
        _panel(canvas, data, panel, upward, start, start + wide, number == 0, y_ticks)
    canvas.text(left + (canvas.size.width - left) / 2, bottom + 4 + 2.5 * font, data.x_name, "soft middle")
    named = {s.number: s for p in data.panels for s in p.series}
    y = _legend(canvas, [named[number] for number in sorted(named)], bottom + 4 + 4.4 * font)
    return canvas.svg(y + 0.5 * font, data.title, _description(data))


def _panel(
    canvas: Canvas,
    data: Curves,
    panel: Panel,
    upward: Scale,
    start: float,
    end: float,
    first: bool,
    y_ticks: Sequence[float],
) -> None:
    font = canvas.font
    top, bottom = upward.end, upward.start
    far = 1.01 * max((x for series in panel.series for x in series.x), default=1.0)
    across = Scale(0.0, far if far > 0 else 1.0, start, end)
    x_ticks = ticks(0.0, across.high, max(3, int((end - start) / (4.2 * font))))
    clip = (
        f"c{hashlib.sha256(f'{data.title} {panel.title} {start}'.encode('utf-8', 'replace')).hexdigest()[:8]}"
    )
    if data.top is not None:
        canvas.add(
            f'<clipPath id="{clip}"><rect x="{start - 8:.1f}" y="{top:.1f}" width="{end - start + 16:.1f}" '
            f'height="{bottom - top:.1f}"/></clipPath>'
        )
    if first:
        canvas.beside(upward, start, y_ticks, labels(tuple(y_ticks)), end)
    else:
        for tick in y_ticks:
            canvas.line(start, upward(tick), end, upward(tick), "grid")
    canvas.below(across, bottom, x_ticks, labels(x_ticks, "count"))
    canvas.text(start, top - 0.7 * font, cut(panel.title, end - start, font), "strong")
    if data.top is not None:
        canvas.add(f'<g clip-path="url(#{clip})">')
    for series in panel.series:
        _series(canvas, data, panel, series, across, upward)
    if data.top is not None:
        canvas.add("</g>")


def _series(canvas: Canvas, data: Curves, panel: Panel, series: Series, across: Scale, upward: Scale) -> None:
    colour = series_colour(series.number)
    last = next((mean for mean in reversed(series.mean) if mean is not None), None)
    canvas.open_mark(
        f"{series.name}, {panel.title}: last {significant(last)}, "
        f"{series.seeds} seed{'s' * (series.seeds != 1)}",
        series.values,
        "curve",
    )
    for run in _runs(series):
        if series.low and series.seeds > 1:
            over = [(across(series.x[i]), upward(_or(series.high[i], series.mean[i]))) for i in run]
            under = [(across(series.x[i]), upward(_or(series.low[i], series.mean[i]))) for i in reversed(run)]
            canvas.add(f'<path class="band f{colour}" d="{path(over + under, shut=True)}"/>')
        points = path([(across(series.x[i]), upward(_or(series.mean[i]))) for i in run])
        canvas.add(f'<path class="line l{colour}"{series_dash(series.number)} d="{points}"/>')
        if data.marks or len(run) == 1:
            for i in run:
                x, y = across(series.x[i]), upward(_or(series.mean[i]))
                canvas.add(shape(series_shape(series.number), x, y, 3.4, f"f{colour}"))
    ends = [(x, _or(mean)) for x, mean in zip(series.x, series.mean, strict=True) if drawable(mean)]
    if ends and not data.marks:
        x, mean = ends[-1]
        canvas.add(shape(series_shape(series.number), across(x), upward(mean), 3.6, f"f{colour}"))
    for x in series.diverged:
        at = min(max(across(x), across.start), across.end)
        canvas.text(at - 4, upward.end + canvas.font, "×", "strong")
    canvas.close_mark()


def _or(value: float | None, other: float | None = 0.0) -> float:
    """A number, or another where it can't be drawn."""
    return value if value is not None and drawable(value) else other or 0.0


def _runs(series: Series) -> list[list[int]]:
    """Places of the points between gaps."""
    found: list[list[int]] = [[]]
    for i, mean in enumerate(series.mean):
        if not drawable(mean):
            found.append([])
        else:
            found[-1].append(i)
    return [run for run in found if run]


def _legend(canvas: Canvas, series: Sequence[Series], y: float) -> float:
    font = canvas.font
    x = 2.0
    entries: list[tuple[str, str, Series | None]] = []
    for each in series:
        colour = series_colour(each.number)
        mark = f'<path class="line l{colour}"{series_dash(each.number)} d="M0 0H26"/>' + shape(
            series_shape(each.number), 26, 0, 3.4, f"f{colour}"
        )
        entries.append((mark, cut(each.name, 18 * font, font * 0.92), each))
    if any(each.diverged for each in series):
        entries.append(("", "× a seed diverged here", None))
    for mark, text, whose in entries:
        step = (36 if mark else 0) + width(text, font * 0.92) + 18
        if x > 2.0 and x + step > canvas.size.width:
            x, y = 2.0, y + canvas.row
        if whose is not None:
            canvas.open_mark(whose.name, whose.values)
        if mark:
            canvas.add(f'<g transform="translate({x:.1f} {y - 0.34 * font:.1f})">{mark}</g>')
        canvas.text(x + (35 if mark else 0), y, text, "soft", 0.92)
        if whose is not None:
            canvas.close_mark()
        x += step
    return y


def _description(data: Curves) -> str:
    lines = []
    for panel in data.panels:
        for series in panel.series[:6]:
            known = [mean for mean in series.mean if mean is not None]
            if known:
                far = compact(series.x[-1])
                lines.append(
                    f"{panel.title}, {series.name}: from {significant(known[0])} to "
                    f"{significant(known[-1])} at {far}."
                )
    return " ".join([f"{data.y_name} over {data.x_name}.", *lines[:18]])
