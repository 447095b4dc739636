"""Parallel coordinates: what varies among arms, and what came of it, one line per arm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from specc.charts.canvas import Canvas, Size
from specc.charts.lettering import cut, significant
from specc.charts.marks import series_colour, series_dash
from specc.charts.scale import Scale, finite, labels, span, ticks

MOST_LINES = 200
"""Arms that are drawn: evenly chosen among more."""

FEW = 60
"""Lines that are dashed; more are thin as a veil, so that one sees where they are dense."""

FEW_VALUES = 8
"""Values of a coordinate that was chosen which are its labels; of more, round numbers are."""

MOST_NAMES = 24
"""Names along a coordinate of names; those that would touch are left out."""


@dataclass(frozen=True, slots=True)
class Coordinate:
    """A vertical axis.

    Attributes:
        values: of each line, in the order of the lines: numbers, or texts if `names` are given.
        kind: `fraction`, `count` or empty: how numbers are labelled.
        names: of a coordinate of texts, its values from bottom to top.
        result: whether it was measured, else chosen.
    """

    name: str
    values: tuple[float | str | None, ...]
    kind: str = ""
    names: tuple[str, ...] = ()
    result: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """An arm; `number` chooses its colour and dash."""

    name: str
    number: int
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Parallel:
    """Coordinates of some arms."""

    title: str
    coordinates: tuple[Coordinate, ...]
    lines: tuple[Line, ...]


def chosen_lines(data: Parallel, most: int = MOST_LINES) -> tuple[int, ...]:
    """Places of the lines that are drawn."""
    total = len(data.lines)
    return tuple(range(total)) if total <= most else tuple(i * total // most for i in range(most))


def parallel(data: Parallel, size: Size | None = None, most: int = MOST_LINES) -> str:
    """One line per arm; a line ends where a value is missing or not a number."""
    canvas = Canvas(size or Size())
    font = canvas.font
    chosen = chosen_lines(data, most)
    count = max(1, len(data.coordinates))
    edge = min(5.5 * font, 0.09 * canvas.size.width)
    step = (canvas.size.width - 2 * edge) / max(1, count - 1) if count > 1 else 0.0
    top, bottom = 3.4 * font, 3.4 * font + 17 * font
    scales = [_scale(each, chosen, bottom, top) for each in data.coordinates]
    xs = [edge + number * step for number in range(len(data.coordinates))]
    paths = [_path(data, scales, xs, i) for i in chosen]
    faint = max(0.2, min(1.0, FEW / max(1, len(chosen))))
    for i, path in zip(chosen, paths, strict=True):
        line = data.lines[i]
        if path:
            canvas.open_mark(_told(data, i), line.values, "curve")
            colour = series_colour(line.number)
            look = series_dash(line.number) if len(chosen) <= FEW else f' stroke-opacity="{faint:.2f}"'
            canvas.add(f'<path class="line fine l{colour}"{look} d="{path}"/>')
            canvas.close_mark()
    for x, each, scale in zip(xs, data.coordinates, scales, strict=True):
        _coordinate(canvas, each, scale, x, step or canvas.size.width, top, bottom)
    return canvas.svg(bottom + 1.2 * font, data.title, _description(data, chosen))


def _scale(each: Coordinate, chosen: Sequence[int], bottom: float, top: float) -> Scale:
    if each.names:
        return Scale(-0.4, len(each.names) - 0.6, bottom, top)
    numbers = [value for i in chosen if isinstance(value := each.values[i], float | int)]
    return Scale(*span(finite(numbers), 0.04), bottom, top)


def _place(each: Coordinate, scale: Scale, i: int) -> float | None:
    value = each.values[i]
    if value is None:
        return None
    if each.names:
        return scale(each.names.index(str(value))) if str(value) in each.names else None
    known = finite([float(value)])
    return scale(known[0]) if known else None


def _number(value: float | str | None) -> float | None:
    return None if value is None or isinstance(value, str) else float(value)


def _path(data: Parallel, scales: Sequence[Scale], xs: Sequence[float], i: int) -> str:
    parts, pen = [], "M"
    for each, scale, x in zip(data.coordinates, scales, xs, strict=True):
        y = _place(each, scale, i)
        if y is None:
            pen = "M"
            continue
        parts.append(f"{pen}{x:.1f} {y:.1f}")
        pen = "L"
    return "".join(parts)


def _told(data: Parallel, i: int) -> str:
    facts = []
    for each in data.coordinates:
        value = each.values[i]
        shown = significant(value) if isinstance(value, float | int) else str(value or "–")
        facts.append(f"{each.name} {shown}")
    return f"{data.lines[i].name}: {', '.join(facts[:8])}"


def _coordinate(
    canvas: Canvas, each: Coordinate, scale: Scale, x: float, step: float, top: float, bottom: float
) -> None:
    font = canvas.font
    canvas.line(x, top, x, bottom, "axis")
    name = cut(each.name, max(step - 8, 4 * font), font * 0.92)
    canvas.text(x, top - 1.0 * font, name, "middle strong" if each.result else "middle", 0.92)
    if each.names:
        marked: tuple[float, ...] = tuple(range(len(each.names)))
        texts = each.names
    else:
        chosen = () if each.result else tuple(sorted(set(finite(map(_number, each.values)))))
        marked = chosen if 0 < len(chosen) <= FEW_VALUES else ticks(scale.low, scale.high, 6)
        texts = labels(marked, each.kind)
    free = 1e9
    for tick, text in zip(marked, texts, strict=True):
        y = scale(tick)
        if y > free - 0.95 * font:
            continue
        free = y
        shown = cut(text, max(0.55 * step, 3 * font), font * 0.85)
        canvas.line(x - 3, y, x, y, "axis")
        canvas.text(x - 5, y + 0.3 * font, shown, "soft end halo", 0.85)


def _description(data: Parallel, chosen: Sequence[int]) -> str:
    left = len(data.lines) - len(chosen)
    more = f" {left:,} of {len(data.lines):,} arms are not drawn." if left else ""
    named = ", ".join(each.name for each in data.coordinates)
    return f"{len(chosen):,} arms over {named}.{more}"
