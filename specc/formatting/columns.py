"""Columns: the same signs of neighbouring statements stand below each other."""

from __future__ import annotations

from collections.abc import Sequence

from specc.formatting.page import WIDTH
from specc.formatting.spacing import first_word, flat, width
from specc.formatting.structure import Group, Item, Part

_EQUAL = {"LET", "MODEL", "CORPUS", "EVAL"}
"""Statements whose `=` is aligned with that of their neighbours; settings are, too."""


def align(group: Group, indent: int) -> None:
    """Pad the words of a block's items so that they stand in columns."""
    for run in _runs(group.items, indent):
        kind = _kind(run[0])
        if kind == "row":
            _align_rows(run)
        elif kind == "setting" or kind in _EQUAL:
            _pad([(item.parts, _place(item.parts, "EQUAL")) for item in run])
        if kind == "EVAL":
            _align_last(run, "AFTER", indent)
        elif kind == "RECIPE":
            _align_last(run, "LBRACE", indent)


def _kind(item: Item) -> str:
    """What an item is: the word that it begins with, or its rule; empty if it stands in no column."""
    word = item.first
    if any(isinstance(part, Group) and part.opening.owner == "parameters" for part in item.parts):
        return ""
    return word.owner if word.kind == "NAME" else word.kind


def _runs(items: Sequence[Item], indent: int) -> list[list[Item]]:
    """Neighbours of one kind without a blank line between them; declarations of several lines stand apart."""
    runs: list[list[Item]] = []
    alone = True
    for item in items:
        apart = item.blank or any(remark.blank for remark in item.leading)
        text = flat(item.parts) if item.first.kind in _EQUAL else ""
        long = text is None or indent + width(text) > WIDTH
        if runs and not (apart or alone or long) and _kind(runs[-1][-1]) == _kind(item):
            runs[-1].append(item)
        else:
            runs.append([item])
        alone = long
    return runs


def _place(parts: Sequence[Part], kind: str) -> int | None:
    """Where the first word of a kind stands."""
    return next((n for n, part in enumerate(parts) if n and first_word(part).kind == kind), None)


def _pad(columns: Sequence[tuple[Sequence[Part], int | None]]) -> None:
    """Pad the words at these places to the rightmost of them."""
    heads = [
        (parts[place], head)
        for parts, place in columns
        if place is not None and (head := flat(parts[:place])) is not None
    ]
    rightmost = max((width(head) for _, head in heads), default=0)
    for part, head in heads:
        first_word(part).pad = rightmost - width(head)


def _align_rows(run: list[Item]) -> None:
    """Corpus, total and cells of an allocation."""
    longest = max(len(item.first.text) for item in run)
    for item in run:
        if len(item.parts) > 2:
            first_word(item.parts[1]).pad = longest - len(item.first.text)
    braces = []
    for item in run:
        if len(item.parts) < 2 or flat(item.parts[:-1]) is None:
            continue
        braces.append((item.parts, len(item.parts) - 1))
    _pad(braces)


def _align_last(run: list[Item], kind: str, indent: int) -> None:
    """Align what follows the values, if all of these statements fit in their lines then."""
    columns = [(item.parts, _place(item.parts, kind)) for item in run]
    if any(flat(item.parts) is None for item in run):
        return
    _pad(columns)
    if any(indent + width(flat(item.parts) or "") > WIDTH for item in run):
        for parts, place in columns:
            if place is not None:
                first_word(parts[place]).pad = 0
