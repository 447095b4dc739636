"""What was written for large studies gives what the plain way gives."""

from __future__ import annotations

from pathlib import Path

import networkx
import pytest

from small_recipes import RECIPE, compiled, study_of
from specc.graph.plan import build_graph, ordered
from specc.study import PlannedStep


def test_steps_are_in_the_order_of_networkx(tmp_path: Path) -> None:
    text = RECIPE.replace("after [pretrain, posttrain]", "after [pretrain, posttrain] every 20%")
    study = study_of(tmp_path, text)
    order = ordered(study.steps)
    assert order == list(networkx.topological_sort(build_graph(study)))
    place = {key: number for number, key in enumerate(order)}
    assert all(place[source] < place[step.key] for step in study.steps for source in step.inputs.values())


def test_steps_in_a_circle_are_refused() -> None:
    steps = [
        PlannedStep(key=key, op="train", inputs={"parent": parent}, params={}, execution={}, label=key)
        for key, parent in (("a", "b"), ("b", "a"))
    ]
    with pytest.raises(ValueError, match="2 steps wait for each other"):
        ordered(steps)


@pytest.mark.parametrize(
    "values",
    ["0.001, 2e-3, 1e-3", "adamw(), sgd(), adamw()", "true, false, true", "10%, 25%, 0.1 * 100%"],
)
def test_a_value_that_is_in_a_sweep_twice_is_found(tmp_path: Path, values: str) -> None:
    text = RECIPE.replace("seeds 0..1", f"sweep twice in [{values}]\n  seeds 0..1")
    report = compiled(tmp_path, text).report
    assert any("is in the sweep twice" in found.title for found in report.diagnostics), report.diagnostics


def test_train_steps_of_other_seeds_differ_in_nothing_else(tmp_path: Path) -> None:
    study = study_of(tmp_path, RECIPE)
    first, second = (
        next(step for step in study.steps if step.label == f"small/early=25%/seed={seed}/pretrain")
        for seed in (0, 1)
    )
    assert first.params["seed"] == 0
    assert second.params == first.params | {"seed": 1}
    assert first.key != second.key
