"""Two results against each other: what no other point beats, and what others dominate."""

from __future__ import annotations

from collections.abc import Sequence

from specc.charts.canvas import Canvas, Size, label_width
from specc.charts.lettering import cut, significant, width
from specc.charts.marks import series_colour, series_dash, series_shape, shape
from specc.charts.scale import Scale, drawable, labels, span, ticks
from specc.comparing.model import Better, Frontier, FrontierPoint, Interval

MOST_POINTS = 600
"""Points that are drawn; of more, those that no other dominates come first."""

MOST_NAMES = 40
"""Points that get their names written beside them, if there is room."""


def shown_points(frontier: Frontier, most: int = MOST_POINTS) -> tuple[FrontierPoint, ...]:
    """Points that a picture shows, in their order."""
    known = [point for point in frontier.points if drawable(point.x) and drawable(point.y)]
    if len(known) <= most:
        return tuple(known)
    ranked = sorted(range(len(known)), key=lambda number: (known[number].dominated, number))
    return tuple(known[number] for number in sorted(ranked[:most]))


def frontier(frontier: Frontier, size: Size | None = None, most: int = MOST_POINTS) -> str:
    """A scatter of groups with intervals; points that others dominate are grey and open."""
    canvas = Canvas(size or Size())
    font = canvas.font
    points = shown_points(frontier, most)
    x_range = span([v for p in points for v in (p.x, *_ends(p.x_interval, len(points)))], 0.08)
    y_range = span([v for p in points for v in (p.y, *_ends(p.y_interval, len(points)))], 0.08)
    y_ticks = ticks(*y_range, 6)
    left = label_width(labels(y_ticks), font * 0.92) + 12 + 1.6 * font
    height = min(0.62 * canvas.size.width, 30 * font)
    top, bottom = 2.2 * font, 2.2 * font + height
    across = Scale(*x_range, left, canvas.size.width - 0.5 * font)
    upward = Scale(*y_range, bottom, top)
    x_ticks = ticks(*x_range, max(3, int((across.end - across.start) / (6 * font))))
    canvas.beside(upward, left, y_ticks, labels(y_ticks), across.end)
    canvas.below(across, bottom, x_ticks, labels(x_ticks), top)
    canvas.text(left - 7, top - 0.9 * font, _axis_name(frontier.y.eval, frontier.y.stage, frontier.y.better))
    canvas.text(
        across.end,
        bottom + 4 + 2.5 * font,
        _axis_name(frontier.x.eval, frontier.x.stage, frontier.x.better),
        "end",
    )
    names = list(dict.fromkeys(point.series for point in points))
    numbers = {name: number for number, name in enumerate(names)}
    for name in names:
        _edge(canvas, frontier, [p for p in points if p.series == name], numbers[name], across, upward)
    for point in points:
        _point(canvas, point, numbers[point.series], across, upward, len(points))
    if len(points) <= MOST_NAMES:
        _names(canvas, points, across, upward, (left, top, canvas.size.width, bottom))
    y = _legend(canvas, names, points, bottom + 4 + 4.4 * font)
    return canvas.svg(y + 0.5 * font, frontier.title, _description(frontier, points))


def _ends(interval: Interval | None, points: int) -> tuple[float, ...]:
    """Ends of an interval that is drawn; with many points none are."""
    if interval is None or points > 60 or not (drawable(interval.low) and drawable(interval.high)):
        return ()
    return interval.low, interval.high


def _axis_name(eval: str, stage: str, better: Better) -> str:
    hint = {"lower": " (lower is better)", "higher": " (higher is better)", "": ""}[better]
    return f"{eval} after {stage}{hint}"


def _edge(
    canvas: Canvas,
    frontier: Frontier,
    points: Sequence[FrontierPoint],
    number: int,
    across: Scale,
    upward: Scale,
) -> None:
    """The points of a series that none dominates, joined; and its convex hull."""
    kept = sorted((p for p in points if not p.dominated), key=lambda p: (p.x, p.y))
    hull = sorted((p for p in points if p.on_hull), key=lambda p: (p.x, p.y))
    colour = series_colour(number)
    if len(kept) > 1:
        path = "L".join(f"{across(p.x):.1f} {upward(p.y):.1f}" for p in kept)
        canvas.add(f'<path class="line l{colour}"{series_dash(number)} d="M{path}"/>')
    if len(hull) > 1 and [p.name for p in hull] != [p.name for p in kept]:
        path = "L".join(f"{across(p.x):.1f} {upward(p.y):.1f}" for p in hull)
        canvas.add(f'<path class="hull l{colour}" d="M{path}"/>')


