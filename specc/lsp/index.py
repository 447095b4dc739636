"""Which name means what, and where it is used, in the files of a snapshot.

Names are found by walking the tree generically: an identifier that nothing else is said of here is
a use of what is declared in the scope around it. So new forms of the language bring no change, as
long as they declare and use names as others do.
"""

from __future__ import annotations

import os
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from functools import cached_property

from specc.analysis.load import LoadedFile
from specc.diagnostics import Span
from specc.language import ast
from specc.lsp.project import Snapshot, found_at

_DECLARES = {
    ("Stage", "name"): "stage",
    ("Eval", "name"): "eval",
    ("Compare", "name"): "compare",
    ("Expect", "name"): "expect",
    ("ExpectSql", "name"): "expect",
    ("Recipe", "name"): "recipe",
    ("Experiment", "name"): "experiment",
    ("Sweep", "names"): "axis",
    ("SweepTable", "name"): "axis",
    ("Parameter", "name"): "parameter",
}
_OTHERWISE = {
    ("Setting", "name"): "setting",
    ("Argument", "name"): "argument",
    ("Quantity", "number"): "number",
    ("Quantity", "unit"): "unit",
    ("Call", "function"): "function",
    ("Attribute", "member"): "member",
    ("Cell", "of"): "word",
    ("Measure", "reducer"): "function",
}
_SQL_WORD = re.compile(
    r"--[^\n]*|/\*.*?\*/|'((?:[^']|'')*)'|\"([^\"]*)\"|([A-Za-z_]\w*)", re.ASCII | re.DOTALL
)
_IN_STRINGS = ("eval", "stage", "corpus", "recipe", "expect")
"""Kinds of names that are values in the tables of results; axes are columns."""


