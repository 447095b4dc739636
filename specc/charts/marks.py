"""Marks: a shape for each series, so that none is told by its colour alone."""

from __future__ import annotations

from specc.charts.style import COLOURS, DASHES

SHAPES = ("circle", "square", "triangle", "diamond", "down", "plus")


def shape(kind: str, x: float, y: float, radius: float, classes: str) -> str:
    """A mark around a point; all shapes have about the same area.

    >>> shape("square", 10, 10, 4, "good")
    '<path class="good" d="M6.5 6.5h7v7h-7z"/>'
    """
    r = radius
    if kind == "circle":
        return f'<circle class="{classes}" cx="{x:.1f}" cy="{y:.1f}" r="{r:g}"/>'
    if kind == "square":
        side = round(1.76 * r, 1)
        path = f"M{_n(x - side / 2)} {_n(y - side / 2)}h{side:g}v{side:g}h{-side:g}z"
    elif kind == "diamond":
        h = round(1.3 * r, 1)
        path = f"M{_n(x)} {_n(y - h)}l{h:g} {h:g}l{-h:g} {h:g}l{-h:g} {-h:g}z"
    elif kind in ("triangle", "down"):
        up = -1 if kind == "triangle" else 1
        path = (
            f"M{_n(x)} {_n(y + up * 1.3 * r)}L{_n(x + 1.25 * r)} {_n(y - up * 0.85 * r)}H{_n(x - 1.25 * r)}z"
        )
    else:
        a, b = 0.45 * r, 1.25 * r
        path = (
            f"M{_n(x - a)} {_n(y - b)}H{_n(x + a)}V{_n(y - a)}H{_n(x + b)}V{_n(y + a)}H{_n(x + a)}"
            f"V{_n(y + b)}H{_n(x - a)}V{_n(y + a)}H{_n(x - b)}V{_n(y - a)}H{_n(x - a)}z"
        )
    return f'<path class="{classes}" d="{path}"/>'


def _n(value: float) -> str:
    """A number of pixels, to the tenth, without a needless zero."""
    text = f"{value:.1f}"
    return text[:-2] if text.endswith(".0") else text


def series_shape(number: int) -> str:
    """Shape of a series."""
    return SHAPES[number % len(SHAPES)]


def series_colour(number: int) -> int:
    """Number of the colour of a series."""
    return number % COLOURS


def series_dash(number: int) -> str:
    """Attribute for the dash of a series."""
    dash = DASHES[number % len(DASHES)]
    return f' stroke-dasharray="{dash}"' if dash else ""
