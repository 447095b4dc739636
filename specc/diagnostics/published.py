"""Diagnostics in the shapes of the Language Server Protocol, for editors and other tools.

`specc check --json` prints what `as_json` gives; the language server sends the same fields.

>>> from specc.diagnostics.diagnostic import Report
>>> from specc.diagnostics.source import Source, Span
>>> report, source = Report(), Source("/a.spec", "1 tokens + 2 steps")
>>> report.add("E0302", "steps can't be added to tokens", Span(source, 0, 18))
>>> (file,) = as_json(report)["files"]
>>> file["uri"], file["diagnostics"][0]["range"]["end"]
('file:///a.spec', {'line': 0, 'character': 18})
"""

from __future__ import annotations

import os
import re
from bisect import bisect_right
from pathlib import Path
from typing import Any

from specc.diagnostics.diagnostic import Diagnostic, Label, Report, Severity
from specc.diagnostics.source import Source, Span

SOURCE = "specc"
"""Who says it, beside what other tools say of the same file."""

_SEVERITY = {Severity.ERROR: 1, Severity.WARNING: 2}
_LINE_END = re.compile(r"\r\n|\n|\r")


def as_json(report: Report, main: str = "") -> dict[str, Any]:
    """What was found, by file.

    `files` has an object for each file with a diagnostic, and for `main`: its name as given (`file`), its
    `uri`, and `diagnostics` as in `textDocument/publishDiagnostics` of LSP 3.17. Ranges count lines and
    UTF-16 units from 0. Of each diagnostic, `severity` is 1 for an error and 2 for a warning, `message`
    is all of its text, `relatedInformation` has the other places, and `data` has the parts: `title`,
    `label`, `notes`, `help`, and `fix`, the edits (`uri`, `range`, `newText`) that remove the mistake,
    if the help is a plain replacement. What has no place stands at the beginning of `main`.
    `errors` and `warnings` are their numbers.

    Args:
        main: name of the recipe that was checked.
    """
    files: dict[str, list[dict[str, Any]]] = {main: []} if main else {}
    for diagnostic in report.ordered():
        name = diagnostic.primary.span.source.name if diagnostic.primary else main
        files.setdefault(name, []).append(_diagnostic(diagnostic))
    return {
        "files": [{"file": name, "uri": uri_of(name), "diagnostics": found} for name, found in files.items()],
        "errors": report.errors,
        "warnings": report.warnings,
    }


def fields(diagnostic: Diagnostic) -> dict[str, Any]:
    """What a diagnostic of LSP has beside its places: severity, code, source, message and data."""
    label = diagnostic.primary.text if diagnostic.primary else ""
    lines = [f"{diagnostic.title} ({label})" if label else diagnostic.title]
    lines += [f"note: {note}" for note in diagnostic.notes]
    lines += [f"help: {diagnostic.help}"] if diagnostic.help else []
    return {
        "severity": _SEVERITY[diagnostic.severity],
        "code": diagnostic.code,
        "source": SOURCE,
        "message": "\n".join(lines),
        "data": {
            "title": diagnostic.title,
            "label": label,
            "notes": list(diagnostic.notes),
            "help": diagnostic.help,
        },
    }


def uri_of(name: str) -> str:
    """The URI of a file on this machine."""
    return Path(os.path.realpath(name)).as_uri() if name else ""


def _diagnostic(diagnostic: Diagnostic) -> dict[str, Any]:
    found = fields(diagnostic)
    start = {"line": 0, "character": 0}
    found["range"] = _range(diagnostic.primary.span) if diagnostic.primary else {"start": start, "end": start}
    if diagnostic.secondary:
        found["relatedInformation"] = [_related(label) for label in diagnostic.secondary]
    found["data"]["fix"] = [
        {"uri": uri_of(edit.span.source.name), "range": _range(edit.span), "newText": edit.text}
        for edit in diagnostic.fix
    ]
    return found


def _related(label: Label) -> dict[str, Any]:
    place = {"uri": uri_of(label.span.source.name), "range": _range(label.span)}
    return {"location": place, "message": label.text or "see here"}


def _range(span: Span) -> dict[str, dict[str, int]]:
    starts = _starts(span.source)
    return {
        "start": _position(span.source.text, starts, span.start),
        "end": _position(span.source.text, starts, span.stop),
    }


def _starts(source: Source) -> tuple[int, ...]:
    """Where lines begin; in LSP a carriage return alone ends one too."""
    if "\r" not in source.text:
        return source.starts
    return (0, *(match.end() for match in _LINE_END.finditer(source.text)))


def _position(text: str, starts: tuple[int, ...], offset: int) -> dict[str, int]:
    line = bisect_right(starts, offset) - 1
    before = text[starts[line] : offset]
    units = len(before) + sum(character > "\uffff" for character in before)
    return {"line": line, "character": units}
