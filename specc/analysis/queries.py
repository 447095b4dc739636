"""SQL of a recipe, bound by DuckDB against the empty tables when the recipe is checked."""

from __future__ import annotations

from collections.abc import Sequence

from specc.diagnostics import Report, Span
from specc.errors import QueryError
from specc.language import ast
from specc.study import Axis


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
    from specc.results.bind import kept_binder

    binder = kept_binder(experiment, axes)
    for sql in (*compares, *expects):
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