@dataclass(frozen=True, slots=True, eq=False)
class Symbol:
    """Something that has a name.

    Attributes:
        kind: the word that declares it; "axis" for `sweep`, "parameter" of a template.
        path, start, stop: where it is declared.
        experiment: the experiment that it belongs to; "" for the file.
        node: the declaration.
    """

    kind: str
    name: str
    path: str
    start: int
    stop: int
    span: Span
    experiment: str
    node: ast.Node


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A word of a file: what it is there, and what it means.

    `role` is "declaration", "reference", "override", "sql", or what else a word may be: "setting",
    "argument", "function", "member", "unit", "number", "word". `owner` is the node around it.
    """

    start: int
    stop: int
    text: str
    role: str
    symbol: Symbol | None
    owner: ast.Node
    context: tuple[ast.Node, ...]


@dataclass(slots=True)
class Names:
    """Names of a file, of an experiment, or of a template."""

    outer: Names | None = None
    symbols: dict[str, Symbol] = field(default_factory=dict)
    experiment: str = ""

    def find(self, name: str) -> Symbol | None:
        names: Names | None = self
        while names is not None:
            if name in names.symbols:
                return names.symbols[name]
            names = names.outer
        return None

    def all(self) -> dict[str, Symbol]:
        return {**(self.outer.all() if self.outer else {}), **self.symbols}


class FileIndex:
    """Names and words of one file."""

    def __init__(self, path: str, file: LoadedFile, used: dict[str, FileIndex]) -> None:
        self.path = path
        self.tree = file.tree
        self.names = Names()
        self.experiments: dict[str, Names] = {}
        self.occurrences: list[Occurrence] = []
        self._used = used
        for item in file.tree.items:
            self._declare(item, self.names)
        for item in file.tree.items:
            self._visit(item, "items", file.tree, self.names, ())
        self.occurrences.sort(key=lambda found: found.start)

    @cached_property
    def starts(self) -> list[int]:
        return [found.start for found in self.occurrences]

    def at(self, offset: int) -> Occurrence | None:
        """The word at an offset, or that ends there."""
        place = bisect_right(self.starts, offset)
        for found in reversed(self.occurrences[max(0, place - 2) : place]):
            if found.start <= offset <= found.stop:
                return found
        return None

    def of(self, symbol: Symbol) -> list[Occurrence]:
        return [found for found in self.occurrences if found.symbol is symbol]

    # ---- what is declared

    def _symbol(self, kind: str, name: ast.Identifier, names: Names, node: ast.Node) -> Symbol:
        start, stop = found_at(name.span)
        return Symbol(kind, name.text, self.path, start, stop, name.span, names.experiment, node)

    def _declare(self, item: ast.Node, names: Names) -> None:
        """Add what an item declares; the first of a name counts."""
        if isinstance(item, ast.Use):
            other = self._used.get(item.path.value)
            for used in item.names:
                target = other.names.find(used.name.text) if other else None
                if used.alias is None and target is not None:
                    names.symbols.setdefault(used.name.text, target)
                else:
                    name = used.alias or used.name
                    kind = target.kind if target else "let"
                    node = target.node if target else used
                    names.symbols.setdefault(name.text, self._symbol(kind, name, names, node))
            return
        for kind, name in _declared(item):
            names.symbols.setdefault(name.text, self._symbol(kind, name, names, item))

    def _inside(self, node: ast.Experiment, names: Names) -> Names:
        """Names of an experiment: its own, those of what it extends, those of the file."""
        outer = names
        if node.extends is not None:
            outer = self._extended(node.extends.name.text, names)
        inner = Names(outer, experiment=node.name.text)
        for member in (*node.parameters, *node.members):
            self._declare(member, inner)
        self.experiments.setdefault(node.name.text, inner)
        return inner

    def _extended(self, name: str, names: Names) -> Names:
        known = self.experiments.get(name)
        if known is not None:
            return known
        symbol = names.find(name)
        for other in self._used.values():
            if symbol is not None and symbol.path == other.path and name in other.experiments:
                return Names(names, other.experiments[name].symbols)
        later = next(
            (i for i in self.tree.items if isinstance(i, ast.Experiment) and i.name.text == name), None
        )
        if later is None or later.extends is not None:
            return names
        return self._inside(later, names)

    # ---- what is used

    def _visit(
        self, node: object, name: str, owner: ast.Node, names: Names, context: tuple[ast.Node, ...]
    ) -> None:
        if isinstance(node, tuple):
            for part in node:
                self._visit(part, name, owner, names, context)
        elif isinstance(node, ast.Identifier):
            self._word(node, name, owner, names, context)
        elif isinstance(node, ast.Name):
            self._add(node.span, node.text, "reference", names.find(node.text), owner, context)
        elif isinstance(node, ast.Sql):
            self._sql(node, names, owner, context)
        elif isinstance(node, ast.Node):
            inner = names
            if isinstance(node, ast.Experiment):
                inner = self._inside(node, names)
            elif isinstance(node, ast.Declaration | ast.Recipe) and node.parameters:
                inner = Names(names, experiment=names.experiment)
                for parameter in node.parameters:
                    self._declare(parameter, inner)
            context = (*context, node)
            for part in fields(node):
                if part.name != "span":
                    declared = part.name in ("name", "names") and inner is not names
                    scope = names if declared and isinstance(node, ast.Experiment) else inner
                    self._visit(getattr(node, part.name), part.name, node, scope, context)

    def _word(
        self,
        node: ast.Identifier,
        name: str,
        owner: ast.Node,
        names: Names,
        context: tuple[ast.Node, ...],
    ) -> None:
        key = (type(owner).__name__, name)
        replaces = len(context) > 1 and isinstance(context[-2], ast.Override)
        if isinstance(owner, ast.UseName):
            target = next((u for u in self._used_by(context)), None)
            symbol = target.names.find(owner.name.text) if target and name == "name" else None
            symbol = symbol or names.find(node.text)
            self._add(
                node.span, node.text, "reference" if name == "name" else "declaration", symbol, owner, context
            )
        elif (
            key in _DECLARES
            or isinstance(owner, ast.Declaration | ast.Broken)
            or (key == ("OverrideStage", "name"))
        ):
            replaces |= isinstance(owner, ast.OverrideStage)
            role = "override" if replaces else "declaration"
            self._add(node.span, node.text, role, names.find(node.text), owner, context)
        elif key in _OTHERWISE:
            role, symbol = _OTHERWISE[key], None
            if role == "function":
                symbol = names.find(node.text)
            elif role == "argument":
                symbol = self._parameter(node.text, names, context)
            self._add(node.span, node.text, "reference" if symbol else role, symbol, owner, context)
        else:
            self._add(node.span, node.text, "reference", names.find(node.text), owner, context)

    def _used_by(self, context: tuple[ast.Node, ...]) -> Iterator[FileIndex]:
        for node in context:
            if isinstance(node, ast.Use) and node.path.value in self._used:
                yield self._used[node.path.value]

    def _parameter(self, name: str, names: Names, context: tuple[ast.Node, ...]) -> Symbol | None:
        """The parameter of a template that an argument names."""
        around = context[-2] if len(context) > 1 else None
        called = getattr(around, "function", None) or getattr(around, "name", None)
        if not isinstance(called, ast.Identifier):
            return None
        template = names.find(called.text)
        if template is None:
            return None
        for parameter in getattr(template.node, "parameters", ()):
            if parameter.name.text == name:
                start, stop = found_at(parameter.name.span)
                for found in self.occurrences:
                    if found.start == start and found.symbol and template.path == self.path:
                        return found.symbol
                return Symbol(
                    "parameter", name, template.path, start, stop, parameter.name.span, "", parameter
                )
        return None

    def _sql(self, node: ast.Sql, names: Names, owner: ast.Node, context: tuple[ast.Node, ...]) -> None:
        """Axes and quoted names in a query: they are columns and values of the tables."""
        known = {name.lower(): symbol for name, symbol in names.all().items() if symbol.kind == "axis"}
        values = {n: s for n, s in names.all().items() if s.kind in _IN_STRINGS}
        for match in _SQL_WORD.finditer(node.text):
            group = match.lastindex
            if group is None:
                continue
            word = match[group]
            symbol = values.get(word) if group == 1 else known.get(word.lower())
            if symbol is not None:
                start = node.start + match.start(group)
                span = Span(node.span.source, start, start + len(word))
                self._add(span, word, "sql", symbol, owner, context)

    def _add(
        self,
        span: Span,
        text: str,
        role: str,
        symbol: Symbol | None,
        owner: ast.Node,
        context: tuple[ast.Node, ...],
    ) -> None:
        start, stop = found_at(span)
        self.occurrences.append(Occurrence(start, stop, text, role, symbol, owner, context))


def _declared(item: ast.Node) -> Iterator[tuple[str, ast.Identifier]]:
    """Kinds and names that an item declares, by itself."""
    if isinstance(item, ast.Declaration):
        yield item.keyword, item.name
    elif isinstance(item, ast.Broken) and item.name is not None:
        yield "axis" if item.keyword == "sweep" else item.keyword, item.name
    for part in fields(item):
        kind = _DECLARES.get((type(item).__name__, part.name))
        value = getattr(item, part.name)
        if kind is None or value is None:
            continue
        for name in value if isinstance(value, tuple) else (value,):
            yield kind, name


def index(snapshot: Snapshot) -> dict[str, FileIndex]:
    """The names of all files of a snapshot, by real path; what is used before what uses it."""
    found: dict[str, FileIndex] = {}
    for file in reversed(snapshot.compilation.program.files):
        path = snapshot.paths[file.source.name]
        used = {}
        for item in file.tree.items:
            if isinstance(item, ast.Use):
                target = os.path.realpath(os.path.join(os.path.dirname(path), item.path.value))
                if target in found:
                    used[item.path.value] = found[target]
        found[path] = FileIndex(path, file, used)
    return found
