"""What is retained along a lineage, and the functions in the published file."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from fake_workspace import FakeWorkspace, exposure
from specc.quantities.registry import FUNCTIONS
from specc.results import generations
from specc.results.reader import open_results
from specc.study import Evaluation, Study


def renamed(study: Study) -> Study:
    """The study with two names for one evaluation: `im` after pretrain and `ret` after tune."""
    names = {"pretrain": "im", "tune": "ret"}
    measures = tuple(replace(each, eval=names[each.stage]) for each in study.measures)
    return study.model_copy(update={"measures": measures})


def rows(workspace: FakeWorkspace, sql: str) -> list[tuple[Any, ...]]:
    connection = open_results(workspace.path)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def measured(folder: Path, study: Study) -> FakeWorkspace:
    """All arms measured, the last one's lineage diverged in tune."""
    workspace = FakeWorkspace(folder)
    workspace.plan(1, study)
    for arm in range(4):
        workspace.measure(f"{arm}/skill/pretrain", 1.0 + arm)
        workspace.measure(f"{arm}/skill/tune", 1.5 + 2 * arm if arm < 3 else None)
    return workspace


EVERY = "select arm, eval, eval_after, after, stage, immediate, retained, forgotten, ratio from retention"


@pytest.mark.parametrize("two_names", [False, True])
def test_retention_is_along_the_lineage_whatever_the_evaluations_are_called(
    tmp_path: Path, two_names: bool
) -> None:
    study = renamed(exposure()) if two_names else exposure()
    found = rows(measured(tmp_path, study), EVERY + " order by arm")
    late, early = ("ret", "im") if two_names else ("skill", "skill")
    assert [row[:5] for row in found] == [(arm, late, early, "pretrain", "tune") for arm in range(4)]
    for arm, row in enumerate(found[:3]):
        immediate, retained = 1.0 + arm, 1.5 + 2 * arm
        assert row[5:] == (immediate, retained, retained - immediate, retained / immediate)
    assert math.isnan(found[3][7])


def test_where_higher_is_better_less_is_forgotten(tmp_path: Path) -> None:
    evaluation = Evaluation(eval="skill", metric="loss", unit="", better="higher")
    study = exposure().model_copy(update={"evaluations": (evaluation,)})
    found = rows(
        measured(tmp_path, study), "select better, forgotten from retention where arm < 3 order by arm"
    )
    assert found == [("higher", -0.5), ("higher", -1.5), ("higher", -2.5)]


@pytest.fixture(scope="module")
def workspaces(tmp_path_factory: pytest.TempPathFactory) -> list[FakeWorkspace]:
    empty = FakeWorkspace(tmp_path_factory.mktemp("empty"))
    empty.plan(1, exposure())
    filled = measured(tmp_path_factory.mktemp("filled"), exposure())
    return [empty, filled]


def test_a_plain_duckdb_shell_has_the_functions_and_runs_their_examples(
    workspaces: list[FakeWorkspace],
) -> None:
    for workspace in workspaces:
        open_results(workspace.path).close()
        generation = generations.current(workspace.path)
        assert generation is not None
        file = str(generations.generation_path(workspace.path, generation))
        with duckdb.connect(file, read_only=True) as shell:
            for macro in FUNCTIONS.values():
                shell.execute(macro.example).fetchall()
        with duckdb.connect() as other:  # under another name, too
            other.execute(f"ATTACH '{file}' AS study (READ_ONLY)")
            query = "SELECT study.main.best_on_axis(early, seed, value).at FROM study.main.results"
            assert other.execute(query).fetchall() == [(0.0 if workspace is workspaces[1] else None,)]
            query = "SELECT study.main.value_at(study.main.points(arm, value), 0.5) FROM study.main.results"
            other.execute(query).fetchall()
