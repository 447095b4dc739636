"""Answers in the form that was asked for."""

from __future__ import annotations

from specc.results.answer import Answer
from specc.results.formats import as_latex, as_markdown
from specc.results.query import as_csv, as_json
from specc.results.table import as_table

FORMS = ("table", "csv", "json", "md", "latex")

SUFFIXES = {".csv": "csv", ".json": "json", ".md": "md", ".tex": "latex", ".parquet": "parquet"}
"""Forms that the names of files stand for."""


def written(answer: Answer, form: str, width: int | None = None, most_rows: int | None = None) -> str:
    """An answer as text, with the end of its last line.

    Args:
        form: one of `FORMS`. width, most_rows: of a table, which alone may be cut.
    """
    match form:
        case "csv":
            return as_csv(answer)
        case "json":
            return as_json(answer) + "\n"
        case "md":
            return as_markdown(answer)
        case "latex":
            return as_latex(answer)
        case _:
            return as_table(answer, width, most_rows)
