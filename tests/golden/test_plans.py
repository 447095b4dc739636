"""What `specc plan` prints for each recipe in this folder: NAME.spec with NAME.plan beside it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from specc.analysis.compile import compile_file
from specc.cli.compiling import make_plans
from specc.diagnostics import render
from specc.graph.show import plan_text
from specc.store import Store

if TYPE_CHECKING:
    from tests.conftest import Approve

FOLDER = Path(__file__).parent
CASES = sorted(path.stem for path in FOLDER.glob("*.spec"))


@pytest.fixture(autouse=True)
def _beside_the_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER)


def planned(case: str, workspace: Path) -> str:
    """The plan as it is printed, without the predicted time; warnings come first."""
    compilation = compile_file(f"{case}.spec")
    plans = make_plans(compilation, Store(workspace), workers=2)
    assert plans, render(compilation.report)
    text = "\n".join(plan_text(plan, all_tables=True) for plan in plans)
    return render(compilation.report) + re.sub(r"about .*? with", "about TIME with", text)


@pytest.mark.parametrize("case", CASES)
def test_the_plan_is_the_approved_one(case: str, tmp_path: Path, approve: Approve) -> None:
    approve(FOLDER / f"{case}.plan", planned(case, tmp_path / "workspace"))


def test_no_approved_plan_is_left_of_a_recipe_that_is_gone() -> None:
    assert {path.stem for path in FOLDER.glob("*.plan")} == set(CASES)
