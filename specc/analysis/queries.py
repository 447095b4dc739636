"""SQL of a recipe: templates in it are rendered, and DuckDB binds it against the empty tables, when the
recipe is checked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from specc.diagnostics import Report, Span
from specc.errors import QueryError
from specc.language import ast
from specc.study import Axis

if TYPE_CHECKING:
    from specc.quantities.templates.context import Context, Rendered
    from specc.results.bind import KeptBinder

LONGEST = 50_000
"""Characters of a query. It and the two below keep DuckDB's time for a query to about a second."""

DEEPEST = 100
"""Brackets of a query that may be open at once."""

MOST_SELECTS = 200
"""Times that a query may say `select`."""

_AROUND = 30
"""Characters on either side of what DuckDB refuses in what a template gives that are shown."""

_SHAPE = re.compile(
    r"'[^']*'|\"[^\"]*\"|--[^\n]*|(?P<open>[(\[{])|(?P<close>[)\]}])|(?P<select>\bselect\b)", re.I
)


@dataclass(frozen=True, slots=True)
class Query:
    """A query of a recipe: as written, and what comes of its templates (None: it has none)."""

    written: ast.Sql
    rendered: Rendered | None = None

    @property
    def text(self) -> str:
        return self.written.text if self.rendered is None else self.rendered.text

    @property
    def refs(self) -> frozenset[str]:
        """Comparisons that it refers to."""
        return frozenset() if self.rendered is None else self.rendered.refs


def render_comparisons(
    context: Context, compares: Mapping[str, ast.Compare], report: Report
) -> dict[str, Query]:
    """Render the templates of an experiment's comparisons; those that can't be are reported.

    Returns:
        the others, by name.
    """
    from specc.quantities.templates.render import render_named
    from specc.quantities.templates.tree import TemplateError

    found: dict[str, Query] = {}
    told: set[str] = set()
    for name, node in compares.items():
        try:
            found[name] = Query(node.sql, render_named(name, context))
        except TemplateError as error:
            # A mistake is told where it is, and a circle once.
            if told & set(error.circle) or (error.inside and name not in error.circle):
                continue
            told |= set(error.circle)
            start = node.sql.start
            place = Span(node.sql.span.source, start + error.start, start + max(error.stop, error.start + 1))
            report.add("E0603", error.message, place, help=error.help)
    return found


def is_template(sql: ast.Sql) -> bool:
    """Whether there is anything to render in a query."""
    return "{{" in sql.text or "{%" in sql.text


def check_queries(
    experiment: str,
    axes: Sequence[Axis],
    compares: Mapping[str, Query],
    expects: Sequence[ast.Sql],
    report: Report,
) -> None:
    """Bind every query of an experiment; what DuckDB refuses is reported where it stands."""
    if not compares and not expects:
        return
    from specc.results.bind import KeptBinder

    binder = KeptBinder(experiment, axes)
    refused: set[str] = set()
    # Those that refer to others come after them: a mistake is told where it is.
    for name, query in sorted(compares.items(), key=lambda each: len(each[1].refs)):
        if refused & query.refs or _bound(query, binder, report) is None:
            refused.add(name)
    for sql in expects:
        columns = _bound(Query(sql), binder, report)
        if columns is not None and [kind for _, kind in columns] != ["BOOLEAN"]:
            found = ", ".join(f"{name} {kind}" for name, kind in columns)
            report.add(
                "E0602",
                "the query of an expectation gives one column, true or false",
                Span(sql.span.source, sql.start, sql.start + len(sql.text.rstrip())),
                notes=[f"this gives {found}"],
                help="write a comparison, for instance `select max(value) < 2 from results`",
            )


def _bound(query: Query, binder: KeptBinder, report: Report) -> list[tuple[str, str]] | None:
    """Names and types of a query's columns; None if it is refused, which is reported."""
    sql = query.written
    large = _too_large(query.text)
    if large is not None:
        start = sql.start + len(sql.text) - len(sql.text.lstrip())
        report.add(
            "E0601",
            f"this query is too large: it has more than {large}",
            Span(sql.span.source, start, min(sql.span.stop, start + 1)),
            help="make it in parts, as several comparisons",
        )
        return None
    try:
        return binder.bind(query.text)
    except QueryError as error:
        place, notes = _place(query, error)
        report.add("E0601", error.message, place, help=error.help, notes=notes)
        return None


def _too_large(query: str) -> str | None:
    """What a query has too much of, in words."""
    if len(query) > LONGEST:
        return f"{LONGEST:,} characters"
    depth = selects = 0
    for match in _SHAPE.finditer(query):
        depth += (match.lastgroup == "open") - (match.lastgroup == "close")
        selects += match.lastgroup == "select"
        if depth > DEEPEST:
            return f"{DEEPEST} open brackets"
        if selects > MOST_SELECTS:
            return f"{MOST_SELECTS} times `select`"
    return None


def _place(query: Query, error: QueryError) -> tuple[Span, list[str]]:
    """The word that DuckDB points at, or the first line of the query; and what a template gave there."""
    sql, offset = query.written, error.position
    source, text = sql.span.source, query.text
    if offset is None:
        skipped = len(sql.text) - len(sql.text.lstrip())
        start = sql.start + skipped
        return Span(source, start, start + len(sql.text.strip().split("\n", 1)[0]) or start + 1), []
    length = 0
    while offset + length < len(text) and (text[offset + length].isalnum() or text[offset + length] in "_."):
        length += 1
    if query.rendered is None:
        return Span(source, sql.start + offset, sql.start + offset + max(1, length)), []
    piece = query.rendered.piece(offset)
    if piece.verbatim:
        start = sql.start + piece.source + offset - piece.start
        return Span(source, start, start + max(1, length)), []
    given = " ".join(text[max(piece.start, offset - _AROUND) : offset + length + _AROUND].split())
    return Span(source, sql.start + piece.source, sql.start + piece.stop), [f"it gives `{given}` there"]
