"""What to change so that a diagnostic is gone, where its help is a plain replacement."""

from __future__ import annotations

import re
from dataclasses import dataclass

from specc.diagnostics.source import Span

_WRITE = re.compile(r"(?:[^`:]+: )?write `([^`]+)`(?:, or an? [^`]+)?")
_WORD = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_ATOM = re.compile(r'[A-Za-z_]\w*|[0-9](?:[\w.]|(?<=[eE])-)*%?(?: [a-z]+)?|"[^"]*"', re.ASCII)
"""A name, a number with its unit, or a string."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A text to put in place of a span."""

    span: Span
    text: str


def replacement(span: Span, help: str | None) -> tuple[Edit, ...]:
    """The edit that a help of the form "write `x`" asks for, if `x` can stand where the span is.

    A word replaces a word, and a value a value; a whole setting or statement is to be written
    somewhere else, or in place of more than the span.
    """
    match = _WRITE.fullmatch(help or "")
    if match is None:
        return ()
    old, new = span.text, match[1]
    before, after = span.source.text[: span.start], span.source.text[span.stop :]
    owner, dot, member = new.rpartition(".")
    if dot and _WORD.fullmatch(member) and before.endswith(f"{owner}."):
        return (Edit(span, member),)
    return (Edit(span, new),) if _in_place_of(old, new, after) else ()


def _in_place_of(old: str, new: str, after: str) -> bool:
    """Whether one text can stand where the other does: a word for a word, a value for a value."""
    if not old.strip() or "\n" in old:
        return False
    if " " in old and old.split()[0] == new.split()[0] and _WORD.match(old):
        return True  # a whole statement
    if not _ATOM.fullmatch(old):
        return False
    if _WORD.fullmatch(old):
        called = after.startswith("(") and "(" in new
        return not called and (bool(_WORD.fullmatch(new)) or old in _WORD.findall(new))
    return bool(_ATOM.fullmatch(new)) or new.endswith((f"= {old}", f", {old}"))
