"""Tokens of each corpus in each stage: a column per stage, a bar per group, all to one scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from specc.charts.canvas import Canvas, Size, label_width
from specc.charts.lettering import compact, cut, width
from specc.charts.marks import series_colour

MOST_ROWS = 30
"""Groups that are drawn."""


@dataclass(frozen=True, slots=True)
class Part:
    """Tokens of a corpus in a stage of a group; `counted` is None until the stage is done."""

    stage: str
    corpus: str
    planned: int
    counted: int | None


@dataclass(frozen=True, slots=True)
class BarRow:
    """A group and its parts."""

    name: str
    parts: tuple[Part, ...]
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bars:
    """Allocations of groups; stages and corpora in their order."""

    title: str
    stages: tuple[str, ...]
    corpora: tuple[str, ...]
    rows: tuple[BarRow, ...]


HATCHES = (
    "",
    "M-1 7L7 -1M-1 1L1 -1M5 7L7 5",
    "M3 0V6",
    "M-1 -1L7 7M-1 5L1 7M5 -1L7 1",
    "M0 3H6",
    "M3 0V6M0 3H6",
)
"""Hatching of corpora, so that none is told by its colour alone."""


def bars(data: Bars, size: Size | None = None, most: int = MOST_ROWS) -> str:
    """Stacked bars; the outline is what was planned, the filling what training counted."""
    canvas = Canvas(size or Size())
    font = canvas.font
    rows = data.rows[:most]
    left = min(label_width([row.name for row in rows], font) + 14, 0.3 * canvas.size.width)
    gap = 1.4 * font
    widest = {stage: max((_total(row, stage) for row in rows), default=0) for stage in data.stages}
    heads = {stage: 1.15 * width(stage, font) for stage in data.stages}
    room = canvas.size.width - left - gap * max(0, len(data.stages) - 1) - 1
    pixels = _scale(widest, heads, room)
    starts: dict[str, float] = {}
    x = left
    for stage in data.stages:
        starts[stage] = x
        x += max(widest[stage] * pixels, heads[stage]) + gap
    numbers = {corpus: number for number, corpus in enumerate(data.corpora)}
    mark = _patterns(canvas, len(data.corpora))
    top, row_height = 2.0 * font, 2.0 * font
    for stage in data.stages:
        canvas.text(starts[stage], font, stage, "strong")
    for number, row in enumerate(rows):
        _row(canvas, data, row, top + number * row_height, left, starts, pixels, numbers, mark)
    y = _legend(canvas, data.corpora, top + len(rows) * row_height + 1.6 * font, mark)
    return canvas.svg(y + 0.6 * font, data.title, _description(data, rows))


def _total(row: BarRow, stage: str) -> int:
    return sum(max(part.planned, part.counted or 0) for part in row.parts if part.stage == stage)


def _scale(widest: Mapping[str, int], heads: Mapping[str, float], room: float) -> float:
    """Pixels per token so that all columns fit, none narrower than its head."""
    free, left = dict(widest), room
    while True:
        total = sum(free.values())
        pixels = max(left, 0.2 * room) / total if total else 0.0
        narrow = [stage for stage in free if free[stage] * pixels < heads[stage]]
        if not narrow or not total:
            return pixels
        for stage in narrow:
            left -= heads[stage]
            del free[stage]


def _patterns(canvas: Canvas, corpora: int) -> str:
    """Hatchings as definitions; returns what their names begin with."""
    mark = f"h{len(canvas.parts)}_"
    for number in range(min(corpora, 42)):
        colour = series_colour(number)
        lines = HATCHES[number % len(HATCHES)]
        hatch = f'<path class="hatch l{colour}" d="{lines}"/>' if lines else ""
        canvas.add(
            f'<pattern id="{mark}{number}" width="6" height="6" patternUnits="userSpaceOnUse">'
            f'<rect class="tint f{colour}" width="6" height="6"/>{hatch}</pattern>'
        )
    return mark


def _row(
    canvas: Canvas,
    data: Bars,
    row: BarRow,
    y: float,
    left: float,
    starts: Mapping[str, float],
    pixels: float,
    numbers: Mapping[str, int],
    mark: str,
) -> None:
    font = canvas.font
    high = 1.35 * font
    canvas.open_mark(row.name, row.values)
    canvas.text(left - 12, y + high / 2 + 0.35 * font, cut(row.name, left - 14, font), "end")
    canvas.close_mark()
    for stage in data.stages:
        x = starts[stage]
        for part in (each for each in row.parts if each.stage == stage):
            number = numbers[part.corpus]
            counted = "not counted yet" if part.counted is None else f"{part.counted:,} counted"
            canvas.open_mark(
                f"{row.name}, {stage}, {part.corpus}: {part.planned:,} tokens planned, {counted}",
                row.values,
            )
            wide, filled = part.planned * pixels, (part.counted or 0) * pixels
            if filled:
                canvas.add(
                    f'<rect fill="url(#{mark}{number % 42})" x="{x:.1f}" y="{y:.1f}" '
                    f'width="{filled:.1f}" height="{high:.1f}"/>'
                )
            canvas.add(
                f'<rect class="outline l{series_colour(number)}" x="{x:.1f}" y="{y:.1f}" '
                f'width="{wide:.1f}" height="{high:.1f}"/>'
            )
            text = compact(part.planned)
            if width(text, font * 0.85) + 6 < wide:
                canvas.text(x + wide / 2, y + high / 2 + 0.3 * font, text, "middle", 0.85)
            canvas.close_mark()
            x += max(wide, filled)


def _legend(canvas: Canvas, corpora: Sequence[str], y: float, mark: str) -> float:
    font = canvas.font
    x = 0.0
    for number, corpus in enumerate(corpora[:42]):
        text = cut(corpus, 16 * font, font * 0.92)
        step = 22 + width(text, font * 0.92) + 18
        if x and x + step > canvas.size.width:
            x, y = 0.0, y + canvas.row
        canvas.add(
            f'<rect fill="url(#{mark}{number})" class="l{series_colour(number)}" '
            f'x="{x:.1f}" y="{y - 0.85 * font:.1f}" width="16" height="{font:.0f}"/>'
        )
        canvas.text(x + 22, y, text, "soft", 0.92)
        x += step
    return y


def _description(data: Bars, rows: Sequence[BarRow]) -> str:
    left = len(data.rows) - len(rows)
    more = f" {left:,} groups are not drawn." if left else ""
    lines = []
    for row in rows[:6]:
        parts = ", ".join(f"{part.stage} {part.corpus} {compact(part.planned)}" for part in row.parts)
        lines.append(f"{row.name}: {parts}.")
    return f"Tokens planned of {', '.join(data.corpora)}. {' '.join(lines)}{more}"
