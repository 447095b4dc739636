"""Places in a text: offsets in characters here, lines and units of an encoding in the protocol.

The protocol counts a character beyond U+FFFF as two units, unless client and server agree on
another encoding (LSP 3.17, Position). A line ends with \\n, \\r\\n or \\r.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence

from lsprotocol import types

_LINE_END = re.compile(r"\r\n|\n|\r")
_UNITS = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2), "utf-32": ("utf-32-le", 4)}


class Text:
    """A document's text; `text` has \\n at the end of every line."""

    def __init__(self, raw: str, encoding: str = "utf-16") -> None:
        if not raw.isascii():
            # Half a character may come from an edit in its middle: no other program would take it.
            raw = raw.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        if raw.startswith("\ufeff"):
            raw = f" {raw[1:]}"  # a mark of the byte order, which some editors show: no part of the recipe
        self.raw = raw
        self.encoding = encoding
        self.text = _LINE_END.sub("\n", raw) if "\r" in raw else raw
        self.starts = [0, *(match.end() for match in re.finditer("\n", self.text))]
        self._codec, self._width = _UNITS[encoding]
        self._plain = raw.isascii()

    def changed(self, changes: Sequence[types.TextDocumentContentChangeEvent]) -> Text:
        """The text after changes, each of which counts in the text that those before it left."""
        text = self
        for change in changes:
            where = getattr(change, "range", None)
            if where is None:
                text = Text(change.text, self.encoding)
                continue
            start, stop = text._raw_offset(where.start), text._raw_offset(where.end)
            raw = text.raw[: min(start, stop)] + change.text + text.raw[max(start, stop) :]
            text = Text(raw, self.encoding)
        return text

    def _raw_offset(self, position: types.Position) -> int:
        offset = self.offset(position)
        if self.raw is self.text or len(self.raw) == len(self.text):
            return offset
        line = bisect_right(self.starts, offset) - 1
        ends = [0, *(match.end() for match in _LINE_END.finditer(self.raw))]
        return ends[line] + offset - self.starts[line]

    def line(self, number: int) -> str:
        """Text of a line, counted from 0, without its end."""
        start = self.starts[number]
        stop = self.starts[number + 1] - 1 if number + 1 < len(self.starts) else len(self.text)
        return self.text[start:stop]

    def offset(self, position: types.Position) -> int:
        """Offset of a position; one beyond the end of its line or text is that end."""
        if position.line >= len(self.starts):
            return len(self.text)
        line = self.line(position.line)
        return self.starts[position.line] + self._characters(line, position.character)

    def _characters(self, line: str, units: int) -> int:
        if self._plain or line.isascii():
            return min(units, len(line))
        if self._width == 4:
            return min(units, len(line))
        taken = 0
        for place, character in enumerate(line):
            if taken >= units:
                return place
            taken += len(character.encode(self._codec)) // self._width
        return len(line)

    def position(self, offset: int) -> types.Position:
        offset = max(0, min(offset, len(self.text)))
        line = bisect_right(self.starts, offset) - 1
        return self.at(line, offset - self.starts[line])

    def at(self, line: int, column: int) -> types.Position:
        """Position of a line and a column in characters, both from 0."""
        if self._plain:
            return types.Position(line, column)
        before = self.line(line)[:column] if line < len(self.starts) else ""
        return types.Position(line, len(before.encode(self._codec)) // self._width)

    def range(self, start: int, stop: int) -> types.Range:
        return types.Range(self.position(start), self.position(stop))
