"""Definition, references, highlights and rename."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lsprotocol import types

from specc.analysis.definition import LONGEST_NAME
from specc.language.keywords import keywords
from specc.lsp.index import FileIndex, Occurrence, Symbol
from specc.lsp.positions import Text
from specc.lsp.project import Snapshot

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


class Refused(Exception):
    """A rename that would break the recipe; the message says why."""


@dataclass(frozen=True, slots=True)
class Place:
    """A word in a file, by real path."""

    path: str
    start: int
    stop: int
    role: str


def definition(files: dict[str, FileIndex], path: str, offset: int) -> Place | None:
    """Where the name at an offset is declared."""
    found = files[path].at(offset) if path in files else None
    symbol = found.symbol if found else None
    return Place(symbol.path, symbol.start, symbol.stop, "declaration") if symbol else None


def same(one: Symbol, other: Symbol | None) -> bool:
    """Whether two symbols, of different readings of the files, are the same."""
    return other is not None and (one.path, one.start, one.name) == (other.path, other.start, other.name)


def references(files: dict[str, FileIndex], symbol: Symbol) -> Iterator[Place]:
    """Every word that means a symbol, its declaration included, each once."""
    seen: set[tuple[str, int]] = set()
    for path, found in files.items():
        for each in found.occurrences:
            if same(symbol, each.symbol) and (path, each.start) not in seen:
                seen.add((path, each.start))
                yield Place(path, each.start, each.stop, each.role)


def highlights(
    files: dict[str, FileIndex], path: str, offset: int, text: Text
) -> list[types.DocumentHighlight]:
    """The uses of a name in its own file; where it is declared or replaced, as writing."""
    found = files[path].at(offset) if path in files else None
    if found is None or found.symbol is None:
        return []
    kinds = types.DocumentHighlightKind
    return [
        types.DocumentHighlight(
            text.range(place.start, place.stop),
            kinds.Write if place.role in ("declaration", "override") else kinds.Read,
        )
        for place in references({path: files[path]}, found.symbol)
    ]


def renamed(files: dict[str, FileIndex], path: str, offset: int) -> Occurrence:
    """The word that a rename at an offset would change.

    Raises:
        Refused: if there is no name that the recipe declares.
    """
    found = files[path].at(offset) if path in files else None
    if found is None or found.symbol is None:
        what = f"`{found.text}` is a word of the language" if found else "there is no name here"
        raise Refused(f"{what}; names that the recipe declares can be changed")
    if found.text.lower() != found.symbol.name.lower():
        raise Refused(f"`{found.text}` is another name of `{found.symbol.name}`")
    return found


def rename(
    snapshots: list[tuple[Snapshot, dict[str, FileIndex]]], path: str, offset: int, new: str
) -> dict[str, list[Place]]:
    """Places of a name by file, in all files that use it.

    Raises:
        Refused: if the new name can't be one, or means something else where the old one stands.
    """
    own = next(files for snapshot, files in snapshots if snapshot.path == path)
    found = renamed(own, path, offset)
    assert found.symbol is not None
    _check_name(new)
    places: dict[str, dict[int, Place]] = {}
    for _, files in snapshots:
        for where, index in files.items():
            used = [each for each in index.occurrences if same(found.symbol, each.symbol)]
            if used:
                _check_free(index, found.symbol, new, where)
            for each in used:
                places.setdefault(where, {})[each.start] = Place(where, each.start, each.stop, each.role)
    return {where: list(each.values()) for where, each in places.items()}


def _check_name(new: str) -> None:
    if not _NAME.fullmatch(new):
        raise Refused(f"`{new}` can't be a name: letters a to z, digits and `_`, not beginning with a digit")
    if len(new) > LONGEST_NAME:
        raise Refused(f"the name has {len(new)} characters; the longest has {LONGEST_NAME}")
    # Words of phrases mean something only beside each other: `early` is a good name for an axis.
    words = keywords()
    if new in (*words.items, *words.clauses, "rest", "fill", "true", "false", "base"):
        raise Refused(f"`{new}` is a word of the language")


def _check_free(index: FileIndex, symbol: Symbol, new: str, path: str) -> None:
    """The new name must mean nothing where the old one is declared or used.

    An axis is a column, and SQL doesn't tell upper from lower case.
    """
    scopes = [index.names, *index.experiments.values()]
    for names in scopes:
        if not any(same(symbol, each) for each in names.all().values()):
            continue
        for other in names.all().values():
            folded = symbol.kind == other.kind == "axis" or symbol.kind == other.kind == "experiment"
            equal = other.name.lower() == new.lower() if folded else other.name == new
            if equal and not same(symbol, other):
                raise Refused(f"`{new}` is declared already: {other.kind} `{other.name}`")
    # A name of an experiment may hide one of the file in another experiment.
    if symbol.experiment == "" and symbol.kind != "experiment":
        for names in index.experiments.values():
            if new in names.symbols:
                raise Refused(f"`{new}` is declared in experiment `{names.experiment}`")
