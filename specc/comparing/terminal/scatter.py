"""A frontier as a small scatter plot in text."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_lowercase

from specc.comparing.model import Frontier, FrontierPoint
from specc.comparing.sentences import figure
from specc.comparing.terminal.lines import Line, Signs, Style

MOST_LETTERS = 26
ROWS = 14
WIDEST = 72


def letters(points: Sequence[FrontierPoint]) -> list[str]:
    """A letter for each point, a capital on the frontier; beyond 26 points a sign for each series, and a
    dot for what is dominated."""
    if len(points) <= MOST_LETTERS:
        return [
            letter if point.dominated else letter.upper()
            for letter, point in zip(ascii_lowercase, points, strict=False)
        ]
    series = list(dict.fromkeys(point.series for point in points))
    marks = "OX#%@&$*"
    return ["." if point.dominated else marks[series.index(point.series) % len(marks)] for point in points]


def scatter(found: Frontier, width: int, signs: Signs) -> list[Line]:
    """The points of a frontier; where two fall on a place, the one on the frontier is seen."""
    points = found.points
    if not points:
        return []
    ys = [point.y for point in points]
    xs = [point.x for point in points]
    top, bottom, left, right = max(ys), min(ys), min(xs), max(xs)
    labels = [figure(top), figure(bottom)]
    margin = max(map(len, labels)) + 3
    room = min(width - margin - 2, WIDEST)
    if room < 12:
        return []
    cells: list[list[tuple[str, Style]]] = [[(" ", "") for _ in range(room)] for _ in range(ROWS)]
    order = sorted(range(len(points)), key=lambda each: not points[each].dominated)
    marks = letters(points)
    for each in order:
        point = points[each]
        row = round((top - point.y) / (top - bottom) * (ROWS - 1)) if top > bottom else ROWS // 2
        column = round((point.x - left) / (right - left) * (room - 1)) if right > left else room // 2
        cells[row][column] = (marks[each], "quiet" if point.dominated else "good")
    lines: list[Line] = [[(f"  {found.y.eval}", "title")]]
    for number, row_cells in enumerate(cells):
        label = labels[0] if number == 0 else labels[1] if number == ROWS - 1 and top > bottom else ""
        lines.append([(f"  {label:>{margin - 3}} ", "quiet"), (signs.frame, "quiet"), *row_cells])
    lines.append([(" " * margin, ""), (signs.corner + signs.ground * room, "quiet")])
    low, high = figure(left), figure(right)
    gap = room - len(low) - len(high)
    ends = low + " " * gap + high if right > left and gap > 0 else low.center(room)
    lines.append([(" " * (margin + 1) + ends, "quiet")])
    lines.append([(" " * (margin + 1) + found.x.eval.rjust(room), "title")])
    return lines
