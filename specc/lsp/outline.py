"""Symbols of a file, and what can be folded."""

from __future__ import annotations

from dataclasses import fields

from lsprotocol import types

from specc.language import ast
from specc.lsp.index import FileIndex, Symbol
from specc.lsp.positions import Text
from specc.lsp.project import found_at
from specc.lsp.scan import tokens

_KINDS = {
    "Use": types.SymbolKind.Module,
    "Declaration": types.SymbolKind.Constant,
    "Experiment": types.SymbolKind.Class,
    "Recipe": types.SymbolKind.Namespace,
    "Sweep": types.SymbolKind.Enum,
    "SweepTable": types.SymbolKind.Enum,
    "Seeds": types.SymbolKind.Number,
    "Allocate": types.SymbolKind.Array,
    "Row": types.SymbolKind.Array,
    "Stage": types.SymbolKind.Event,
    "Setting": types.SymbolKind.Property,
    "Eval": types.SymbolKind.Field,
    "Check": types.SymbolKind.Boolean,
    "Compare": types.SymbolKind.Function,
    "Expect": types.SymbolKind.Boolean,
    "ExpectSql": types.SymbolKind.Boolean,
    "Override": types.SymbolKind.Operator,
    "OverrideStage": types.SymbolKind.Event,
}
_DECLARED = {"model": types.SymbolKind.Class, "corpus": types.SymbolKind.Struct}


def symbols(tree: ast.File, text: Text) -> list[types.DocumentSymbol]:
    """The items of a file, with what is inside them."""
    return [found for item in tree.items if (found := _symbol(item, text)) is not None]


def _symbol(node: ast.Node, text: Text) -> types.DocumentSymbol | None:
    kind = _KINDS.get(type(node).__name__)
    if isinstance(node, ast.Declaration):
        kind = _DECLARED.get(node.keyword, kind)
    if kind is None and not (isinstance(node, ast.Broken) and node.name is not None):
        return None
    start, stop = found_at(node.span)
    word = node.span.text.split(None, 1)[0].rstrip("{") if node.span.text.strip() else ""
    name = _name(node)
    chosen = found_at(name.span) if name is not None else (start, start + len(word))
    inner = node.item if isinstance(node, ast.Override) else node
    children = [found for part in _parts(inner) if (found := _symbol(part, text)) is not None]
    return types.DocumentSymbol(
        name=name.text if name is not None else word or "item",
        detail=_detail(node, word),
        kind=kind or types.SymbolKind.Null,
        range=text.range(start, stop),
        selection_range=text.range(*chosen),
        children=children or None,
    )


def _name(node: ast.Node) -> ast.Identifier | None:
    """The name that an item gives or is about."""
    if isinstance(node, ast.Override):
        return _name(node.item)
    for field in ("name", "corpus", "names"):
        value = getattr(node, field, None)
        if isinstance(value, tuple):
            value = value[0] if value else None
        if isinstance(value, ast.Identifier):
            return value
    return None


def _detail(node: ast.Node, word: str) -> str:
    if isinstance(node, ast.Setting):
        return node.value.span.text.split("\n")[0][:60]
    if isinstance(node, ast.Stage):
        return f"from {node.parent.span.text}"
    if isinstance(node, ast.Broken):
        return node.keyword
    return word


def _parts(node: ast.Node) -> list[ast.Node]:
    """Items inside an item."""
    found: list[ast.Node] = []
    for field in fields(node):
        value = getattr(node, field.name)
        if isinstance(value, tuple) and field.name in ("members", "settings", "rows", "overrides"):
            found.extend(part for part in value if isinstance(part, ast.Node))
    return found


def workspace_symbols(files: dict[str, FileIndex], query: str) -> list[Symbol]:
    """Declared names whose letters hold those of a query, in order."""
    found: dict[tuple[str, int], Symbol] = {}
    for index in files.values():
        for occurrence in index.occurrences:
            symbol = occurrence.symbol
            declares = occurrence.role == "declaration" and symbol is not None
            if declares and symbol is not None and _matches(query.lower(), symbol.name.lower()):
                found.setdefault((symbol.path, symbol.start), symbol)
    return list(found.values())


def _matches(query: str, name: str) -> bool:
    letters = iter(name)
    return all(letter in letters for letter in query)


def folding(text: Text) -> list[types.FoldingRange]:
    """Brackets over several lines, SQL blocks, and comments of several lines."""
    ranges: list[types.FoldingRange] = []
    stack: list[int] = []
    comments: list[int] = []

    def fold(first: int, last: int, kind: types.FoldingRangeKind | None = None) -> None:
        if last > first:
            ranges.append(types.FoldingRange(first, last, kind=kind))

    def end_comments() -> None:
        if comments:
            fold(comments[0], comments[-1], types.FoldingRangeKind.Comment)
        comments.clear()

    for token in tokens(text.text):
        line = text.position(token.start).line
        if token.kind == "comment" and not text.line(line)[: token.start - text.starts[line]].strip():
            if comments and line != comments[-1] + 1:
                end_comments()
            comments.append(line)
        elif token.kind == "open":
            stack.append(line)
        elif token.kind == "close" and stack:
            fold(stack.pop(), line - 1)
        elif token.kind == "sql":
            fold(line, text.position(token.stop).line - 1)
    end_comments()
    return ranges
