"""Cutting a text into its items by brackets and line ends alone, to recover from syntax errors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from specc.language.layout import GOES_ON

_PARTS = re.compile(
    r"(?P<comment>\#[^\n]*)"
    r"|(?P<sql>```sql(?:[^`]|`(?!``))*```)"
    r"|(?P<openSql>```)"
    r'|(?P<string>"(?:[^"\\\n]|\\.)*")'
    r'|(?P<openString>")'
    r"|(?P<open>[\[({])"
    r"|(?P<close>[\])}])"
    r"|(?P<newline>\n)"
    # Words with blanks between them at once; the blanks after the last are none of them.
    r'|(?P<other>[^ \t\r\f\n\#`"\[\](){}]++(?:[ \t]++[^ \t\r\f\n\#`"\[\](){}]++)*+|`)'
)

_PAIR = {")": "(", "]": "[", "}": "{"}
_CONTINUES = tuple("=,:<>+-*/@")
_NEXT_ITEM = re.compile(
    r"\s*(?:#[^\n]*\n\s*)*(?:override\s+)?"
    r"(?:(?:let|model|corpus|experiment|allocate|stage|eval|check|compare|expect|recipe|sweep|except)"
    r'[ \t]+[A-Za-z_{]|use[ \t]+"|sweep[ \t]+\(|seeds[ \t]+[0-9\[])'
)
_NEXT_SETTING = re.compile(r"\s*(?:#[^\n]*\n\s*)*[A-Za-z_]\w*[ \t]*=(?!=)")
"""What no statement goes on with, even after a sign that leaves it open: its end is missing there."""


@dataclass(frozen=True, slots=True)
class Imbalance:
    """A bracket, string or SQL block that is not closed, or a bracket that closes nothing."""

    kind: str
    offset: int
    text: str


@dataclass(frozen=True, slots=True)
class Piece:
    """Text [start, stop); the body lies inside the braces at `open_brace` and `close_brace`, if any."""

    start: int
    stop: int
    open_brace: int | None
    close_brace: int | None


def imbalance(text: str) -> Imbalance | None:
    """The first bracket, string or block that doesn't match.

    For a missing brace, the one whose closing brace stands further left than its own line is
    blamed: people indent what they mean.
    """
    stack: list[tuple[str, int, int]] = []
    suspect: int | None = None
    indent = _indent(text, 0)
    for match in _PARTS.finditer(text):
        kind, offset = match.lastgroup, match.start()
        if kind == "openString":
            return Imbalance("string", offset, '"')
        if kind == "openSql":
            return Imbalance("sql", offset, "```")
        if kind == "newline":
            indent = _indent(text, match.end())
        elif kind == "sql" and "\n" in match.group():
            indent = _indent(text, text.rfind("\n", offset, match.end()) + 1)
        elif kind == "open":
            stack.append((match.group(), offset, indent))
        elif kind == "close":
            if not stack:
                return Imbalance("close", offset, match.group())
            bracket, opened, outer = stack[-1]
            if bracket != _PAIR[match.group()]:
                if bracket == "{":
                    return Imbalance("close", offset, match.group())
                return Imbalance("open", opened, bracket)
            stack.pop()
            if suspect is None and indent < outer:
                suspect = opened
    if not stack:
        return None
    opened = suspect if suspect is not None else stack[-1][1]
    return Imbalance("open", opened, text[opened])


_SPACE = re.compile(r"[ \t\r\f]*")


def _indent(text: str, line: int) -> int:
    """Columns before the first character of the line that begins at an offset."""
    match = _SPACE.match(text, line)
    return match.end() - line if match else 0


def pieces(text: str, start: int, stop: int) -> Iterator[Piece]:
    """Items in [start, stop): each begins at the first word after a line end outside of brackets.

    The text must be balanced (`imbalance` found nothing).
    """
    depth = 0
    begin: int | None = None
    end = start
    open_brace: int | None = None
    close_brace: int | None = None
    going_on = left_open = -1
    for match in _PARTS.finditer(text, start, stop):
        kind = match.lastgroup
        if kind == "comment":
            continue
        if kind == "newline":
            goes_on = match.end() <= going_on
            if depth or begin is None or goes_on:
                continue
            if text.endswith(_CONTINUES, begin, end):
                if left_open == end:
                    continue  # looked at already: there may be thousands of empty lines
                left_open = end
                after_comma = text.endswith(",", begin, end)  # `given a = 1,` goes on with `b = 2`
                if not _NEXT_ITEM.match(text, match.end(), stop) and (
                    after_comma or not _NEXT_SETTING.match(text, match.end(), stop)
                ):
                    continue
                yield Piece(begin, end, open_brace, close_brace)
                begin = open_brace = close_brace = None
                continue
            if following := GOES_ON.match(text, match.end(), stop):
                # So it is for the line ends on the way there: thousands of them are looked at once.
                going_on = following.end()
            else:
                yield Piece(begin, end, open_brace, close_brace)
                begin = open_brace = close_brace = None
            continue
        if begin is None:
            begin = match.start()
        end = match.end()
        if kind == "open":
            if depth == 0 and match.group() == "{":
                open_brace = match.start()
            depth += 1
        elif kind == "close":
            depth -= 1
            if depth == 0 and match.group() == "}":
                close_brace = match.start()
    if begin is not None:
        yield Piece(begin, end, open_brace, close_brace)
