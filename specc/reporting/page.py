"""A report as one HTML file, which asks nothing of the network.

All that a recipe names is data: the template escapes it, pictures and highlighted texts are made here with
every name escaped, and the page's policy lets only its own style and script run, by their digests.
Without the script all content is there: the script adds sorting, narrowing and pointing.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from collections.abc import Callable
from importlib.resources import files
from typing import Any

from markupsafe import Markup, escape

from specc.charts.canvas import Size
from specc.charts.lettering import values_attribute
from specc.charts.style import STYLE
from specc.drawing.svg import STYLE as GRAPH_STYLE
from specc.reporting import tables
from specc.reporting.figures import Figure, figures
from specc.reporting.model import Report, Table
from specc.words import printable

SHORT = 28
"""Characters of a text that is not broken in a table."""

WIDTH = 850.0
"""Width of the figures, in CSS pixels."""

SIGNS = {"done": "✓", "running": "▸", "failed": "✕", "stopped": "!", "empty": "○"}

CONTENTS = (
    ("expectations", "Expectations"),
    ("differences", "Differences"),
    ("frontiers", "Frontiers"),
    ("curves-section", "Curves"),
    ("budgets", "Budgets"),
    ("steps-section", "Steps"),
    ("arms", "Arms"),
    ("own", "Comparisons of the recipe"),
)


def as_page(report: Report) -> str:
    """A report as HTML: equal reports give equal bytes."""
    from jinja2.sandbox import SandboxedEnvironment

    folder = files("specc.reporting")
    style = STYLE + GRAPH_STYLE + NUMBERS + folder.joinpath("page.css").read_text(encoding="utf-8")
    script = folder.joinpath("page.js").read_text(encoding="utf-8")
    environment = SandboxedEnvironment(autoescape=True, trim_blocks=True, keep_trailing_newline=True)
    template = environment.from_string(folder.joinpath("page.html").read_text(encoding="utf-8"))
    drawings = figures(report)
    parts = {figure.part for figure in drawings}
    return template.render(
        report=report,
        figures=drawings,
        parts=parts,
        contents=[("answer", "Answer"), *_contents(report, parts), *_LAST],
        expectations=tables.expectations(report.expectations),
        stem=stem_of(report.experiment),
        signs=SIGNS,
        svg=_svg,
        sql_code=_code("sql"),
        spec_code=_code("specc"),
        exact=tables.exact,
        writers=tables.writers,
        prose=_prose,
        titled=_titled,
        shared=_shared(report),
        numeric=tables.is_numeric,
        numbers=_numbers,
        values=lambda values: Markup(values_attribute(values)),
        json=_json,
        printable=printable,
        lines=lambda text: "\n".join(map(printable, text.split("\n"))),
        diff_class=_diff_class,
        style=Markup(style),
        script=Markup(script),
        style_digest=_digest(style),
        script_digest=_digest(script),
    )


_LAST = (("recipe", "Recipe"), ("provenance", "Provenance"), ("missing", "Missing"))


def _contents(report: Report, parts: set[str]) -> list[tuple[str, str]]:
    there = {
        "expectations": bool(report.expectations),
        "differences": "differences" in parts,
        "frontiers": "frontiers" in parts,
        "curves-section": "curves" in parts,
        "budgets": report.budgets is not None,
        "steps-section": "steps" in parts,
        "arms": report.varying is not None,
        "own": bool(report.own),
    }
    return [(id, title) for id, title in CONTENTS if there[id]]


def _shared(report: Report) -> tuple[str, ...]:
    """Notes that all comparisons have: they are told once."""
    notes: dict[str, int] = {}
    for each in report.answers:
        for note in dict.fromkeys(each.notes):
            notes[note] = notes.get(note, 0) + 1
    return tuple(note for note, number in notes.items() if number == len(report.answers) > 1)


def _prose(told: str) -> Markup:
    """A message as a sentence; names that it quotes stand out."""
    safe = str(escape(tables.sentence(told)))
    safe = re.sub(r"`([^`]+)`", lambda found: f'<bdi class="name">{_short(found[1])}</bdi>', safe)
    return Markup(safe)


def _short(safe: str, most: int = 120) -> str:
    """An escaped text, cut where it is too long for a line; nothing is cut inside of an escape."""
    return safe if len(safe) <= most else re.sub(r"&[^;]*$", "", safe[:most]) + "…"


def _titled(text: str) -> Markup:
    """A name or title in one line, apart from the direction of what stands around it."""
    return Markup("<bdi>{}</bdi>").format(Markup(_short(str(escape(printable(text))), 200)))


def _numbers(table: Table) -> str:
    """Classes of a table: which of its columns are numbers, and which short texts. So no cell needs one."""
    found = []
    for place, column in enumerate(table.columns, 1):
        if tables.is_numeric(column):
            found.append(f"n{place}")
        elif all(len(str(row.cells[place - 1])) <= SHORT for row in table.rows):
            found.append(f"t{place}")
    return " ".join(found)


NUMBERS = (
    ",".join(f".n{place} td:nth-child({place})" for place in range(1, 81))
    + "{text-align:right;white-space:nowrap}\n"
    + ",".join(f".t{place} td:nth-child({place})" for place in range(1, 41))
    + "{white-space:nowrap}\n"
)
"""Style of columns of numbers, and of short texts."""


def _svg(figure: Figure) -> Markup:
    """A figure: made by us, with every name escaped."""
    return Markup(figure.draw(Size(WIDTH, 12.5)))


def _code(language: str) -> Callable[[str], Markup]:
    """Highlights a text; what Pygments writes is escaped."""

    def highlighted(text: str) -> Markup:
        from pygments import highlight
        from pygments.formatters import HtmlFormatter
        from pygments.lexers import SqlLexer

        from specc.highlighting.lexer import SpecLexer

        lexer = SqlLexer() if language == "sql" else SpecLexer()
        clean = "\n".join(printable(line.replace("\t", "    ")) for line in text.split("\n"))
        return Markup(highlight(clean, lexer, HtmlFormatter(nowrap=True)))

    return highlighted


def _json(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return "null"
    return json.dumps(value)


def stem_of(name: str) -> str:
    """A name as a part of a file's name."""
    return "".join(sign if sign.isalnum() or sign in "_-" else "_" for sign in name)[:60] or "report"


def _diff_class(line: str) -> str:
    if line.startswith(("+++", "---", "@@")):
        return "at"
    return {"+": "add", "-": "del"}.get(line[:1], "")


def _digest(text: str) -> str:
    """Digest of a style or script, as a content security policy names it."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
