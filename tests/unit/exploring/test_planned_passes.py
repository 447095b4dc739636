"""An optimizer that goes through each batch twice costs twice the operations, in plans as in records."""

from __future__ import annotations

from pathlib import Path

from explored import RECIPE, changed

from small_recipes import study_of


def test_sam_doubles_the_operations_of_the_stages_that_it_trains(tmp_path: Path) -> None:
    before = study_of(tmp_path, RECIPE)
    after = study_of(tmp_path, changed(("adamw(beta2 = 0.9)", "sam(rho = 0.1, beta2 = 0.9)")))
    trained = {"pretrain": 2, "posttrain": 2}  # settings are inherited from the parent
    for old, new in zip(before.stages, after.stages, strict=True):
        assert new.flops == trained[new.stage] * old.flops
    for old_step, new_step in zip(before.steps, after.steps, strict=True):
        assert new_step.flops == (2 if new_step.op == "train" else 1) * old_step.flops
        if new_step.op == "train":
            assert new_step.params["optimizer"] == {
                "name": "sam",
                "args": {"rho": 0.1, "beta2": 0.9},
                "plugin": "",
            }
            assert new_step.key != old_step.key
