"""Quick fixes: what the help of a diagnostic asks for, offered only if it removes the mistake."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from lsprotocol import types

from specc.diagnostics import Diagnostic, Edit, Report
from specc.lsp.buffers import Buffers
from specc.lsp.messages import message, range_of
from specc.lsp.project import Project, Snapshot, found_at

MOST_TRIED = 8
"""Fixes that are tried for one request; each costs a compilation."""


def code_actions(
    project: Project, snapshot: Snapshot, where: types.Range, buffers: Buffers
) -> list[types.CodeAction]:
    """Fixes for the diagnostics that touch a range of a snapshot's own file."""
    actions = []
    touched = list(_touched(snapshot, where))
    for diagnostic in touched[:MOST_TRIED]:
        if removes(project, snapshot, diagnostic):
            actions.append(_action(diagnostic, snapshot, buffers))
    if len(actions) == 1:
        actions[0].is_preferred = True
    return actions


def _touched(snapshot: Snapshot, where: types.Range) -> Iterator[Diagnostic]:
    for diagnostic in snapshot.compilation.report.ordered():
        label = diagnostic.primary
        if not diagnostic.fix or label is None or snapshot.path_of(label.span) != snapshot.path:
            continue
        place = range_of(snapshot, label.span)
        if place.start <= where.end and where.start <= place.end:
            yield diagnostic


def removes(project: Project, snapshot: Snapshot, diagnostic: Diagnostic) -> bool:
    """Whether a fix takes its diagnostic away and brings no syntax error."""
    texts: dict[str, str] = {}
    for path in {snapshot.path_of(edit.span) for edit in diagnostic.fix}:
        edits = [edit for edit in diagnostic.fix if snapshot.path_of(edit.span) == path]
        texts[path] = applied(snapshot.texts[path].text, edits)
    before = _told(snapshot.compilation.report)
    after = _told(project.tried(snapshot.path, texts))
    key = (diagnostic.code, diagnostic.title)
    broken = any(code.startswith("E01") for code, _ in after - before)
    return after[key] < before[key] and not broken


def applied(text: str, edits: list[Edit]) -> str:
    """A text with edits made."""
    for edit in sorted(edits, key=lambda edit: -found_at(edit.span)[0]):
        start, stop = found_at(edit.span)
        text = text[:start] + edit.text + text[stop:]
    return text


def _told(report: Report) -> Counter[tuple[str, str]]:
    return Counter((found.code, found.title) for found in report.diagnostics)


def _action(diagnostic: Diagnostic, snapshot: Snapshot, buffers: Buffers) -> types.CodeAction:
    changes: dict[str, list[types.TextEdit]] = {}
    for edit in diagnostic.fix:
        uri = buffers.uri(snapshot.path_of(edit.span))
        changes.setdefault(uri, []).append(types.TextEdit(range_of(snapshot, edit.span), edit.text))
    return types.CodeAction(
        title=_title(diagnostic),
        kind=types.CodeActionKind.QuickFix,
        diagnostics=[message(diagnostic, snapshot, buffers)],
        edit=types.WorkspaceEdit(changes=changes),
    )


def _title(diagnostic: Diagnostic) -> str:
    (first, *_) = diagnostic.fix
    old = first.span.text
    return f"Replace `{old}` with `{first.text}`" if len(old) <= 40 else f"Write `{first.text}`"
