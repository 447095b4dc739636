"""Cutting broken text into items: what is right in it is still read."""

from __future__ import annotations

import pytest

from specc.diagnostics import Report, Source
from specc.language import ast
from specc.language.parse import parse
from specc.language.pieces import imbalance, pieces


def parsed(text: str) -> tuple[ast.File, list[tuple[str, int]]]:
    """The tree of a text; code and line of each mistake."""
    report, source = Report(), Source("case.spec", text)
    tree = parse(source, report)
    wrong = []
    for diagnostic in report.ordered():
        assert diagnostic.primary is not None
        wrong.append((diagnostic.code, source.position(diagnostic.primary.span.start)[0]))
    return tree, wrong


def test_a_broken_item_leaves_its_neighbours() -> None:
    tree, wrong = parsed("let a = 1\nlet b = = 2\nlet c = 3\n")
    assert wrong == [("E0102", 2)]
    names = [item.name.text for item in tree.items if isinstance(item, ast.Declaration)]
    assert names == ["a", "c"]


def test_what_is_broken_keeps_the_name_that_it_declares() -> None:
    tree, _ = parsed("let b = = 2\nlett c = 3\n")
    broken = [item for item in tree.items if isinstance(item, ast.Broken)]
    assert [(item.keyword, item.name and item.name.text) for item in broken] == [("let", "b"), ("lett", "c")]


def test_each_broken_part_of_a_body_is_told() -> None:
    text = "experiment e {\n  stage a from m {\n    batch : 4\n    clip = 1\n    dtype\n  }\n  seeds 0 1\n}\n"
    tree, wrong = parsed(text)
    assert wrong == [("E0102", 3), ("E0102", 5), ("E0102", 7)]
    (experiment,) = tree.items
    assert isinstance(experiment, ast.Experiment)
    stage = experiment.members[0]
    assert isinstance(stage, ast.Stage)
    assert [s.name.text for s in stage.settings if isinstance(s, ast.Setting)] == ["clip"]


@pytest.mark.parametrize(
    "text",
    [
        "let a = 1 +\n  2\n",
        "let a = [1,\n\n 2\n]\n",
        "let a =\n  adamw(\n)\n",
        "let a = 1 # one\n\n\n# two\nlet b = 2",
        "experiment e { }\n",
        "experiment e { seeds 0..1 }\n",
    ],
)
def test_where_a_line_may_end(text: str) -> None:
    assert parsed(text)[1] == []


def test_brackets_in_strings_comments_and_sql_do_not_count() -> None:
    assert imbalance('let a = "(" # [\ncompare b = ```sql select "{" ```\n') is None


@pytest.mark.parametrize(
    ("text", "kind", "offset"),
    [
        ("a (b [c) d", "open", 5),
        ("a } b", "close", 2),
        ('a "b\nc"', "string", 2),
        ("a ``` b", "sql", 2),
        ("{\n  {\n}\n", "open", 4),
        ("( }", "open", 0),
    ],
)
def test_the_bracket_to_blame(text: str, kind: str, offset: int) -> None:
    found = imbalance(text)
    assert found is not None
    assert (found.kind, found.offset) == (kind, offset)


def test_pieces_begin_at_the_first_word_of_a_line() -> None:
    text = "let a = 1\n\n# note\nstage b from c {\n  x = 1\n}\nlet d = [\n 1\n]"
    found = [text[piece.start : piece.stop] for piece in pieces(text, 0, len(text))]
    assert found == ["let a = 1", "stage b from c {\n  x = 1\n}", "let d = [\n 1\n]"]
