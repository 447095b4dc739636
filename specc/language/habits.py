"""What people write who know other languages, where the parser refuses it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from specc.diagnostics import foreign

_NAME_AND_BRACKET = re.compile(r"([A-Za-z_]\w*)$")
_PART = re.compile(r'\[\s*"([A-Za-z_]\w*)"\s*\]')
_NUMBER_AND_SUFFIX = re.compile(r"([0-9][0-9_.]*)[ \t]+([KMBTkmbt])[ \t]*$")
_COMMENT = re.compile(r"//|/\*")


@dataclass(frozen=True, slots=True)
class Habit:
    """What is said of it.

    Attributes:
        shown: the sign or word that can't stand here, if it is more than the token.
        back: characters before the token that belong to it.
        length: of what is shown.
    """

    shown: str
    help: str
    back: int = 0

    @property
    def length(self) -> int:
        return len(self.shown)


def habit(word: str, kind: str, before: str, rest: str, expected: set[str]) -> Habit | None:
    """A habit from another language in a token that can't stand where it does; None if it is none.

    Args:
        kind: of the token. before: the text of the item up to it. rest: the text from it on.
        expected: kinds of token that can stand here.
    """
    if word in ("/", "*") and before.endswith("/"):
        return Habit(f"/{word}", "a comment begins with `#`", 1)
    if comment := _COMMENT.match(rest):
        return Habit(comment.group(), "a comment begins with `#`")
    if word == ">" and before.endswith("="):
        return Habit("=>", "a value is given with `=`", 1)
    if word == "=" and before.endswith("="):
        return Habit("==", "a value is given with `=`", 1)
    if word == "*" and before.endswith("*"):
        return Habit("**", "powers of ten are written with an exponent, such as 3e-4", 1)
    if word in foreign.JOINS:
        return Habit(word, foreign.JOINS[word])
    if before.split() == ["seeds"]:
        return Habit(word, "seeds are written as `seeds 0..2` or `seeds [1, 5]`")
    if word == "[" and (owner := _NAME_AND_BRACKET.search(before)):
        part = _PART.match(rest)
        return Habit(word, f"write `{owner[1]}.{part[1]}`" if part else "arguments stand in `( )`")
    if word == "{" and "LSQB" in expected:
        return Habit(word, "a list is written in `[ ]`")
    if word == ",":
        digits = re.search(r"[0-9]$", before) and re.match(r",[0-9]{3}\b", rest)
        return Habit(word, "digits are set apart by `_`, such as `1_000`" if digits else "remove this `,`")
    if word == "." and re.match(r"\.[0-9]", rest) and not re.search(r"[0-9.]$", before):
        return Habit(word, "a number begins with a digit, such as `0.5`")
    if kind == "NAME" and (number := _NUMBER_AND_SUFFIX.search(before)):
        return Habit(
            word, f"`{number[2].upper()}` stands beside its number: `{number[1]}{number[2].upper()}`"
        )
    if kind == "STRING" and re.search(r"\w$", before):
        return Habit(word, "a string is taken as it stands; no names are put into it")
    return None
