"""Lines as they are written, with comments at their ends in columns."""

from __future__ import annotations

from dataclasses import dataclass, field

from specc.formatting.scan import Remark
from specc.formatting.spacing import width

WIDTH = 100
"""Columns that a line takes if it can be broken."""

_GAP = 2
"""Spaces before a comment at a line's end."""


@dataclass(slots=True)
class Line:
    """A line: its indentation in spaces, its code, and the comment at its end.

    A line without code holds a comment that goes on with the one above. A `raw` line is kept as it is.
    """

    indent: int
    code: str
    remark: str | None = None
    raw: bool = False

    @property
    def width(self) -> int:
        return self.indent + width(self.code)


@dataclass(slots=True)
class Page:
    """Written lines; the last one is where writing goes on."""

    lines: list[Line] = field(default_factory=list)

    @property
    def column(self) -> int:
        return self.lines[-1].width

    def write(self, text: str) -> None:
        self.lines[-1].code += text

    def begin(self, indent: int, text: str = "") -> None:
        """Begin a line."""
        self.lines.append(Line(indent, text))

    def begin_raw(self, text: str) -> None:
        """Begin a line that is kept as it is."""
        self.lines.append(Line(0, text, raw=True))

    def blank(self) -> None:
        self.lines.append(Line(0, "", raw=True))

    def remark(self, remarks: list[Remark]) -> None:
        """End the line with a comment; those that go on with it follow in lines of their own."""
        indent = self.lines[-1].indent
        for number, remark in enumerate(remarks):
            if number or self.lines[-1].remark is not None:
                self.lines.append(Line(indent, ""))
            self.lines[-1].remark = remark.text

    def text(self) -> str:
        """The page, comments aligned where neighbouring lines of one depth have them."""
        out: list[str] = []
        number = 0
        while number < len(self.lines):
            stop = number
            while stop < len(self.lines) and self._aligned(self.lines[number], self.lines[stop]):
                stop += 1
            run = self.lines[number : max(stop, number + 1)]
            column = max(line.width for line in run) + _GAP
            for line in run:
                start = " " * line.indent + line.code
                if line.remark is not None:
                    start += " " * (column - line.width) + line.remark
                out.append(start if line.raw else start.rstrip(" "))
            number += len(run)
        return "\n".join(out) + "\n" if out else ""

    @staticmethod
    def _aligned(first: Line, other: Line) -> bool:
        return first.remark is not None and other.remark is not None and first.indent == other.indent
