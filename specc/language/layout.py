"""Newlines that end nothing are dropped between the lexer and the parser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from lark.lark import PostLex

if TYPE_CHECKING:
    from lark import Token

DEEPEST = 32
"""Brackets that may be open at once."""

_OPEN = {"LPAR": "(", "LSQB": "[", "LBRACE": "{"}
_CLOSE = {"RPAR", "RSQB", "RBRACE"}
_CONTINUES = {"LBRACE", "COMMA", "COMPARISON", "SIGN", "TIMES", "EQUAL", "COLON", "_MARK", "_AND"}
"""After these a statement goes on in the next line."""

_NUMBER = re.compile(r"\s*[0-9]")
"""What follows a comma if it goes on with the positions of `at 1M, 2M tokens`."""

GOES_ON = re.compile(
    r"\s*(?:#[^\n]*\n\s*)*(?:[<>*/+\-]|[=!]=|(?:by|given|after|every)\b(?!\s*[:={]))",
)
"""What follows a line's end if the statement goes on: a line that no statement can begin with."""


class TooDeep(Exception):
    """Brackets, or changes of one value, nested deeper than `DEEPEST`."""

    def __init__(self, offset: int, what: str = "open brackets") -> None:
        super().__init__(offset)
        self.offset = offset
        self.what = what


class Layout(PostLex):
    """Drops newlines that end nothing, and tells the two commas of a cell apart.

    Those inside ( ) and [ ], after {, an operator, comma or colon, before an operator or a word that
    goes on with a statement, and repeated ones. What comes next is read from `text`: asking the
    lexer for it would be too early, since what it may be depends on whether the line has ended.
    What the parser is given is kept in `tokens`.
    """

    always_accept = ("_NL",)

    def __init__(self) -> None:
        self.text = ""
        self.tokens: list[Token] = []

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        open_brackets: list[str] = []
        previous = "_NL"
        positions = False
        self.tokens = []
        going_on = -1
        for token in stream:
            if token.type in _OPEN:
                open_brackets.append(token.type)
                if len(open_brackets) > DEEPEST:
                    raise TooDeep(token.start_pos or 0)
            elif token.type in _CLOSE and open_brackets:
                open_brackets.pop()
            elif token.type == "_NL":
                inside = bool(open_brackets) and open_brackets[-1] != "LBRACE"
                if inside or previous == "_NL" or previous in _CONTINUES:
                    continue
                if (token.end_pos or 0) <= going_on:
                    continue
                if following := GOES_ON.match(self.text, token.end_pos or 0):
                    # So it is for the line ends on the way there: thousands of them are looked at once.
                    going_on = following.end()
                    continue
            if token.type == "_PLACES":
                positions = True
            elif token.type == "COMMA" and positions and _NUMBER.match(self.text, token.end_pos or 0):
                token.type = "_AND"
            elif token.type not in ("NUMBER", "NAME"):
                positions = False
            previous = token.type
            self.tokens.append(token)
            yield token
