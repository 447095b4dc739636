"""Source text with positions: what a span points into."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Source:
    """A file's text. `name` is the path as the user would write it."""

    name: str
    text: str
    starts: tuple[int, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        starts = [0, *(match.end() for match in re.finditer("\n", self.text))]
        object.__setattr__(self, "starts", tuple(starts))

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, both counted from 1."""
        line = bisect_right(self.starts, offset) - 1
        return line + 1, offset - self.starts[line] + 1

    def line(self, number: int) -> str:
        """Text of a line (counted from 1), without its end."""
        start = self.starts[number - 1]
        stop = self.starts[number] if number < len(self.starts) else len(self.text)
        return self.text[start:stop].rstrip("\r\n")

    @property
    def lines(self) -> int:
        return len(self.starts)


def with_line_feeds(text: str) -> str:
    """A text whose lines end by line feeds alone; carriage returns before one belong to the end of the line.

    >>> with_line_feeds("a\\r\\nb\\r\\r\\nc")
    'a\\nb\\nc'
    """
    return re.sub(r"\r+\n", "\n", text)


@dataclass(frozen=True, slots=True)
class Span:
    """Characters [start, stop) of a source."""

    source: Source
    start: int
    stop: int

    def to(self, other: Span) -> Span:
        """From the start of this span to the end of another."""
        if not self._leads_to(other):
            return self
        return Span(self.source, self.start, max(self.stop, other.stop))

    def _leads_to(self, other: Span) -> bool:
        """Whether a place comes later in the same text; an argument of a template may stand anywhere."""
        return other.source is self.source and other.start >= self.start

    def holds(self, other: Span) -> bool:
        """Whether another place lies in this one."""
        if other.source.name != self.source.name:
            return False
        first, last = self.source.position(self.start), self.source.position(self.stop)
        # By lines and columns: an editor's pieces of one file have sources of their own.
        return first <= other.source.position(other.start) and other.source.position(other.stop) <= last

    @property
    def text(self) -> str:
        return self.source.text[self.start : self.stop]

    def __str__(self) -> str:
        line, column = self.source.position(self.start)
        return f"{self.source.name}:{line}:{column}"

    def __repr__(self) -> str:
        return f"<{self}>"


@dataclass(frozen=True, slots=True)
class UsedSpan(Span):
    """A place in the text of a template; `use` is where the template is used.

    What is wrong there may be wrong in this use alone, so messages show both places.
    """

    use: Span = field(compare=False)

    def to(self, other: Span) -> Span:
        if not self._leads_to(other):
            return self
        return UsedSpan(self.source, self.start, max(self.stop, other.stop), self.use)


def uses_of(span: Span) -> list[Span]:
    """Where the templates are used that a place belongs to, the innermost use first."""
    found = []
    while isinstance(span, UsedSpan):
        span = span.use
        found.append(span)
    return found
