"""Diagnostics of the compiler as the protocol has them, by file."""

from __future__ import annotations

from functools import lru_cache

from lsprotocol import types

from specc.diagnostics import Diagnostic, Label, Span
from specc.diagnostics.published import fields
from specc.lsp.buffers import Buffers
from specc.lsp.positions import Text
from specc.lsp.project import Snapshot, found_at


def range_of(snapshot: Snapshot, span: Span) -> types.Range:
    """A span in the units of the protocol."""
    return snapshot.text_of(span).range(*found_at(span))


def published(snapshot: Snapshot, buffers: Buffers) -> dict[str, list[types.Diagnostic]]:
    """The diagnostics of a snapshot by real path; those of its own file even if there are none."""
    found: dict[str, list[types.Diagnostic]] = {snapshot.path: []}
    for diagnostic in snapshot.compilation.report.ordered():
        label = diagnostic.primary
        path = snapshot.path_of(label.span) if label else snapshot.path
        found.setdefault(path, []).append(message(diagnostic, snapshot, buffers))
    return found


def message(diagnostic: Diagnostic, snapshot: Snapshot, buffers: Buffers) -> types.Diagnostic:
    """One diagnostic: its title, label, notes and help; other places as related information."""
    label = diagnostic.primary
    said = fields(diagnostic)
    related = [_related(each, snapshot, buffers) for each in diagnostic.secondary]
    return types.Diagnostic(
        range=range_of(snapshot, label.span) if label else _first_line(snapshot.text),
        severity=types.DiagnosticSeverity(said["severity"]),
        code=said["code"],
        source=said["source"],
        message=said["message"],
        related_information=related or None,
        data=said["data"] | {"code": diagnostic.code, "explanation": explained(diagnostic.code)},
    )


def _related(label: Label, snapshot: Snapshot, buffers: Buffers) -> types.DiagnosticRelatedInformation:
    place = types.Location(buffers.uri(snapshot.path_of(label.span)), range_of(snapshot, label.span))
    return types.DiagnosticRelatedInformation(place, label.text or "see here")


def _first_line(text: Text) -> types.Range:
    return text.range(0, len(text.line(0)))


@lru_cache(maxsize=256)
def explained(code: str) -> str:
    """What a code stands for, as `specc explain` says it; its title where there is no more to say."""
    from specc.diagnostics.codes import CODES
    from specc.diagnostics.explain import explanation

    try:
        return explanation(code).text
    except OSError:
        return CODES.get(code, "")
