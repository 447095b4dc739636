"""The syntax tree written back: every item of every recipe in this repository is read as the same again."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from specc.diagnostics import Report, Source
from specc.language import ast
from specc.language.parse import parse
from specc.language.write import TooLong, expression, statement

ROOT = Path(__file__).parents[3]
RECIPES = sorted(
    path for folder in ("specs", "tests/golden", "tests/ui") for path in (ROOT / folder).rglob("*.spec")
)


def members(path: Path) -> list[ast.Member]:
    """Items of the experiments of a file that have a text of their own: nothing broken, nothing extended."""
    try:
        text = path.read_text(encoding="utf-8")
    except (UnicodeDecodeError, IsADirectoryError):
        return []
    report = Report()
    tree = parse(Source(path.name, text), report)
    found = [m for item in tree.items if isinstance(item, ast.Experiment) for m in item.members]
    whole = [m for m in found if not (isinstance(m, ast.Recipe) and (m.parameters or m.extends))]
    return [] if report.failed else whole


def shape(part: object) -> object:
    """A tree without places."""
    if isinstance(part, ast.Node):
        names = [field.name for field in fields(part) if field.name not in ("span", "start")]
        return type(part).__name__, [shape(getattr(part, name)) for name in names]
    return [shape(item) for item in part] if isinstance(part, tuple) else part


def read_again(text: str) -> ast.Member:
    (experiment,) = parse(Source("", f"experiment x {{\n{text}\n}}\n"), Report()).items
    assert isinstance(experiment, ast.Experiment)
    (member,) = experiment.members
    return member


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_what_is_written_is_read_as_the_same_tree(path: Path) -> None:
    for member in members(path):
        assert shape(read_again(statement(member))) == shape(member)


@pytest.mark.parametrize(
    "text",
    [
        "a - (b - c)",
        "(a + b) * c",
        "a / (b * c)",
        "-(a + b)",
        "(-a) * b",
        "-(-x)",
        "(a + b)@50%",
        "a@(1 / 2)@b",
        "(a * 2) with (b = (1, 2))",
        "(1,)",
        "[(1, [2]), -x]",
        '"\\"quoted\\" \\\\ back"',
    ],
)
def test_brackets_stand_where_they_are_needed(text: str) -> None:
    member = read_again(f"let it = {text}")
    assert shape(read_again(statement(member))) == shape(member)


def test_a_tree_whose_text_would_be_endless_is_refused() -> None:
    report = Report()
    (item,) = parse(Source("", "let it = 1"), report).items
    assert isinstance(item, ast.Declaration)
    value: ast.Expression = item.value
    plus = ast.Operator(item.span, "+")
    for _ in range(60):
        value = ast.Arithmetic(item.span, value, ((plus, value),))
    with pytest.raises(TooLong):
        expression(value)
