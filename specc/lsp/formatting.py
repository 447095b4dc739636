"""Formatting: the canonical form, as edits of the lines that differ."""

from __future__ import annotations

from difflib import SequenceMatcher

from lsprotocol import types

from specc.lsp.positions import Text


def formatted(text: Text) -> list[types.TextEdit] | None:
    """Edits that bring a text into its canonical form; None if it can't be read."""
    from specc.formatting import NotARecipe, format_text

    try:
        new = format_text(text.text)
    except NotARecipe:
        return None
    return line_edits(text, new)


def line_edits(text: Text, new: str) -> list[types.TextEdit]:
    """Edits of whole lines, so that cursors and marks elsewhere stay where they are."""
    before, after = _lines(text.text), _lines(new)
    edits = []
    for kind, first, last, start, stop in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind != "equal":
            begin = sum(map(len, before[:first]))
            end = begin + sum(map(len, before[first:last]))
            edits.append(types.TextEdit(text.range(begin, end), "".join(after[start:stop])))
    return edits


def _lines(text: str) -> list[str]:
    parts = text.split("\n")
    lines = [f"{part}\n" for part in parts[:-1]]
    return [*lines, parts[-1]] if parts[-1] else lines
