"""Rows of a study are made unchecked, and checked as strictly as models where a study is read."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from pydantic import ValidationError

from specc.study import Arm, Cell, Measure, PlannedStep, StageRun, Study

STUDY = Study(
    experiment="small",
    arms=(Arm(arm=0, recipe="base", axes={"early": 0.5}, seed=1, label="small/early=50%/seed=1"),),
    cells=(Cell(arm=0, stage="a", corpus="web", nominal=10, planned=8, epochs=0.5, role="corpus0"),),
    stages=(
        StageRun(
            arm=0,
            stage="a",
            parent="tiny",
            steps=2,
            tokens=8,
            flops=1.5,
            segments=("k",),
            ends=(2,),
            checkpoint="k",
        ),
    ),
    measures=(
        Measure(arm=0, eval="loss", metric="loss", stage="a", position=1.0, steps=2, tokens=8, key="e"),
    ),
    steps=(PlannedStep(key="k", op="train", inputs={}, params={"steps": 2}, execution={}, label="a"),),
)


def test_a_study_reads_back_as_it_was_written() -> None:
    assert Study.model_validate_json(STUDY.model_dump_json()) == STUDY


@pytest.mark.parametrize("rows", ["arms", "cells", "stages", "measures", "steps"])
@pytest.mark.parametrize("change", [{"unknown": 1}, {"arm": "x", "key": 1}])
def test_a_row_with_an_unknown_or_wrong_field_is_refused(rows: str, change: dict[str, Any]) -> None:
    data = json.loads(STUDY.model_dump_json())
    wrong = {name: value for name, value in change.items() if name == "unknown" or name in data[rows][0]}
    data[rows][0] |= wrong
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        Study.model_validate(data)


def test_rows_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        STUDY.arms[0].seed = 2  # type: ignore[misc]  # that it can't be is what is tested
