"""A fitted curve as text for a terminal: parameters, a picture of the residuals, the forecast."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from specc.quantities.fits.form import Form
from specc.quantities.fits.model import Fit, Fitted
from specc.words import printable

Point = TypeVar("Point")

_SIDE = 16
"""Characters on either side of the middle of a residual's picture."""

_MOST = 24
"""Points that a picture or a table shows, evenly over those there are."""


def listing(forms: Sequence[Form]) -> str:
    """The forms there are: what each is, its formula, columns, parameters and source."""
    parts = []
    for form in forms:
        lines = [form.name, f"  {form.title}", f"    {form.formula}"]
        for name, meaning in {**form.columns, "y": "what is fitted, above 0"}.items():
            lines.append(f"    {name:8} {meaning}")
        for each in form.parameters:
            unit = f" ({each.unit})" if each.unit else ""
            lines.append(f"    {each.name:8} fitted: {each.doc}{unit}")
        parts.append("\n".join([*lines, f"    source:  {form.source}"]))
    return "\n\n".join(parts) + "\n"


def as_text(fitted: Fitted) -> str:
    """A fit as people read it: parameters first, then how well it fits, then what it forecasts."""
    rows = [("", "value", "95% interval", "unit", "meaning")]
    for each in fitted.parameters:
        low = "…" if each.low is None else f"{each.low:.4g}"
        high = "…" if each.high is None else f"{each.high:.4g}"
        rows.append((each.name, f"{each.value:.4g}", f"{low} to {high}", each.unit, each.meaning))
    seeds = len({point.seed for point in fitted.points if point.seed is not None})
    over = f"{len(fitted.points)} points" + (f" of {seeds} seed{'s' * (seeds > 1)}" if seeds else "")
    left = f", {fitted.left_out} rows without a finite value left out" if fitted.left_out else ""
    lines = [f"{fitted.form}: {fitted.formula}", f"{over}{left}; intervals: {fitted.interval}", ""]
    lines += _table(rows)
    r2 = "" if fitted.r2_log is None else f", R2 {fitted.r2_log:.4f}"
    lines += ["", f"residuals, log(y / fitted): rmse {fitted.rmse_log:.3g}{r2}"]
    lines += _pictured(fitted.points)
    if fitted.held_out:
        lines += ["", *_forecast(fitted)]
    lines += [f"warning: {each}" for each in fitted.warnings]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _place(x: dict[str, float], seed: str | None) -> tuple[str, ...]:
    return (*(f"{value:.4g}" for value in x.values()), *(() if seed is None else (printable(seed),)))


def _headings(x: dict[str, float], seed: str | None) -> tuple[str, ...]:
    return (*x, *(() if seed is None else ("seed",)))


def _pictured(points: Sequence[Fit]) -> list[str]:
    """The residuals by place, each as a bar from the middle."""
    ordered = sorted(points, key=lambda point: (tuple(point.x.values()), point.seed or ""))
    shown = _evenly(ordered)
    largest = max((abs(point.residual) for point in points), default=0.0) or 1.0
    rows = [(*_headings(shown[0].x, shown[0].seed), "y", "fitted", "residual", "")]
    for point in shown:
        length = round(abs(point.residual) / largest * _SIDE)
        left, right = (length, 0) if point.residual < 0 else (0, length)
        bar = " " * (_SIDE - left) + "#" * left + "|" + "#" * right
        place = _place(point.x, point.seed)
        rows.append((*place, f"{point.y:.5g}", f"{point.fitted:.5g}", f"{point.residual:+.2g}", bar))
    lines = _table(rows, words=1)
    if len(shown) < len(points):
        lines.append(f"({len(shown)} of {len(points)} points shown)")
    return lines


def _forecast(fitted: Fitted) -> list[str]:
    """What was held out, against what was predicted for it."""
    first = fitted.held_out[0]
    rows = [(*_headings(first.x, first.seed), "y", "predicted", "95% of points", "error", "inside")]
    ordered = sorted(fitted.held_out, key=lambda each: (tuple(each.x.values()), each.seed or ""))
    shown = _evenly(ordered)
    for each in shown:
        inside = "" if each.inside is None else "yes" if each.inside else "no"
        interval = "" if each.low is None or each.high is None else f"{each.low:.5g} to {each.high:.5g}"
        place = _place(each.x, each.seed)
        rows.append(
            (*place, f"{each.y:.5g}", f"{each.predicted:.5g}", interval, f"{each.error:+.2%}", inside)
        )
    known = [each for each in fitted.held_out if each.inside is not None]
    counted = f": {sum(bool(each.inside) for each in known)} of {len(known)} inside" if known else ""
    lines = [f"held out{counted}", *_table(rows)]
    if len(shown) < len(ordered):
        lines.append(f"({len(shown)} of {len(ordered)} shown)")
    return lines


def _evenly(points: Sequence[Point]) -> Sequence[Point]:
    return points[:: max(1, -(-len(points) // _MOST))]


def _table(rows: Sequence[Sequence[str]], words: int = 0) -> list[str]:
    """Columns, indented: numbers to the right. `words`: how many columns at the end are not numbers."""
    count = len(rows[0])
    widths = [max(len(row[number]) for row in rows) for number in range(count)]
    lines = []
    for row in rows:
        cells = []
        for number, cell in enumerate(row):
            numeric = number < count - words and _numeric(rows, number)
            cells.append(cell.rjust(widths[number]) if numeric else cell.ljust(widths[number]))
        lines.append("  " + "  ".join(cells))
    return lines


def _numeric(rows: Sequence[Sequence[str]], number: int) -> bool:
    cells = [row[number] for row in rows[1:]]
    return all(cell[:1] in "+-0123456789" and " " not in cell for cell in cells if cell)
