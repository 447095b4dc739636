"""Answers in the forms of documents: Markdown, LaTeX, HTML and Parquet."""

from __future__ import annotations

import html
import math
import os
import re
import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from specc.errors import DataError
from specc.results.answer import Answer
from specc.results.table import cell, is_number, numeric_columns
from specc.words import display_width

_MOST_DECIMALS = 8


def as_markdown(answer: Answer, most_rows: int | None = None) -> str:
    """A table of GitHub's Markdown, aligned in its source too; numbers stand to the right.

    Signs that Markdown would read are escaped, so that every text comes out as it is.

    Args:
        most_rows: rows shown, the others are counted below; None for all.
    """
    header, rows, right = _texts(answer, most_rows, _markdown)
    widths = [
        max(3, *map(display_width, [name, *(row[place] for row in rows)]))
        for place, name in enumerate(header)
    ]

    def line(cells: list[str]) -> str:
        padded = []
        for text, width, flush in zip(cells, widths, right, strict=True):
            space = " " * (width - display_width(text))
            padded.append(space + text if flush else text + space)
        return "| " + " | ".join(padded) + " |"

    rule = "|".join(
        f" {'-' * (width - 1)}: " if flush else f" {'-' * width} "
        for width, flush in zip(widths, right, strict=True)
    )
    lines = [line(header), f"|{rule}|", *map(line, rows)]
    left_out = _left_out(answer, most_rows)
    return "\n".join(lines) + "\n" + (f"\n{left_out}\n" if left_out else "")


