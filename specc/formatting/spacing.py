"""How words stand side by side in one line, and how wide that is."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from specc.formatting.scan import Word
from specc.formatting.structure import Group, Item, Part
from specc.words import display_width

_TIGHT = {"DOT", "_MARK", "_RANGE"}
"""Signs without spaces around them."""

_HUGGING = {"COMMA", "_AND", "COLON", "RPAR", "RSQB"}
"""Signs without a space before them."""

_CALLED = {"call", "measure", "extends"}
"""Rules whose round bracket belongs to the name before it."""


def first_word(part: Part) -> Word:
    return part if isinstance(part, Word) else part.opening


def last_word(part: Part) -> Word:
    return part if isinstance(part, Word) else part.closing


def is_prefix(word: Word) -> bool:
    """Whether a word is the sign of the value after it, and no operator between two."""
    return word.kind == "SIGN" and word.owner == "unary"


def space(left: Word, right: Word) -> str:
    """What stands between two neighbours in a line, without the padding of columns."""
    if right.kind == "LPAR":
        called = right.owner == left.owner and right.owner in _CALLED
        tight = left.kind == "NAME" and (called or right.owner == "parameters")
    else:
        tight = right.kind in _HUGGING
    if left.kind in _TIGHT or right.kind in _TIGHT:
        # A number may end with a point, which would run into the two points of a range.
        tight = not (left.text.endswith(".") and right.text.startswith("."))
    return "" if tight or is_prefix(left) else " "


def flat(parts: Sequence[Part]) -> str | None:
    """Parts in one line; None if a comment or a writer's line break keeps them from it."""
    pieces: list[str] = []
    left: Word | None = None
    for part in parts:
        word = first_word(part)
        if left is not None:
            if word.before:
                return None
            pieces.append(space(left, word) + " " * word.pad)
        text = _flat_word(part) if isinstance(part, Word) else flat_group(part)
        if text is None:
            return None
        pieces.append(text)
        left = last_word(part)
    return "".join(pieces)


def flat_group(group: Group) -> str | None:
    """Brackets in one line, or None."""
    if not group.measured:
        group.text, group.measured = _flat_group(group), True
    return group.text


def _flat_group(group: Group) -> str | None:
    if group.opened or group.remarked:
        return None
    texts = [flat(item.parts) for item in group.items]
    known = [text for text in texts if text is not None]
    if len(known) < len(texts) or (group.statements and len(texts) > 1):
        return None
    inside = ", ".join(known) + ("," if group.needed_comma else "")
    if group.braces and inside:
        inside = f" {inside} "
    return f"{group.opening.text}{inside}{group.closing.text}"


def _flat_word(word: Word) -> str | None:
    return None if word.kind == "SQL" and "\n" in word.text else word.text


@lru_cache(maxsize=1 << 14)
def width(text: str) -> int:
    """Columns of a text."""
    return display_width(text)


def is_plain(item: Item) -> bool:
    """Whether an item is one short value, such as a number with its unit, or a string."""
    text = flat(item.parts)
    return text is not None and len(text) <= 24 and all(isinstance(part, Word) for part in item.parts)
