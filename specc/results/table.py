"""Answers as tables for people: aligned, within the width of the terminal, nothing hidden silently."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from specc.results.answer import Answer
from specc.words import display_width, printable

_GAP = 2
_NARROWEST = 8
"""Characters that a column of text keeps when the table is too wide."""


def as_table(answer: Answer, width: int | None = None, most_rows: int | None = None) -> str:
    """An aligned table; numbers to the right with five significant digits, nulls empty.

    Whole numbers keep all their digits. Text is free of control characters. Where the table is wider
    than `width` columns, texts are cut first, with an ellipsis, and then columns are left out on the
    right; columns and rows that are left out are counted below the table.

    Args:
        width: columns of the terminal; None for no limit. most_rows: rows shown; None for all.
    """
    rows = answer.rows if most_rows is None else answer.rows[:most_rows]
    header = [_printable(name) for name in answer.columns]
    cells = [[cell(value) for value in row] for row in rows]
    right = numeric_columns(answer, rows)
    widths = [
        max(map(display_width, [name, *(row[number] for row in cells)])) for number, name in enumerate(header)
    ]
    shown = len(header)
    if width is not None:
        widths, shown = _fit(widths, right, width)
    lines = [_line(header, widths, right, shown), "  ".join("─" * size for size in widths[:shown])]
    lines += [_line(row, widths, right, shown) for row in cells]
    notes = []
    if len(rows) < len(answer.rows):
        notes.append(f"{len(rows)} of {len(answer.rows)} rows shown")
    if shown < len(header):
        notes.append(f"{len(header) - shown} columns left out: {', '.join(header[shown:])}")
    if not answer.rows:
        notes.append("no rows")
    return "\n".join([*lines, *(f"({note})" for note in notes)]) + "\n"


def numeric_columns(answer: Answer, rows: Sequence[tuple[Any, ...]]) -> list[bool]:
    """Which columns have numbers, and nothing else but nulls, in these rows."""
    return [
        any(is_number(row[number]) for row in rows)
        and all(row[number] is None or is_number(row[number]) for row in rows)
        for number in range(len(answer.columns))
    ]


def is_number(value: Any) -> bool:
    """Whether a value is set to the right."""
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def cell(value: Any) -> str:
    """A value in a table.

    >>> [cell(value) for value in (0.123456789, 1234567.0, 1e-7, 12345678, True, None)]
    ['0.12346', '1234567', '1e-07', '12345678', 'true', '']
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float | Decimal):
        return _float(float(value))
    if isinstance(value, dict | list):
        return _printable(json.dumps(value, ensure_ascii=False, default=str))
    return _printable(str(value))


def _float(value: float) -> str:
    """Five significant digits, and never fewer than the whole part has."""
    if math.isfinite(value) and 1e5 <= abs(value) < 1e15:
        return f"{value:.0f}"
    return f"{value:.5g}"


def _printable(text: str) -> str:
    """A text on one line; ends of lines are shown."""
    return printable(text.replace("\n", "⏎"))


def _fit(widths: list[int], right: list[bool], width: int) -> tuple[list[int], int]:
    """Widths of columns that fit, and how many columns are shown; at least one is."""
    widths = [size if flush else min(size, width) for size, flush in zip(widths, right, strict=True)]
    excess = sum(widths) + _GAP * (len(widths) - 1) - width
    while excess > 0:
        widest = max((n for n, flush in enumerate(right) if not flush), key=lambda n: widths[n], default=None)
        if widest is None or widths[widest] <= _NARROWEST:
            break
        widths[widest] -= 1
        excess -= 1
    shown, taken = 0, 0
    for size in widths:
        taken += size + (_GAP if shown else 0)
        if taken > width and shown:
            break
        shown += 1
    return widths, shown


def _line(cells: list[str], widths: list[int], right: list[bool], shown: int) -> str:
    parts = []
    for cell, width, flush in list(zip(cells, widths, right, strict=True))[:shown]:
        cut = _cut(cell, width)
        space = " " * (width - display_width(cut))
        parts.append(space + cut if flush else cut + space)
    return (" " * _GAP).join(parts).rstrip()


def _cut(text: str, width: int) -> str:
    if display_width(text) <= width:
        return text
    taken = ""
    for each in text:
        if display_width(taken + each) > width - 1:
            break
        taken += each
    return taken + "…"