def as_latex(answer: Answer) -> str:
    r"""A `tabular` of the package booktabs; numbers stand to the right, with the same decimals in a column.

    Signs that TeX would read are escaped; other letters are UTF-8.

    >>> print(as_latex(Answer(("a_b", "n"), ("VARCHAR", "DOUBLE"), [("50%", -0.25)])), end="")
    % \usepackage{booktabs}
    \begin{tabular}{lr}
    \toprule
    a\_b & n \\
    \midrule
    50\% & $-0.25$ \\
    \bottomrule
    \end{tabular}
    """
    header, rows, right = _texts(answer, None, _latex)
    lines = [
        r"% \usepackage{booktabs}",
        rf"\begin{{tabular}}{{{''.join('r' if flush else 'l' for flush in right)}}}",
        r"\toprule",
        _latex_row(header),
        r"\midrule",
        *map(_latex_row, rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def as_html(answer: Answer, most_rows: int | None = None) -> str:
    """A `<table>` without scripts or styles of its own; every text is escaped."""
    header, rows, right = _texts(answer, most_rows, html.escape)
    sides = ["right" if flush else "left" for flush in right]

    def line(cells: list[str], tag: str) -> str:
        marked = (
            f'<{tag} style="text-align: {side}">{text}</{tag}>'
            for text, side in zip(cells, sides, strict=True)
        )
        return f"<tr>{''.join(marked)}</tr>"

    body = "\n".join(line(row, "td") for row in rows)
    left_out = _left_out(answer, most_rows)
    note = f"\n<caption>{html.escape(left_out)}</caption>" if left_out else ""
    head = line(header, "th")
    return f'<table class="specc">{note}\n<thead>{head}</thead>\n<tbody>\n{body}\n</tbody>\n</table>'


def write_parquet(answer: Answer, path: Path) -> None:
    """Write an answer as Parquet with zstd, all at once: a reader sees the old file or the new one.

    Types are DuckDB's; of columns with the same name the later ones get a number.

    Raises:
        DataError: if it can't be written.
    """
    from specc.results.schema import literal

    def write(aside: Path) -> None:
        with answer.as_duckdb() as connection:
            connection.execute(f"COPY answer TO {literal(str(aside))} (FORMAT parquet, COMPRESSION zstd)")

    replace_file(path, write)


def replace_file(path: Path, write: Callable[[Path], object]) -> None:
    """Replace a file that a user named by what `write` makes at another name; its mode stays.

    Raises:
        DataError: if it can't be written; what was there stays.
    """
    import duckdb

    real = Path(os.path.realpath(path))
    aside = real.with_name(f".{real.name}.{os.getpid()}.tmp")
    try:
        if path.is_dir():
            raise IsADirectoryError(0, "it is a folder")
        if path.absolute().is_relative_to("/dev") or (path.exists() and not path.is_file()):
            write(path)  # a device or a pipe, which is not to be replaced
            return
        write(aside)
        if real.exists():
            shutil.copymode(real, aside)
        os.replace(aside, real)
    except (OSError, duckdb.IOException) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error).split(":", 1)[-1].strip()
        raise DataError(
            f"can't write `{path}`: {(reason or 'it failed').lower()}",
            "name a file in a folder that is there",
        ) from error
    finally:
        aside.unlink(missing_ok=True)


def _texts(
    answer: Answer, most_rows: int | None, escape: Callable[[str], str]
) -> tuple[list[str], list[list[str]], list[bool]]:
    """Header and cells as texts, and which columns stand to the right."""
    rows = answer.rows if most_rows is None else answer.rows[:most_rows]
    right = numeric_columns(answer, rows)
    columns = [
        _numbers([row[place] for row in rows], escape)
        if right[place]
        else [escape(cell(row[place])) for row in rows]
        for place in range(len(answer.columns))
    ]
    header = [escape(cell(name)) for name in answer.columns]
    return header, [list(row) for row in zip(*columns, strict=True)], right


def _numbers(values: list[Any], escape: Callable[[str], str]) -> list[str]:
    """A column of numbers, with as many decimals in all of them as one of them needs for five digits."""
    texts = [cell(value) for value in values]
    broken = [value for value in values if isinstance(value, float | Decimal) and math.isfinite(value)]
    shown = [text for text, value in zip(texts, values, strict=True) if value is not None]
    decimals = max((len(text.partition(".")[2]) for text in shown if "e" not in text), default=0)
    if broken and 0 < decimals <= _MOST_DECIMALS and not any("e" in text for text in shown):
        texts = [
            f"{value:.{decimals}f}" if isinstance(value, float | Decimal) and math.isfinite(value) else text
            for text, value in zip(texts, values, strict=True)
        ]
    return [
        _number(text) if escape is _latex and is_number(value) else escape(text)
        for text, value in zip(texts, values, strict=True)
    ]


def _left_out(answer: Answer, most_rows: int | None) -> str:
    if most_rows is None or len(answer.rows) <= most_rows:
        return ""
    return f"{most_rows:,} of {len(answer.rows):,} rows shown"


_MARKDOWN = re.compile(r"([\\`*\[\]|~])|(?<!\w)_|_(?!\w)")


def _markdown(text: str) -> str:
    r"""A text as Markdown shows it.

    >>> print(_markdown("a|b *c* skill_loss _x_ <i>"))
    a\|b \*c\* skill_loss \_x\_ &lt;i&gt;
    """
    plain = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKDOWN.sub(lambda found: "\\" + found[0], plain)


_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}


def _latex(text: str) -> str:
    return "".join(_LATEX.get(sign, sign) for sign in text)


def _number(text: str) -> str:
    r"""A number as TeX sets it: with a minus, and powers of ten written out.

    >>> _number("-1.5"), _number("1e-07"), _number("inf"), _number("nan"), _number("3")
    ('$-1.5$', '$1\\times 10^{-7}$', '$\\infty$', 'nan', '3')
    """
    if "inf" in text:
        return text.replace("inf", r"$\infty$") if text == "inf" else r"$-\infty$"
    digits, exponent, power = text.partition("e")
    if exponent:
        return rf"${digits}\times 10^{{{int(power)}}}$"
    return f"${text}$" if text.startswith("-") else text


def _latex_row(cells: list[str]) -> str:
    row = " & ".join(cells)
    # Such a sign at the start of a row would be taken for an option of the line break before it.
    return (f"{{{row[0]}}}{row[1:]}" if row.startswith(("[", "*")) else row) + r" \\"
