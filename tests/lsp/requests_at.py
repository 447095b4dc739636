"""All requests that an editor may make at a place of a document."""

from __future__ import annotations

from typing import Any

from editor import Editor

METHODS: dict[str, dict[str, Any] | None] = {
    "textDocument/hover": {},
    "textDocument/definition": {},
    "textDocument/references": {"context": {"includeDeclaration": True}},
    "textDocument/documentHighlight": {},
    "textDocument/completion": {},
    "textDocument/signatureHelp": {},
    "textDocument/prepareRename": {},
    "textDocument/rename": {"newName": "other"},
    "textDocument/documentSymbol": None,
    "textDocument/foldingRange": None,
    "textDocument/semanticTokens/full": None,
    "textDocument/formatting": {"options": {"tabSize": 2, "insertSpaces": True}},
    "textDocument/inlayHint": {},
    "textDocument/codeAction": {"context": {"diagnostics": []}},
}
"""Requests, and what they need beyond a position; None if they ask for the whole document."""


def ask_all(editor: Editor, name: str, line: int, character: int) -> None:
    """Every request at a place, at once; the answers are awaited, whatever they are."""
    whole = {"start": {"line": 0, "character": 0}, "end": {"line": line + 1, "character": 0}}
    begun = [
        editor.begin(method, editor.at(name, line, character) | {"range": whole} | (more or {}))
        for method, more in METHODS.items()
    ]
    for number in begun:
        editor.end(number)
