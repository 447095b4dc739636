"""What was measured, what is missing, and what evaluations mean."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fake_workspace import FakeWorkspace, exposure, key
from specc.results.measured import data_identities, evaluations
from specc.results.reader import open_results
from specc.steps import Component, DataSet, EvalParams
from specc.study import Evaluation, PlannedStep, Study


def rows(workspace: FakeWorkspace, sql: str) -> list[tuple[Any, ...]]:
    connection = open_results(workspace.path)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


@pytest.fixture
def workspace(tmp_path: Path) -> FakeWorkspace:
    return FakeWorkspace(tmp_path)


def params(**changes: Any) -> dict[str, Any]:
    """Parameters of an evaluation, as plans have them."""
    given: dict[str, Any] = {
        "evaluator": Component(name="loss"),
        "data": DataSet(corpus="corpus0", split="held_out"),
        "sequence": 64,
        **changes,
    }
    return EvalParams(**given).model_dump(mode="json")


def measured_with(study: Study, name: str, **changes: Any) -> Study:
    """The study with another step behind a measure."""
    steps = tuple(replace(step, **changes) if step.key == key(name) else step for step in study.steps)
    return study.model_copy(update={"steps": steps})


def all_with(study: Study, parameters: dict[str, Any]) -> Study:
    def changed(step: PlannedStep) -> PlannedStep:
        return replace(step, params=parameters) if step.op == "eval" else step

    return study.model_copy(update={"steps": tuple(map(changed, study.steps))})


def test_the_same_data_measured_on_other_checkpoints_has_one_identity() -> None:
    study = all_with(exposure(), params())
    assert len(set(data_identities(study).values())) == 1
    assert {len(data) for data in data_identities(study).values()} == {64}


@pytest.mark.parametrize(
    "changes",
    [
        {"params": params(sequence=32)},
        {"params": params(evaluator=Component(name="choice", args={"normalise": "none"}))},
        {"params": params(data=DataSet(corpus="corpus0", split="train"))},
        {"inputs": {"checkpoint": key("0/tune"), "corpus0": key("other text")}},
    ],
)
def test_another_window_evaluator_split_or_corpus_is_another_identity(changes: dict[str, Any]) -> None:
    study = measured_with(all_with(exposure(), params()), "0/skill/tune", **changes)
    found = data_identities(study)
    own = found.pop(key("0/skill/tune"))
    assert own not in found.values()
    assert len(set(found.values())) == 1


def test_a_default_that_is_written_out_changes_no_identity() -> None:
    plain = params()
    plain.pop("dtype")
    assert data_identities(all_with(exposure(), params())) == data_identities(all_with(exposure(), plain))


def test_results_pair_only_where_they_measured_the_same(workspace: FakeWorkspace) -> None:
    study = all_with(exposure(), params())
    workspace.plan(1, measured_with(study, "0/skill/tune", params=params(sequence=32)))
    for arm in range(4):
        workspace.measure(f"{arm}/skill/tune", 1.0 + arm)
    # Of seed 0, arm 0 was measured in another window than arm 2; arms 1 and 3 of seed 1 pair.
    assert rows(workspace, "select arm, baseline.arm, difference from pairs order by arm") == [
        (1, 3, -2.0),
        (3, 1, 2.0),
    ]
    assert rows(workspace, "select count(distinct data) from results") == [(2,)]
    assert rows(workspace, "select bool_and(length(data) = 64) from pairs") == [(True,)]


def test_what_is_better_comes_with_the_study_and_else_from_the_metric(workspace: FakeWorkspace) -> None:
    study = exposure()
    assert evaluations(study) == [
        Evaluation(eval="skill", metric="loss", unit="nats per token", better="lower")
    ]
    told = Evaluation(eval="skill", metric="loss", unit="bits", better="higher")
    workspace.plan(1, study.model_copy(update={"evaluations": (told,)}))
    assert rows(workspace, "select * from evaluations") == [("exposure", "skill", "loss", "bits", "higher")]


def test_a_metric_that_nobody_knows_has_no_direction() -> None:
    study = exposure()
    odd = tuple(replace(measure, metric="oddness") for measure in study.measures)
    assert evaluations(study.model_copy(update={"measures": odd})) == [
        Evaluation(eval="skill", metric="oddness")
    ]


def test_what_is_not_measured_tells_why(workspace: FakeWorkspace) -> None:
    workspace.plan(1, exposure())
    workspace.measure("0/skill/pretrain", 1.0)
    workspace.event(1, "failed", "1/pretrain.1", error="Diverged", message="the loss is nan at step 12")
    workspace.event(1, "failed", "2/tune", error="WorkerLost", message="killed")
    found = rows(workspace, "select arm, stage, state, reason from missing order by arm, stage")
    diverged = "1/pretrain.1: the loss is nan at step 12"
    assert found == [
        (0, "tune", "missing", None),
        (1, "pretrain", "diverged", diverged),
        (1, "tune", "diverged", diverged),
        (2, "pretrain", "missing", None),
        (2, "tune", "failed", "2/tune: killed"),
        (3, "pretrain", "missing", None),
        (3, "tune", "missing", None),
    ]
    assert [math.isnan(value) for (value,) in rows(workspace, "select value from results order by arm")] == [
        False,
        True,
        True,
    ]
    # Another run makes what had failed.
    workspace.train("2/tune", {"corpus0": 512})
    assert rows(workspace, "select distinct state, reason from missing where arm = 2") == [("missing", None)]
