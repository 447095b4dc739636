"""Lines of text in pieces that have a style."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from specc.words import display_width, printable

Style = Literal["", "title", "good", "bad", "unsure", "quiet"]

Line = list[tuple[str, Style]]
"""Pieces of a line; what has no color is the same text."""


@dataclass(frozen=True, slots=True)
class Signs:
    """Signs to draw with; each is one column wide."""

    left: str
    right: str
    bar: str
    zero: str
    point: str
    empty: str
    frame: str
    ground: str
    corner: str
    to_left: str
    to_right: str
    cut: str
    plus_minus: str


UNICODE = Signs("├", "┤", "─", "│", "●", "○", "│", "─", "└", "←", "→", "…", "±")
ASCII = Signs("|", "|", "-", ":", "*", "o", "|", "-", "+", "<-", "->", "~", "+-")


def plain(lines: Sequence[Line]) -> str:
    """Lines without their styles; no line ends in a space."""
    return "".join("".join(piece for piece, _ in line).rstrip() + "\n" for line in lines)


def cut(text: str, width: int, signs: Signs) -> str:
    """A text, free of what could steer a terminal, in at most `width` columns."""
    text = printable(text)
    if display_width(text) <= width:
        return text
    taken = ""
    for sign in text:
        if display_width(taken + sign) > width - 1:
            break
        taken += sign
    return taken + signs.cut


def padded(text: str, width: int) -> str:
    """A text with spaces up to a width in columns."""
    return text + " " * max(0, width - display_width(text))


def wrapped(text: str, width: int, first: str = "", rest: str = "", style: Style = "") -> list[Line]:
    """A text for people in lines; what begins the first and the others counts."""
    found = textwrap.wrap(
        _kept(printable(text)),
        max(width, 20),
        initial_indent=first,
        subsequent_indent=rest,
        break_on_hyphens=False,
    )
    return [[(line.replace(_TIE, " "), style)] for line in found]


_TIE = "\N{NO-BREAK SPACE}"


def _kept(text: str) -> str:
    """A text whose equations and names in backticks stay on a line, if they are short."""
    text = text.replace(" = ", f"{_TIE}={_TIE}")
    return re.sub(r"`[^`]{1,40}`|\[[^\]]{1,40}\]", lambda found: found[0].replace(" ", _TIE), text)
