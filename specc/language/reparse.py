"""Parsing a file again and again, as an editor does: what hasn't changed keeps its nodes.

A file is cut into items, and an experiment into its members. Each piece has a source of its own,
which knows where in the file it begins; a piece that only moves is told so, and keeps its nodes,
spans and all that was found of them. Comments and blank lines between pieces cost nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from specc.diagnostics import Report, Source, Span
from specc.language import ast
from specc.language.parse import LARGEST, filled, parse, recover
from specc.language.pieces import Piece, imbalance, pieces


@dataclass(frozen=True, slots=True)
class PieceSource(Source):
    """The text of a piece; positions are those in the file.

    Attributes:
        place: offset, line and column of the piece in the file, each from 0; changed when it moves.
    """

    place: list[int] = field(default_factory=lambda: [0, 0, 0], compare=False)

    def position(self, offset: int) -> tuple[int, int]:
        line, column = Source.position(self, offset)
        return line + self.place[1], column + (self.place[2] if line == 1 else 0)

    def line(self, number: int) -> str:
        return Source.line(self, number - self.place[1])


def start_in_file(span: Span) -> int:
    """Where a span begins in its file."""
    source = span.source
    return span.start + (source.place[0] if isinstance(source, PieceSource) else 0)


@dataclass(slots=True)
class _Kept:
    """A piece that was parsed: its source, node and mistakes; of an experiment, its head and members too."""

    source: PieceSource
    node: Any
    report: Report
    head: PieceSource | None = None
    members: _Pieces | None = None

    def move(self, place: list[int]) -> None:
        """Take it, with its members, to where it begins now, in the same column."""
        down, further = place[0] - self.source.place[0], place[1] - self.source.place[1]
        sources = [self.source, *([self.head] if self.head else [])]
        if self.members is not None:
            sources += [part.source for parts in self.members.known.values() for part in parts]
        for source in sources:
            source.place[0] += down
            source.place[1] += further


class _Pieces:
    """Parsed pieces by their text; equal texts take theirs in order, so that no two share a node."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str], list[_Kept]] = {}
        self.taken: dict[tuple[str, str], list[_Kept]] = {}

    def take(self, key: tuple[str, str]) -> _Kept | None:
        waiting = self.known.get(key)
        return waiting.pop(0) if waiting else None

    def keep(self, key: tuple[str, str], kept: _Kept) -> None:
        self.taken.setdefault(key, []).append(kept)

    def turn(self) -> None:
        """Forget what this version of the text no longer has."""
        self.known, self.taken = self.taken, {}


class Reparser:
    """Parses the versions of one file."""

    def __init__(self) -> None:
        self._items = _Pieces()

    def parse(self, source: Source, report: Report) -> ast.File:
        """As `specc.language.parse.parse`; nodes of unchanged pieces are those of the time before."""
        if len(source.text) > LARGEST or imbalance(source.text) is not None:
            return parse(source, report)
        items = [
            self._item(source, piece, found, report)
            for piece, found in _placed(source, pieces(source.text, 0, len(source.text)))
        ]
        self._items.turn()
        return ast.File(Span(source, 0, len(source.text)), tuple(items))

    def _item(self, source: Source, piece: Piece, place: list[int], report: Report) -> Any:
        text = source.text[piece.start : piece.stop]
        experiment = text.startswith("experiment") and piece.close_brace == piece.stop - 1
        if not experiment or piece.open_brace is None:
            return _parsed(self._items, source.name, text, "item", piece, place, report).node
        head = source.text[piece.start : piece.open_brace + 1]
        key = ("experiment", head)
        waiting = self._items.known.get(key)
        if waiting and waiting[0].source.text == text and waiting[0].source.place[2] == place[2]:
            # Nothing in it has changed: all of it moves by as much.
            same = waiting.pop(0)
            same.move(place)
            self._items.keep(key, same)
            report.merge(same.report)
            return same.node
        told = Report()
        shell = _parsed(_Pieces(), source.name, head + "}", "item", _headed(piece), place, told)
        if not isinstance(shell.node, ast.Experiment):
            return _parsed(self._items, source.name, text, "item", piece, place, report).node
        kept = self._items.take(key)
        members = kept.members if kept and kept.members else _Pieces()
        inner = pieces(source.text, piece.open_brace + 1, piece.stop - 1)
        parts = tuple(
            _parsed(
                members, source.name, source.text[part.start : part.stop], "member", part, where, report
            ).node
            for part, where in _placed(source, inner)
        )
        members.turn()
        if kept is None or kept.source.text != text or kept.node.members != parts:
            own = PieceSource(source.name, text)
            node = filled(shell.node, parts, Span(own, 0, len(text)))
            kept = _Kept(own, node, told, shell.source, members)
        for part in (kept.source, kept.head):
            if part is not None:
                part.place[:] = place
        # What its members said is kept with it, for the time when nothing in it changes.
        kept.report = Report()
        for found in members.known.values():
            for member in found:
                kept.report.merge(member.report)
        self._items.keep(key, kept)
        return kept.node


def _headed(piece: Piece) -> Piece:
    """The head of an item with an empty body."""
    assert piece.open_brace is not None
    return Piece(piece.start, piece.open_brace + 2, piece.open_brace, piece.open_brace + 1)


def _placed(source: Source, found: Iterator[Piece]) -> Iterator[tuple[Piece, list[int]]]:
    """Pieces with their offset, line and column."""
    for piece in found:
        line, column = source.position(piece.start)
        yield piece, [piece.start, line - 1, column - 1]


def _parsed(
    known: _Pieces, name: str, text: str, start: str, piece: Piece, place: list[int], report: Report
) -> _Kept:
    """A piece, parsed now or before; its mistakes go to the report."""
    key = (start, text)
    kept = known.take(key)
    if kept is None:
        own = PieceSource(name, text, list(place))
        told = Report()
        kept = _Kept(own, recover(own, _moved(piece), start, told), told)
    else:
        kept.source.place[:] = place
    known.keep(key, kept)
    report.merge(kept.report)
    return kept


def _moved(piece: Piece) -> Piece:
    """The same piece in a text that begins with it."""

    def moved(brace: int | None) -> int | None:
        return None if brace is None else brace - piece.start

    return Piece(0, piece.stop - piece.start, moved(piece.open_brace), moved(piece.close_brace))
