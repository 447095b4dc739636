"""SQL of a recipe, bound by DuckDB against the empty tables when the recipe is checked."""

from __future__ import annotations

import re
from collections.abc import Sequence

from specc.diagnostics import Report, Span
from specc.errors import QueryError
from specc.language import ast
from specc.study import Axis

LONGEST = 50_000
"""Characters of a query. It and the two below keep DuckDB's time for a query to about a second."""

DEEPEST = 100
"""Brackets of a query that may be open at once."""

MOST_SELECTS = 200
"""Times that a query may say `select`."""

_SHAPE = re.compile(
    r"'[^']*'|\"[^\"]*\"|--[^\n]*|(?P<open>[(\[{])|(?P<close>[)\]}])|(?P<select>\bselect\b)", re.I
)


def check_queries(
    experiment: str,
    axes: Sequence[Axis],
    compares: Sequence[ast.Sql],
    expects: Sequence[ast.Sql],
    report: Report,
) -> None:
    """Bind every query of an experiment; what DuckDB refuses is reported where it stands."""
    if not compares and not expects:
        return
    from specc.results.bind import KeptBinder

    binder = KeptBinder(experiment, axes)
    for sql in (*compares, *expects):
        large = _too_large(sql.text)
        if large is not None:
            start = sql.start + len(sql.text) - len(sql.text.lstrip())
            report.add(
                "E0601",
                f"this query is too large: it has more than {large}",
                Span(sql.span.source, start, min(sql.span.stop, start + 1)),
                help="make it in parts, as several comparisons",
            )
            continue
        try:
            columns = binder.bind(sql.text)
        except QueryError as error:
            report.add("E0601", error.message, _place(sql, error), help=error.help)
            continue
        if sql in expects and [kind for _, kind in columns] != ["BOOLEAN"]:
            found = ", ".join(f"{name} {kind}" for name, kind in columns)
            report.add(
                "E0602",
                "the query of an expectation gives one column, true or false",
                Span(sql.span.source, sql.start, sql.start + len(sql.text.rstrip())),
                notes=[f"this gives {found}"],
                help="write a comparison, for instance `select max(value) < 2 from results`",
            )


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


def _place(sql: ast.Sql, error: QueryError) -> Span:
    """The word that DuckDB points at, or the first line of the query."""
    source, offset = sql.span.source, error.position
    if offset is None:
        skipped = len(sql.text) - len(sql.text.lstrip())
        start = sql.start + skipped
        return Span(source, start, start + len(sql.text.strip().split("\n", 1)[0]) or start + 1)
    length = 0
    while offset + length < len(sql.text) and (
        sql.text[offset + length].isalnum() or sql.text[offset + length] in "_."
    ):
        length += 1
    return Span(source, sql.start + offset, sql.start + offset + max(1, length))
