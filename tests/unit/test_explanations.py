"""Every code is explained, and the examples of its explanation are what they are said to be."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from framing import framed
from specc.analysis.compile import compile_file
from specc.diagnostics import render
from specc.diagnostics.codes import CODES
from specc.diagnostics.explain import FOLDER, Example, explanation

WITHOUT_EXAMPLES = {"E0002", "E0004", "E0209", "E0503", "E0702", "W0001"}
"""Codes that need files beside the recipe, or a very long one."""

QUIET = {"W0201"}
"""What is said of a part of a recipe alone: names that the rest would use."""

ROOT = Path(__file__).parents[2]


def codes_of(example: Example, folder: Path) -> tuple[set[str], str]:
    """The codes that an example gets, and what is printed."""
    path = folder / (example.file or "example.spec")
    text = example.text + "\n" if example.file else framed(example.text)
    path.write_text(text)
    report = compile_file(path, library=True).report
    return {diagnostic.code for diagnostic in report.diagnostics} - QUIET, text + render(report)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where an example stands: a folder with another beside it, and nothing of other tests."""
    for name in ("recipe", "beside"):
        (tmp_path / name).mkdir()
        shutil.copy(ROOT / "specs/models.spec", tmp_path / name / "models.spec")
    monkeypatch.chdir(tmp_path / "recipe")
    return tmp_path / "recipe"


def test_every_code_has_a_text_and_no_text_is_left_over() -> None:
    assert {path.stem for path in FOLDER.glob("*.md")} == set(CODES)
    short = [code for code in CODES if len(explanation(code).text) < 80]
    assert not short


@pytest.mark.parametrize("code", sorted(set(CODES) - WITHOUT_EXAMPLES))
def test_the_wrong_example_is_wrong_in_this_way_alone(code: str, folder: Path) -> None:
    wrong = explanation(code).wrong
    assert wrong is not None
    found, shown = codes_of(wrong, folder)
    assert found == {code} - QUIET, shown
    assert f"[{code}]" in shown


@pytest.mark.parametrize("code", sorted(set(CODES) - WITHOUT_EXAMPLES))
def test_the_right_example_compiles(code: str, folder: Path) -> None:
    right = explanation(code).right
    assert right is not None
    found, shown = codes_of(right, folder)
    assert not found, shown
    assert f"[{code}]" not in shown
