"""Parsing versions of a file: the same tree as from scratch, with nodes kept where the text is."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from specc.diagnostics import Report, Source, Span
from specc.language import ast
from specc.language.parse import parse
from specc.language.reparse import Reparser, start_in_file

ROOT = Path(__file__).parents[3]
RECIPES = sorted(
    path
    for folder in ("specs", "tests/golden", "tests/ui")
    for path in (ROOT / folder).rglob("*.spec")
    if path.is_file() and path.stat().st_size < 100_000
)


def shape(node: Any) -> Any:
    """A tree as nested tuples, with the place of every span in the file."""
    if isinstance(node, Span):
        return (start_in_file(node), node.text, node.source.position(node.start))
    if dataclasses.is_dataclass(node):
        values = [getattr(node, field.name) for field in dataclasses.fields(node) if field.name != "start"]
        return (type(node).__name__, *map(shape, values))
    if isinstance(node, tuple):
        return tuple(map(shape, node))
    return node


def told(report: Report) -> list[Any]:
    """What a report says, in order of place."""
    return [
        (d.code, d.title, d.help, d.primary and d.primary.span.source.position(d.primary.span.start))
        for d in report.ordered()
    ]


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace").replace("\r\n", "\n")


def both(text: str, reparser: Reparser) -> tuple[ast.File, Report]:
    """The tree of a text, after a comparison with the one that is parsed from scratch."""
    fresh, again = Report(), Report()
    wanted = parse(Source("a.spec", text), fresh)
    found = reparser.parse(Source("a.spec", text), again)
    assert told(again) == told(fresh)
    assert shape(found.items) == shape(wanted.items)
    return found, again


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_pieces_make_the_tree_that_the_whole_file_makes(path: Path) -> None:
    both(read(path), Reparser())


def edits(text: str, seed: int, count: int) -> Iterator[str]:
    """Versions of a text: characters and lines put in, taken out, doubled and moved."""
    draw = random.Random(seed)
    for _ in range(count):
        lines = text.split("\n")
        place = draw.randrange(len(lines))
        match draw.randrange(6):
            case 0:
                lines.insert(place, draw.choice(["", "# a comment", "seeds 0..1", "let x = 3", "stage"]))
            case 1:
                del lines[place]
            case 2:
                lines.insert(place, lines[draw.randrange(len(lines))])
            case _:
                at = draw.randrange(len(lines[place]) + 1)
                new = draw.choice(["x", " ", "9", "%", '"', "{", "}", "(", ",", "= 2", "\n"])
                lines[place] = lines[place][:at] + new + lines[place][at + draw.randrange(2) :]
        text = "\n".join(lines) or "\n"
        yield text


@pytest.mark.parametrize("seed", range(4))
def test_after_any_edit_the_tree_is_the_one_from_scratch(seed: int) -> None:
    text = read(ROOT / "specs/early_exposure/facts.spec")
    reparser = Reparser()
    both(text, reparser)
    for version in edits(text, seed, 12):
        both(version, reparser)
        both(text, reparser)


TEXT = """let a = 1
experiment one {
  seeds 0..1
  let b = 2
}
experiment two {
  seeds 0..1
  let b = 2
}
"""


def test_a_change_keeps_the_nodes_of_other_experiments_and_members() -> None:
    reparser = Reparser()
    before, _ = both(TEXT, reparser)
    after, _ = both(TEXT.replace("let b = 2", "let b = 3", 1), reparser)
    assert after.items[0] is before.items[0]
    assert after.items[2] is before.items[2]
    one, was = after.items[1], before.items[1]
    assert isinstance(one, ast.Experiment)
    assert isinstance(was, ast.Experiment)
    assert one is not was
    assert one.members[0] is was.members[0]


def test_a_line_put_in_above_moves_nodes_without_making_new_ones() -> None:
    reparser = Reparser()
    before, _ = both(TEXT, reparser)
    two = before.items[2]
    assert isinstance(two, ast.Experiment)
    assert str(two.name.span) == "a.spec:6:12"
    after, _ = both("# why\n\n" + TEXT, reparser)
    assert after.items[2] is two
    assert str(two.name.span) == "a.spec:8:12"
    assert str(two.members[1].span) == "a.spec:10:3"
    assert start_in_file(two.members[1].span) == ("# why\n\n" + TEXT).rindex("let b")


def test_an_experiment_that_moves_keeps_what_was_said_of_its_members() -> None:
    reparser = Reparser()
    text = TEXT.replace("seeds 0..1", "seeds 0.. 1 2")
    _, first = both(text, reparser)
    assert len(first.diagnostics) == 2
    for lines in (1, 3, 0, 2):
        _, again = both("#\n" * lines + text, reparser)
        assert len(again.diagnostics) == 2


def test_two_experiments_of_one_text_share_no_node() -> None:
    reparser = Reparser()
    for _ in range(2):
        tree, _ = both(TEXT.replace("two", "one"), reparser)
        first, second = tree.items[1:]
        assert first is not second
        assert isinstance(first, ast.Experiment)
        assert isinstance(second, ast.Experiment)
        assert not {id(part) for part in first.members} & {id(part) for part in second.members}
