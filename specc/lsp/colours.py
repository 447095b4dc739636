"""Semantic tokens: what each word of a file is, once the file is understood."""

from __future__ import annotations

from lsprotocol import types

from specc.language.keywords import keywords
from specc.lsp.index import FileIndex, Occurrence
from specc.lsp.positions import Text
from specc.lsp.scan import Token, tokens

TYPES = (
    *("keyword", "comment", "string", "number", "operator", "namespace", "class", "struct", "event"),
    *("enumMember", "variable", "property", "parameter", "function", "type"),
)
MODIFIERS = ("declaration", "readonly", "defaultLibrary")

LEGEND = types.SemanticTokensLegend(list(TYPES), list(MODIFIERS))

_SYMBOLS = {
    "stage": "event",
    "corpus": "struct",
    "model": "class",
    "axis": "enumMember",
    "parameter": "parameter",
    "experiment": "namespace",
    "recipe": "namespace",
}
_ROLES = {
    "setting": "property",
    "argument": "parameter",
    "function": "function",
    "member": "property",
    "unit": "type",
    "number": "number",
    "word": "keyword",
}
_VALUES = ("rest", "fill", "true", "false")


def semantic_tokens(
    text: Text, index: FileIndex | None, first: int = 0, last: int | None = None
) -> types.SemanticTokens:
    """The words of a text, or of some of its lines.

    Encoded as in LSP 3.17, Semantic Tokens: five numbers each, places relative to the one before.
    """
    data: list[int] = []
    line_before = start_before = 0
    known = {found.start: found for found in index.occurrences} if index else {}
    queries = [found for found in index.occurrences if found.role == "sql"] if index else []
    for token, kind, modifier in _coloured(text, known, queries):
        for start, stop in _lines(text, token):
            where, end = text.position(start), text.position(stop)
            if where.line < first or (last is not None and where.line > last):
                continue
            delta = where.character - (start_before if where.line == line_before else 0)
            length = end.character - where.character
            data += [where.line - line_before, delta, length, TYPES.index(kind), modifier]
            line_before, start_before = where.line, where.character
    return types.SemanticTokens(data)


def _coloured(
    text: Text, known: dict[int, Occurrence], queries: list[Occurrence]
) -> list[tuple[Token, str, int]]:
    words = keywords().all
    found: list[tuple[Token, str, int]] = []
    for token in tokens(text.text):
        if token.kind in ("comment", "string", "number"):
            found.append((token, token.kind, 0))
        elif token.kind == "sql":
            # SQL is left to the editor's own grammar; names of the recipe in it are told.
            for each in queries:
                if token.start <= each.start < token.stop:
                    found.append((Token("word", each.start, each.stop, each.text), *_word(each)))
        elif token.kind == "word":
            occurrence = known.get(token.start)
            if occurrence is not None:
                found.append((token, *_word(occurrence)))
            elif token.text in words:
                found.append((token, "keyword", 0))
        elif token.kind == "sign" and token.text not in ",.:":
            found.append((token, "operator", 0))
    return found


def _word(found: Occurrence) -> tuple[str, int]:
    declaration = 1 if found.role == "declaration" else 0
    if found.symbol is not None:
        kind = _SYMBOLS.get(found.symbol.kind, "variable")
        return kind, declaration | (2 if kind == "variable" else 0)
    if found.text in _VALUES and found.role == "reference":
        return "keyword", 0
    kind = _ROLES.get(found.role, "variable")
    return kind, 4 if kind == "function" else 0


def _lines(text: Text, token: Token) -> list[tuple[int, int]]:
    """A token's parts, one a line; the protocol knows no token over several lines."""
    if "\n" not in token.text:
        return [(token.start, token.stop)]
    parts, start = [], token.start
    for line in token.text.split("\n"):
        if line:
            parts.append((start, start + len(line)))
        start += len(line) + 1
    return parts
