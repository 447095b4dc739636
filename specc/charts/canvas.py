"""What all pictures have: a size, a title for those who can't see them, text, lines and axes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from specc.charts.lettering import values_attribute, width, written
from specc.charts.scale import Scale


@dataclass(frozen=True, slots=True)
class Size:
    """Size of a picture in CSS pixels: its width, and that of its text; heights follow from the data."""

    width: float = 720.0
    font: float = 12.0


@dataclass(slots=True)
class Canvas:
    """Collects the parts of a picture."""

    size: Size
    parts: list[str] = field(default_factory=list)

    @property
    def font(self) -> float:
        return self.size.font

    @property
    def row(self) -> float:
        """Height of a line of text."""
        return round(1.45 * self.size.font, 1)

    def add(self, *parts: str) -> None:
        self.parts.extend(parts)

    def text(self, x: float, y: float, text: str, classes: str = "", scale: float = 1.0) -> None:
        """A text that begins (or with class `end` ends) at a point of its base line."""
        named = f' class="{classes}"' if classes else ""
        size = f' font-size="{self.size.font * scale:.4g}"' if scale != 1.0 else ""
        self.add(f'<text{named}{size} x="{x:.1f}" y="{y:.1f}">{written(text)}</text>')

    def line(self, x: float, y: float, to_x: float, to_y: float, classes: str) -> None:
        self.add(f'<path class="{classes}" d="M{x:.1f} {y:.1f}L{to_x:.1f} {to_y:.1f}"/>')

    def open_mark(self, title: str, values: Mapping[str, Any], classes: str = "") -> None:
        """Begin a mark that can be pointed at: what it tells, and where in the sweep it lies."""
        more = f" {classes}" if classes else ""
        self.add(f'<g class="m{more}"{values_attribute(values)}><title>{written(title)}</title>')

    def close_mark(self) -> None:
        self.add("</g>")

    def below(
        self, scale: Scale, y: float, ticks: Sequence[float], labels: Sequence[str], top: float | None = None
    ) -> None:
        """An axis along the bottom; grid lines up to `top` if given. Labels that would touch are left out."""
        self.line(scale.start, y, scale.end, y, "axis")
        free = -1e9
        for tick, label in zip(ticks, labels, strict=True):
            x = scale(tick)
            if top is not None:
                self.line(x, top, x, y, "grid")
            self.line(x, y, x, y + 4, "axis")
            half = width(label, self.font * 0.92) / 2
            if x - half >= free:
                self.text(x, y + 4 + self.font, label, "soft middle", 0.92)
                free = x + half + 6

    def beside(
        self,
        scale: Scale,
        x: float,
        ticks: Sequence[float],
        labels: Sequence[str],
        right: float | None = None,
    ) -> None:
        """An axis at the left; grid lines to `right` if given."""
        for tick, label in zip(ticks, labels, strict=True):
            y = scale(tick)
            if right is not None:
                self.line(x, y, right, y, "grid")
            self.text(x - 7, y + self.font * 0.33, label, "soft end", 0.92)

    def svg(self, height: float, title: str, description: str) -> str:
        """The picture; `title` and `description` are what a screen reader tells of it."""
        body = "".join(self.parts)
        shown = (title, description, body)
        mark = "f" + hashlib.sha256("\0".join(shown).encode("utf-8", "replace")).hexdigest()[:8]
        wide, high = f"{self.size.width:.0f}", f"{height:.0f}"
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" width="{wide}" height="{high}" '
            f'viewBox="0 0 {wide} {high}" font-size="{self.size.font:g}" role="img" '
            f'aria-labelledby="{mark}t {mark}d">'
            f'<title id="{mark}t">{written(title)}</title><desc id="{mark}d">{written(description)}</desc>'
            f"{body}</svg>"
        )


def path(points: Sequence[tuple[float, float]], shut: bool = False) -> str:
    """A line through points, to the tenth of a pixel; relative, for that is half as long.

    >>> path([(1, 2), (3.04, 2.5), (4, 2.5)])
    'M1 2l2 .5 1 0'
    """
    if not points:
        return ""
    tenths = [(round(10 * x), round(10 * y)) for x, y in points]
    parts = []
    for (x, y), (to_x, to_y) in pairwise(tenths):
        parts.append(f"{_tenth(to_x - x)} {_tenth(to_y - y)}")
    rest = "l" + " ".join(parts) if parts else ""
    return f"M{_tenth(tenths[0][0])} {_tenth(tenths[0][1])}{rest}{'z' * shut}"


def _tenth(number: int) -> str:
    """A number of tenths.

    >>> _tenth(-25), _tenth(7), _tenth(100)
    ('-2.5', '.7', '10')
    """
    sign, (whole, rest) = "-" * (number < 0), divmod(abs(number), 10)
    return f"{sign}{whole or '' if rest else whole}{f'.{rest}' if rest else ''}"


def label_width(texts: Sequence[str], font: float) -> float:
    """Width of the widest of some texts."""
    return max((width(text, font) for text in texts), default=0.0)
