"""Diagnostics as text for a terminal, in the manner of rustc, and as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from specc.diagnostics.diagnostic import Diagnostic, Label, Report, Severity
from specc.diagnostics.source import Source
from specc.words import display_width, printable

WIDEST = 160
"""Longest piece of a source line that is shown, in characters."""

_COLORS = {
    "error": "\x1b[1;31m",
    "warning": "\x1b[1;33m",
    "bold": "\x1b[1m",
    "dim": "\x1b[1;34m",
    "off": "\x1b[0m",
}


class _Paint:
    def __init__(self, color: bool) -> None:
        self.color = color

    def __call__(self, style: str, text: str) -> str:
        return f"{_COLORS[style]}{text}{_COLORS['off']}" if self.color and text else text


def render(report: Report, color: bool = False) -> str:
    """All diagnostics of a report, and a line that counts them."""
    blocks = [render_one(diagnostic, color) for diagnostic in report.ordered()]
    if report.errors or report.warnings:
        blocks.append(summary(report.errors, report.warnings) + "\n")
    return "\n".join(blocks)


def summary(errors: int, warnings: int) -> str:
    """Counts of errors and warnings, in words."""

    def count(number: int, word: str) -> str:
        return f"{number} {word}" + ("" if number == 1 else "s")

    return " and ".join(count(n, word) for n, word in ((errors, "error"), (warnings, "warning")) if n)


def render_one(diagnostic: Diagnostic, color: bool = False) -> str:
    """One diagnostic: title, the lines that matter with their labels, notes and help."""
    paint = _Paint(color)
    severity = diagnostic.severity.value
    head = paint(severity, f"{severity}[{diagnostic.code}]")
    out = [f"{head}{paint('bold', ': ' + printable(diagnostic.title))}"]
    margin = 1
    if diagnostic.primary is not None:
        labels = [(diagnostic.primary, True), *((label, False) for label in diagnostic.secondary)]
        numbers = [label.span.source.position(label.span.start)[0] for label, _ in labels]
        margin = len(str(max(numbers)))
        out.extend(_snippets(labels, margin, paint, severity))
        out.append(" " * margin + paint("dim", " |"))
    for kind, texts in (("note", diagnostic.notes), ("help", (diagnostic.help,) if diagnostic.help else ())):
        for text in texts:
            first, *rest = text.split("\n")
            out.append(" " * margin + paint("dim", " = ") + paint("bold", kind) + f": {printable(first)}")
            out.extend(" " * (margin + 3 + len(kind) + 2) + printable(line) for line in rest)
    return "\n".join(out) + "\n"


def _snippets(labels: list[tuple[Label, bool]], margin: int, paint: _Paint, severity: str) -> Iterable[str]:
    """The labelled lines, grouped by file, in order."""
    primary = labels[0][0].span
    files: list[Source] = []
    for label, _ in labels:
        if all(label.span.source is not source for source in files):
            files.append(label.span.source)
    for index, source in enumerate(files):
        here = [(label, is_primary) for label, is_primary in labels if label.span.source is source]
        anchor = primary if index == 0 else here[0][0].span
        arrow = "-->" if index == 0 else ":::"
        yield " " * margin + paint("dim", arrow) + f" {printable(str(anchor))}"
        yield " " * margin + paint("dim", " |")
        by_line: dict[int, list[tuple[Label, bool]]] = {}
        for label, is_primary in here:
            by_line.setdefault(source.position(label.span.start)[0], []).append((label, is_primary))
        previous = None
        for number in sorted(by_line):
            if previous is not None and number > previous + 1:
                yield paint("dim", "...")
            previous = number
            yield from _line(source, number, by_line[number], margin, paint, severity)


def _line(
    source: Source, number: int, labels: list[tuple[Label, bool]], margin: int, paint: _Paint, severity: str
) -> Iterable[str]:
    """A source line with its labels underneath: the last one beside its marks, the others below."""
    text = source.line(number)
    marks: list[tuple[int, int, str, bool]] = []
    for label, is_primary in labels:
        column = source.position(label.span.start)[1] - 1
        length = max(1, min(label.span.stop - label.span.start, len(text) - column))
        marks.append((column, length, label.text, is_primary))
    marks.sort()
    shift = 0
    if len(text) > WIDEST:
        focus = (
            next(column for column, _, _, is_primary in marks if is_primary)
            if any(m[3] for m in marks)
            else 0
        )
        shift = max(0, min(focus - WIDEST // 3, len(text) - WIDEST))
        text = text[shift : shift + WIDEST]
    shown = printable(text)
    yield paint("dim", f"{number:>{margin}} |") + f" {shown}".rstrip()

    placed = []
    for column, length, message, is_primary in marks:
        start = min(max(column - shift, 0), len(text))
        stop = min(max(start + 1, column - shift + length), max(len(text), start + 1))
        place, reach = display_width(shown[:start]), max(1, display_width(shown[start:stop]))
        placed.append((place, reach, printable(message), is_primary))

    def styled(is_primary: bool, piece: str) -> str:
        return paint(severity if is_primary else "dim", piece)

    gutter = " " * margin + paint("dim", " |") + " "
    row, at = "", 0
    for place, reach, _, is_primary in placed:
        if place < at:
            continue
        row += " " * (place - at) + styled(is_primary, ("^" if is_primary else "-") * reach)
        at = place + reach
    _, _, message, is_primary = placed[-1]
    yield gutter + row + (" " + styled(is_primary, message) if message else "")

    pending = [mark for mark in placed[:-1] if mark[2]]
    if pending:
        yield gutter + _bars(pending, styled)
    while pending:
        place, _, message, is_primary = pending.pop()
        bars = _bars(pending, styled)
        gap = place - (pending[-1][0] + 1 if pending else 0)
        yield gutter + bars + " " * gap + styled(is_primary, message)


def _bars(marks: list[tuple[int, int, str, bool]], styled: Any) -> str:
    row, at = "", 0
    for place, _, _, is_primary in marks:
        if place < at:
            continue
        row += " " * (place - at) + styled(is_primary, "|")
        at = place + 1
    return row


__all__ = ["Severity", "render", "render_one", "summary"]
