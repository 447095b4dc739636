"""A report in one picture: the question, the answers with their intervals, and the curves."""

from __future__ import annotations

import re
from textwrap import wrap

from specc.charts import Size
from specc.charts.canvas import Canvas
from specc.charts.lettering import width
from specc.reporting.figures import Figure, figures
from specc.reporting.model import Report
from specc.reporting.tables import sentence
from specc.words import printable

MOST_ANSWERS = 4
"""Comparisons that are drawn."""

NAME = "summary"


def summary(report: Report) -> Figure:
    """The picture; its data is that of its parts."""
    drawn = figures(report)
    parts = [figure for figure in drawn if figure.part == "differences"][:MOST_ANSWERS]
    parts += [figure for figure in drawn if figure.name == "curves"]
    return Figure(
        NAME,
        "summary",
        f"{report.experiment}: summary of the report",
        lambda size: _draw(report, parts, size),
        "",
        (),
        "",
        (),
    )


def _draw(report: Report, parts: list[Figure], size: Size) -> str:
    canvas = Canvas(size)
    font = canvas.font
    y = 1.6 * font
    canvas.text(0, y, report.experiment, "strong", 1.6)
    y = _lines(canvas, report.description, y + 2.0 * font, "", 1.08)
    y = _lines(canvas, f"{report.counts}. {report.state_text}", y + 0.4 * font, "soft", 0.92)
    for figure in parts:
        y += 2.4 * font
        canvas.text(0, y, figure.title, "strong", 1.08)
        if figure.part == "differences":
            y = _lines(canvas, sentence(figure.caption).replace("`", ""), y + 1.4 * font, "soft", 0.92)
        else:
            y += 0.6 * font
        svg = figure.draw(size)
        high = re.search(r' height="(\d+)"', svg)
        inner = svg.partition(">")[2].rpartition("</svg>")[0]
        inner = re.sub(r"^<title .*?</title><desc .*?</desc>", "", inner, count=1, flags=re.DOTALL)
        canvas.add(f'<g transform="translate(0 {y:.1f})">{inner}</g>')
        y += float(high[1]) if high else 0.0
    headline = report.answers[0].headline if report.answers else "there is no answer yet"
    return canvas.svg(y + font, f"{report.experiment}: summary", sentence(headline))


def _lines(canvas: Canvas, text: str, y: float, classes: str, scale: float) -> float:
    """A text in as many lines as it needs, at most six; returns where the next line would be."""
    text = printable(text)
    wide = width(text, canvas.font * scale) / max(1, len(text))
    for line in wrap(text, max(20, int(canvas.size.width / max(wide, 1.0))), max_lines=6, placeholder=" …"):
        canvas.text(0, y, line, classes, scale)
        y += 1.45 * canvas.font * scale
    return y
