"""A curve as small as a word."""

from __future__ import annotations

from collections.abc import Sequence

from specc.charts.lettering import significant, written
from specc.charts.scale import Scale, finite, span


def sparkline(
    values: Sequence[float | None], name: str = "", width: float = 120.0, height: float = 24.0
) -> str:
    """Values at equal distances; a gap where one is missing or not a number, a dot at the last one."""
    known = finite(values)
    low, high = span(known, 0.1)
    across = Scale(0.0, max(len(values) - 1, 1), 2.0, width - 4.0)
    upward = Scale(low, high, height - 2.0, 2.0)
    parts, pen, last = [], "M", None
    for number, value in enumerate(values):
        if value is None or not finite([value]):
            pen = "M"
            continue
        last = (across(number), upward(value))
        parts.append(f"{pen}{last[0]:.1f} {last[1]:.1f}")
        pen = "L"
    dot = f'<circle class="f0" cx="{last[0]:.1f}" cy="{last[1]:.1f}" r="2.2"/>' if last else ""
    told = f"from {significant(known[0])} to {significant(known[-1])}" if known else "no values"
    label = written(f"{name}: {told}" if name else told)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{label}">'
        f'<path class="line fine l0" d="{"".join(parts)}"/>{dot}</svg>'
    )
