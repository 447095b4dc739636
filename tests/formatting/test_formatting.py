"""What `specc fmt` writes for each recipe in this folder: NAME.spec with NAME.formatted beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from specc.analysis.load import decoded
from specc.diagnostics import Report
from specc.formatting import NotARecipe, format_text
from specc.formatting.format import Mangled
from specc.formatting.page import WIDTH, Page

if TYPE_CHECKING:
    from tests.conftest import Approve

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
CASES = sorted(path.stem for path in FOLDER.glob("*.spec"))
CLEAN = sorted([*(ROOT / "specs").rglob("*.spec"), *(ROOT / "tests/golden").glob("*.spec")])


@pytest.mark.parametrize("case", CASES)
def test_the_form_is_the_approved_one(case: str, approve: Approve) -> None:
    formed = format_text((FOLDER / f"{case}.spec").read_text(encoding="utf-8"))
    approve(FOLDER / f"{case}.formatted", formed)
    assert format_text(formed) == formed


def test_no_approved_form_is_left_of_a_recipe_that_is_gone() -> None:
    assert {path.stem for path in FOLDER.glob("*.formatted")} == set(CASES)


@pytest.mark.parametrize("path", CLEAN, ids=lambda path: path.stem)
def test_recipes_that_ship_are_in_their_form(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert format_text(text) == text


def test_lines_are_broken_at_the_width_unless_nothing_in_them_can_be() -> None:
    lines = (FOLDER / "long_lines.formatted").read_text(encoding="utf-8").splitlines()
    longer = [line for line in lines if len(line) > WIDTH]
    assert len(longer) == 1, longer
    assert "can't be broken" in longer[0]


@pytest.mark.parametrize("text", ["", "\n", " \t\n\n", "\r\n"])
def test_nothing_stays_nothing(text: str) -> None:
    assert format_text(text) == ""


def test_comments_alone_are_a_recipe() -> None:
    assert format_text("\n\n# one\n\n\n\n   # two  \n# three\n\n") == "# one\n\n# two\n# three\n"


def test_line_ends_and_byte_order_marks_become_plain() -> None:
    assert (
        format_text("\ufefflet a = 1\r\n# why\r\nlet b = [1,\r\n 2]\r\n")
        == "let a = 1\n# why\nlet b = [1, 2]\n"
    )


def test_other_line_separators_end_no_line() -> None:
    text = 'let a = "one\u2028two\x85three"  # four\u2029five\x0bsix\n'
    assert format_text(text) == text


def test_a_tuple_of_one_keeps_its_comma_and_a_value_in_brackets_gets_none() -> None:
    assert format_text("let a = ((1,), (2), (3, 4,))") == "let a = ((1,), (2), (3, 4))\n"
    name = "x" * 90
    assert format_text(f"let a = (({name}))\nlet b = ({name},)\n") == (
        f"let a = (\n  ({name})\n)\nlet b = (\n  {name},\n)\n"
    )


def test_numbers_and_strings_are_left_as_written() -> None:
    text = r'let a = [1_000, 1e3, 1E-3, 007, 2.50%, 20M tokens, "a  \"  b", ""]' + "\n"
    assert format_text(text) == text


def test_columns_count_wide_characters_twice() -> None:
    formed = format_text('let a = "漢字" # one\nlet b = "abc" # two\n')
    assert formed == 'let a = "漢字"  # one\nlet b = "abc"   # two\n'


def test_what_cannot_be_parsed_is_refused_with_its_mistakes() -> None:
    with pytest.raises(NotARecipe) as caught:
        format_text("let a = \nlet b = (1\n")
    assert [diagnostic.code for diagnostic in caught.value.report.diagnostics] == ["E0103"]


def test_a_text_larger_than_a_recipe_may_be_is_refused() -> None:
    with pytest.raises(NotARecipe) as caught:
        format_text("# long\n" * 100_000)
    assert [diagnostic.code for diagnostic in caught.value.report.diagnostics] == ["E0004"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text.replace("1", "2"),
        lambda text: text.replace("# one", "# two"),
        lambda text: text.replace("# one", ""),
        lambda text: text.replace("let b", "let"),
        lambda text: text.replace("'x'", "'y'"),
        lambda text: text.replace(",)", ")"),
    ],
)
def test_a_form_that_means_something_else_is_never_given(
    damage: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert callable(damage)
    written = Page.text
    monkeypatch.setattr(Page, "text", lambda page: damage(written(page)))
    with pytest.raises(Mangled):
        format_text("let  a = 1 # one\nlet b = (c,)\nexperiment d { compare e = ```sql select 'x' ``` }\n")


def test_the_deepest_nesting_is_formatted() -> None:
    for opening, closing in (
        ("(1 + 2 * -", ")"),
        ("f(a = 1 + -", ")"),
        ("[1 / ", "]"),
        ("f(a after b * ", ")"),
    ):
        text = f"let a = {opening * 32}1{closing * 32}\n"
        assert format_text(format_text(text)) == format_text(text)


@pytest.mark.parametrize("end", ["\r\n", "\r\r\n"])
def test_a_text_is_read_and_formed_the_same_whatever_ends_its_lines(end: str) -> None:
    plain = (FOLDER / "queries.spec").read_bytes().decode().replace("select", "select\r", 1)
    other = plain.replace("\n", end)
    read = decoded(other.encode(), "a.spec", None, Report())
    assert read is not None
    assert read.text == plain
    assert format_text(other) == format_text(plain)
