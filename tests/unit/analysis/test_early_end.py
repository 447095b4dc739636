"""The end of a stage by an evaluation, as it is planned."""

from __future__ import annotations

from pathlib import Path

import pytest

from small_recipes import points_of, study_of
from specc.steps import TrainParams
from specc.study import PlannedStep, Study

RECIPE = """\
experiment ends {{
  model tiny = llama(layers = 1, width = 16, heads = 2, context = 32 tokens)
  corpus web = markov(tokens = 40K tokens, held_out = 10%)
  allocate {{
    web {{ pretrain: 12_800 tokens, finetune: 12_800 tokens, last: 640 tokens }}
  }}
  stage pretrain from tiny {{
    optimizer = adamw()
    schedule  = wsd(peak = 1e-3, warmup = 10%, decay = 20%)
    batch     = 4 sequences
  }}
  stage finetune from pretrain {{
    {until}
  }}
  stage last from finetune {{}}
  eval fit = {fit} after last
}}
"""
UNTIL = "until = early_stop(fit, every = 25%)"


def study(folder: Path, until: str = UNTIL, fit: str = "loss(web.held_out)") -> Study:
    return study_of(folder, RECIPE.format(until=until, fit=fit))


def finetune(found: Study) -> list[PlannedStep]:
    (run,) = (run for run in found.stages if run.stage == "finetune")
    steps = {step.key: step for step in found.steps}
    return [steps[key] for key in run.segments]


def test_it_is_one_state_of_all_that_may_be_read(tmp_path: Path) -> None:
    (step,) = finetune(study(tmp_path))
    params = TrainParams.model_validate(step.params)
    assert params.steps == 100
    assert params.phases[-1].stop == 100
    assert params.until is not None
    assert (params.until.every, params.until.patience, params.until.better) == (25, 3, "lower")
    assert "resume" not in step.inputs
    assert step.inputs["until"] == step.inputs["corpus0"]
    assert step.tokens == 12_800
    # Without it the plateau is a state of its own, to be shared.
    assert len(finetune(study(tmp_path, until=""))) == 2


@pytest.mark.parametrize(
    ("until", "fit"),
    [
        ("until = early_stop(fit, every = 20%)", "loss(web.held_out)"),
        ("until = early_stop(fit, every = 25%, patience = 2)", "loss(web.held_out)"),
        ("until = early_stop(fit, every = 25%, restore = false)", "loss(web.held_out)"),
        ("until = early_stop(fit, every = 25%, min = 10 steps)", "loss(web.held_out)"),
        (UNTIL, "loss(take(web.held_out, 500 tokens))"),
        (UNTIL, "perplexity(web.held_out)"),
        ("", "loss(web.held_out)"),
    ],
)
def test_whatever_it_is_judged_by_is_in_its_key(tmp_path: Path, until: str, fit: str) -> None:
    assert finetune(study(tmp_path))[-1].key != finetune(study(tmp_path, until, fit))[-1].key


def test_what_is_its_default_is_not_in_its_key(tmp_path: Path) -> None:
    spelled = "until = early_stop(fit, every = 25 steps, patience = 3, min_delta = 0, restore = true)"
    assert finetune(study(tmp_path))[-1].key == finetune(study(tmp_path, spelled))[-1].key


def test_later_stages_read_on_behind_the_most_it_may_read(tmp_path: Path) -> None:
    (point,) = points_of(tmp_path, RECIPE.format(until=UNTIL, fit="loss(web.held_out)"))
    (reading,) = point.stages["last"].readings
    assert reading.start == 25_600


def test_its_evaluations_are_part_of_what_it_costs(tmp_path: Path) -> None:
    rare, often = (
        finetune(study(tmp_path, f"until = early_stop(fit, every = {every}%)"))[-1].flops for every in (50, 5)
    )
    plain = sum(step.flops for step in finetune(study(tmp_path, until="")))
    assert often - plain == pytest.approx(10 * (rare - plain))
    assert rare > plain
