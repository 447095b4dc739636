"""Putting arguments in place of a template's parameters.

A template's use is a copy of its tree in which each parameter's name is replaced by the argument's
expression. Parts without parameters are shared by all uses. What is copied points to the text of the
template and, by its span, to the place where it is used; what was put in points to its own text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from specc.diagnostics import Span, UsedSpan
from specc.language import ast

REFERENCES = frozenset(
    {
        (ast.Attribute, "owner"),
        (ast.Row, "corpus"),
        (ast.Cell, "stage"),
        (ast.Given, "axis"),
        (ast.Check, "across"),
        (ast.SweepTable, "by"),
        (ast.OverrideStage, "name"),
    }
)
"""Where a name speaks of something that is declared elsewhere: a parameter may stand there if it is
given a name."""

Tree = TypeVar("Tree", bound=ast.Node)


@dataclass(frozen=True, slots=True)
class Misplaced:
    """A parameter that stands where only a name can, and the argument that is none."""

    place: ast.Identifier
    argument: ast.Expression


def _fields(node: ast.Node) -> tuple[str, ...]:
    """Names of a node's parts; worked out once for each kind of node."""
    kind = type(node).__name__
    if kind not in _KNOWN:
        _KNOWN[kind] = tuple(field.name for field in fields(node) if field.name != "span")
    return _KNOWN[kind]


_KNOWN: dict[str, tuple[str, ...]] = {}


def _nodes(value: Any) -> Iterator[ast.Node]:
    """Nodes in a field: itself, or those of its tuples."""
    if isinstance(value, ast.Node):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _nodes(item)  # tuples of a syntax tree are nested twice at most


def children(node: ast.Node) -> list[ast.Node]:
    """The parts of a node, in order of its fields.

    >>> from specc.diagnostics import Source, Span
    >>> span = Span(Source("", "-x"), 0, 2)
    >>> [type(part).__name__ for part in children(ast.Sign(span, ast.Name(span, "x")))]
    ['Name']
    """
    return [part for name in _fields(node) for part in _nodes(getattr(node, name))]


def walk(root: ast.Node) -> Iterator[ast.Node]:
    """A node and all that is inside it, each once."""
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if id(node) not in seen:
            seen.add(id(node))
            yield node
            waiting.extend(reversed(children(node)))


def substitute(
    root: Tree, arguments: Mapping[str, ast.Expression], use: Span, misplaced: list[Misplaced] | None = None
) -> Tree:
    """A copy of a tree with expressions in place of names; the tree itself if none occurs in it.

    Args:
        arguments: expression of each parameter. They are put in as they are, and not looked into.
        use: where the template is used.
        misplaced: gets the parameters that stand for a name but were given something else.
    """
    done: dict[int, ast.Node] = {}
    waiting: list[tuple[ast.Node, bool]] = [(root, False)]
    while waiting:
        node, parts_are_done = waiting.pop()
        if id(node) in done:
            continue
        if isinstance(node, ast.Name):
            done[id(node)] = arguments.get(node.text, node)
        elif parts_are_done:
            done[id(node)] = _rebuilt(node, done, arguments, use, misplaced)
        else:
            waiting.append((node, True))
            waiting.extend((part, False) for part in children(node))
    return done[id(root)]  # type: ignore[return-value]  # a copy has the type of what it is copied from


def _rebuilt(
    node: ast.Node,
    done: Mapping[int, ast.Node],
    arguments: Mapping[str, ast.Expression],
    use: Span,
    misplaced: list[Misplaced] | None,
) -> ast.Node:
    changed: dict[str, Any] = {}
    for name in _fields(node):
        old = getattr(node, name)
        new = _replaced(old, done)
        if (type(node), name) in REFERENCES:
            new = _renamed(new, arguments, misplaced)
        if new is not old:
            changed[name] = new
    if not changed:
        return node
    whole = {name: getattr(node, name) for name in _fields(node)} | changed
    span = node.span
    return type(node)(UsedSpan(span.source, span.start, span.stop, use), **whole)


def _replaced(value: Any, done: Mapping[int, ast.Node]) -> Any:
    """A field with its nodes replaced; the same object if none of them changed."""
    if isinstance(value, ast.Node):
        return done[id(value)]
    if isinstance(value, tuple):
        items = tuple(_replaced(item, done) for item in value)
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    return value


def _renamed(value: Any, arguments: Mapping[str, ast.Expression], misplaced: list[Misplaced] | None) -> Any:
    """Names of something declared elsewhere, with parameters replaced by the names they were given."""
    if isinstance(value, tuple):
        items = tuple(_renamed(item, arguments, misplaced) for item in value)
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    if not isinstance(value, ast.Identifier) or value.text not in arguments:
        return value
    argument = arguments[value.text]
    if isinstance(argument, ast.Name):
        return ast.Identifier(argument.span, argument.text)
    if misplaced is not None:
        misplaced.append(Misplaced(value, argument))
    return value
