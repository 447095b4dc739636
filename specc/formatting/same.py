"""Whether two texts mean the same: their trees have the same shape and words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from specc.language.trees import Token, Tree


def same_tree(one: Tree[Token], other: Tree[Token]) -> bool:
    """Compare two trees of the parser, up to places, to where SQL begins its lines, and to final commas."""
    from specc.formatting.sql import same_query

    for left, right in zip(_walk(one), _walk(other), strict=True):
        if left == right:
            continue
        if not (left[0] == right[0] == "SQL" and same_query(left[1][6:-3], right[1][6:-3])):
            return False
    return True


def _walk(tree: Tree[Token]) -> Iterator[tuple[str, Any]]:
    """Rules with the number of their parts, and words, from the first to the last; then an end."""
    waiting: list[Any] = [tree]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str):
            yield part.type, str(part)  # type: ignore[attr-defined]  # the only text in a tree are tokens
            continue
        children = part.children
        if part.data == "paren" and len(children) > 2 and isinstance(children[-1], str):
            children = children[:-1]
        yield str(part.data), len(children)
        waiting.extend(reversed(children))
