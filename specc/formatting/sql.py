"""SQL blocks: the text moves as a whole, and nothing in it changes."""

from __future__ import annotations

import re

FENCE = "```"

_LONG = re.compile(
    r"--[^\n]*"
    r"|/\*.*?\*/"
    r"|(?P<text>[eE]'(?:\\.|''|[^'\\])*'|'(?:''|[^'])*'|\"(?:\"\"|[^\"])*\""
    r"|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)",
    re.DOTALL,
)
"""Comments, and what may hold a line break that belongs to a value: strings, quoted names."""


def lines_of(block: str, indent: int, closing: int) -> list[str]:
    """Lines of an SQL block, the first beginning with its fence.

    The lines of its text keep their indentation relative to each other, and move so that the
    leftmost stands at `indent`; the closing fence stands at `closing`. A block of one line stays
    one. If a string in the text holds a line break, white space is part of a value, so the block
    stays as it is.
    """
    text = block[len(FENCE + "sql") : -len(FENCE)]
    if "\n" not in text:
        return [block]
    if any("\n" in (match["text"] or "") for match in _LONG.finditer(text)):
        return block.split("\n")
    lines = [line if line.strip() else "" for line in text.rstrip().split("\n")]
    margin = _margin(lines[1:])
    moved = [lines[0].lstrip(), *(line[len(margin) :] for line in lines[1:])]
    while moved and not moved[0]:
        moved.pop(0)
    body = [" " * indent + line if line else "" for line in moved]
    return [FENCE + "sql", *body, " " * closing + FENCE]


def _margin(lines: list[str]) -> str:
    """White space that all lines begin with; blank lines, and that of the fence, have no say."""
    starts = [line[: len(line) - len(line.lstrip())] for line in lines if line]
    if not starts:
        return ""
    first, last = min(starts), max(starts)
    same = (n for n, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1])
    return first[: next(same, len(first))]


def same_query(one: str, other: str) -> bool:
    """Whether two texts of SQL differ in nothing but where their lines begin."""
    return _stripped(one) == _stripped(other)


def _stripped(text: str) -> list[str]:
    return [line.lstrip() for line in text.strip().split("\n")]