def _point(
    canvas: Canvas, point: FrontierPoint, number: int, across: Scale, upward: Scale, points: int
) -> None:
    x, y = across(point.x), upward(point.y)
    state = ", dominated" if point.dominated else ""
    series = f" ({point.series})" if point.series else ""
    canvas.open_mark(
        f"{point.name}{series}: {significant(point.x)}, {significant(point.y)}, n={point.n}{state}",
        point.values,
    )
    line = "greyline pale" if point.dominated else f"line fine pale l{series_colour(number)}"
    ends = _ends(point.x_interval, points), _ends(point.y_interval, points)
    if ends[0]:
        canvas.line(across(ends[0][0]), y, across(ends[0][1]), y, line)
    if ends[1]:
        canvas.line(x, upward(ends[1][0]), x, upward(ends[1][1]), line)
    classes = "grey" if point.dominated else f"f{series_colour(number)}"
    canvas.add(shape(series_shape(number), x, y, 4.6, classes))
    canvas.close_mark()


def _names(
    canvas: Canvas,
    points: Sequence[FrontierPoint],
    across: Scale,
    upward: Scale,
    frame: tuple[float, float, float, float],
) -> None:
    """Names beside their points, where they touch neither a point nor each other."""
    font = canvas.font
    taken = [_around(across(point.x), upward(point.y), 6) for point in points]
    for point in sorted(points, key=lambda each: each.dominated):
        text = cut(point.name, 14 * font, font * 0.92)
        wide, x, y = width(text, font * 0.92), across(point.x), upward(point.y)
        for dx, dy in ((9, -6), (9, font), (-9 - wide, -6), (-9 - wide, font), (-wide / 2, -12),
                       (-wide / 2, 1.6 * font)):  # fmt: skip
            box = (x + dx, y + dy - 0.8 * font, x + dx + wide, y + dy + 0.25 * font)
            inside = frame[0] <= box[0] and frame[1] <= box[1] and box[2] <= frame[2] and box[3] <= frame[3]
            if inside and not any(_meet(box, other) for other in taken):
                taken.append(box)
                canvas.text(x + dx, y + dy, text, "grey halo" if point.dominated else "halo", 0.92)
                break


def _around(x: float, y: float, r: float) -> tuple[float, float, float, float]:
    return (x - r, y - r, x + r, y + r)


def _meet(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _legend(canvas: Canvas, names: Sequence[str], points: Sequence[FrontierPoint], y: float) -> float:
    font = canvas.font
    entries = []
    if len(names) > 1 or (names and names[0]):
        for number, name in enumerate(names):
            mark = shape(series_shape(number), 0, 0, 4.4, f"f{series_colour(number)}")
            entries.append((mark, cut(name or "all", 16 * font, font)))
    if any(point.dominated for point in points):
        entries.append((shape("circle", 0, 0, 4.4, "grey"), "dominated: another is no worse in both"))
    x = 0.0
    for mark, text in entries[:24]:
        step = 16 + label_width([text], font * 0.92) + 18
        if x and x + step > canvas.size.width:
            x, y = 0.0, y + canvas.row
        canvas.add(f'<g transform="translate({x + 6:.1f} {y - 0.34 * font:.1f})">{mark}</g>')
        canvas.text(x + 16, y, text, "soft", 0.92)
        x += step
    return y


def _description(frontier: Frontier, points: Sequence[FrontierPoint]) -> str:
    kept = [point.name for point in points if not point.dominated]
    named = ", ".join(kept[:12]) + (f" and {len(kept) - 12} more" if len(kept) > 12 else "")
    left = len(frontier.points) - len(points)
    more = f" {left:,} points are not drawn." if left else ""
    return f"{frontier.headline} Not dominated: {named or 'none'}.{more}"
