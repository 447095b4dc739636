"""Which arms there are where `best` chooses, what they hold, and what their steps are keyed by."""

from __future__ import annotations

from pathlib import Path

import pytest

from small_recipes import codes_of, compiled, study_of
from specc.analysis import selection
from specc.analysis.resolved import ResolvedPoint
from specc.analysis.selection import candidate_of
from specc.analysis.weights import Atom, Selected
from specc.graph.cost import Rates
from specc.graph.expand import Expansion
from specc.study import Arm, PlannedStep, Study

RECIPE = """\
experiment small {
  sweep lr in [1e-3, 3e-3]
  sweep early in [25%, 50%]
  seeds 0..1
  model tiny = llama(layers = 1, width = 16, heads = 2, context = 32 tokens)
  corpus web = markov(tokens = 40K tokens, held_out = 10%)
  corpus skill = markov(tokens = 20K tokens, seed = 1, held_out = 10%)
  allocate {
    web                 { pretrain: fill, finetune: 1_280 tokens }
    skill 12_800 tokens { pretrain: early, posttrain: rest }
  }
  stage pretrain from tiny {
    budget    = 25_600 tokens
    optimizer = adamw()
    schedule  = constant(peak = 1e-3)
    batch     = 4 sequences
  }
  stage posttrain from pretrain { schedule = constant(peak = lr) }
  let chosen = best(posttrain, by = fit, over = lr)
  stage finetune from chosen { schedule = constant(peak = 1e-3) }
  eval fit = loss(skill.held_out) after [pretrain, posttrain, chosen, finetune]
}
"""


def arms_with(study: Study, stage: str) -> list[Arm]:
    held = {run.arm for run in study.stages if run.stage == stage}
    return [arm for arm in study.arms if arm.arm in held]


def steps_of(study: Study, op: str) -> list[PlannedStep]:
    return [step for step in study.steps if step.op == op]


def places(arms: list[Arm]) -> set[tuple[object, object, int]]:
    return {(arm.axes["lr"], arm.axes["early"], arm.seed) for arm in arms}


def test_what_follows_a_choice_is_one_arm_without_a_value_of_the_axis(tmp_path: Path) -> None:
    study = study_of(tmp_path, RECIPE)
    split = {(lr, early, seed) for lr in (1e-3, 3e-3) for early in (0.25, 0.5) for seed in (0, 1)}
    merged = {(None, early, seed) for early in (0.25, 0.5) for seed in (0, 1)}
    assert places(arms_with(study, "posttrain")) == split
    assert places(arms_with(study, "finetune")) == merged
    assert places(arms_with(study, "pretrain")) == split | merged
    assert len(study.arms) == len(split | merged)
    assert len({run.checkpoint for run in study.stages if run.stage == "finetune"}) == len(merged)
    assert study.arms[-1].label == "small/lr=best/early=50%/seed=1"


def test_a_choice_is_made_once_for_each_other_place_and_seed(tmp_path: Path) -> None:
    study = study_of(tmp_path, RECIPE)
    chosen = steps_of(study, "select")
    assert len(chosen) == 4
    ends = {run.checkpoint for run in study.stages if run.stage == "posttrain"}
    evals = {step.key: step for step in steps_of(study, "eval")}
    for step in chosen:
        assert step.params == {"better": "lower"}
        for number in (0, 1):
            candidate, result = step.inputs[f"candidate{number}"], step.inputs[f"result{number}"]
            assert candidate in ends
            assert evals[result].inputs["checkpoint"] == candidate
        assert set(step.execution["labels"].values()) == {"lr = 0.001", "lr = 0.003"}


def test_what_comes_after_a_choice_depends_on_what_there_was_to_choose_from(tmp_path: Path) -> None:
    before = {step.key for step in steps_of(study_of(tmp_path, RECIPE), "select")}
    wider = {
        step.key
        for step in steps_of(
            study_of(tmp_path, RECIPE.replace("[1e-3, 3e-3]", "[1e-3, 3e-3, 9e-3]")), "select"
        )
    }
    renamed = RECIPE.replace("lr", "rate").replace("early", "first").replace("[1e-3, 3e-3]", "[3e-3, 1e-3]")
    same = {step.key for step in steps_of(study_of(tmp_path, renamed), "select")}
    assert before.isdisjoint(wider)
    assert before == same


def test_a_stage_that_uses_the_axis_again_stays_in_its_arms(tmp_path: Path) -> None:
    text = RECIPE.replace(
        "from chosen { schedule = constant(peak = 1e-3) }", "from chosen { schedule = constant(peak = lr) }"
    )
    study = study_of(tmp_path, text)
    assert {axes[0] for axes in places(arms_with(study, "finetune"))} == {1e-3, 3e-3}
    parents = {step.inputs["parent"] for step in steps_of(study, "train") if "/finetune" in step.label}
    assert parents == {step.key for step in steps_of(study, "select")}
    assert {m.arm for m in study.measures if m.stage == "chosen"} == {
        arm.arm for arm in study.arms if arm.axes["lr"] is None
    }


def test_a_choice_over_all_axes_leaves_an_arm_for_each_seed(tmp_path: Path) -> None:
    study = study_of(tmp_path, RECIPE.replace("over = lr", "over = [early, lr]"))
    assert places(arms_with(study, "finetune")) == {(None, None, 0), (None, None, 1)}
    assert not [a for a in arms_with(study, "pretrain") if a.axes["early"] is None]
    assert all(len(step.inputs) == 8 for step in steps_of(study, "select"))


def test_choices_may_follow_each_other(tmp_path: Path) -> None:
    text = RECIPE.replace(
        "  eval fit",
        "  let last = best(finetune, by = fit, over = early)\n"
        "  stage again from last { schedule = constant(peak = 1e-3) }\n  eval fit",
    ).replace("finetune: 1_280 tokens", "finetune: 1_280 tokens, again: 1_280 tokens")
    study = study_of(tmp_path, text)
    assert places(arms_with(study, "finetune")) == {(None, e, s) for e in (0.25, 0.5) for s in (0, 1)}
    assert places(arms_with(study, "again")) == {(None, None, 0), (None, None, 1)}


def test_candidates_that_have_read_less_do_not_move_where_the_next_stage_begins(tmp_path: Path) -> None:
    """A child of a choice begins after the furthest read of all candidates, whichever is chosen."""
    text = RECIPE.replace(
        "web                 { pretrain: fill, finetune: 1_280 tokens }",
        "web { pretrain: fill, posttrain: more, finetune: 1_280 tokens }",
    )
    text = text.replace(
        "  seeds 0..1", "  sweep more in [0 tokens, 1_280 tokens, 2_560 tokens]\n  seeds 0..0"
    )
    text = text.replace("over = lr", "over = more")
    study = study_of(tmp_path, text)
    finetune = [step for step in steps_of(study, "train") if "/finetune" in step.label]
    starts = {step.params["sources"][0]["start"] for step in finetune}
    assert starts == {22_400 + 2_560, 19_200 + 2_560}
    assert {arm.axes["more"] for arm in arms_with(study, "finetune")} == {None}


@pytest.mark.parametrize("given", ["", " given early = 25%", " given seed = 1"])
def test_an_expectation_counts_the_rows_that_there_will_be(tmp_path: Path, given: str) -> None:
    text = RECIPE.replace("  eval fit", f"  expect mean(fit after finetune{given}) < 3\n  eval fit")
    study = study_of(tmp_path, text)
    (expectation,) = study.expectations
    arms = {
        arm.arm
        for arm in study.arms
        if ("25%" not in given or arm.axes["early"] == 0.25) and ("seed" not in given or arm.seed == 1)
    }
    rows = [m for m in study.measures if m.stage == "finetune" and m.arm in arms]
    assert expectation.terms[0].expected == len(rows) == (4 if not given else 2)


def test_a_recipe_may_change_what_is_chosen(tmp_path: Path) -> None:
    text = RECIPE.replace(
        "  eval fit",
        "  recipe late { override let chosen = best(posttrain@50%, by = fit, over = lr) }\n  eval fit",
    )
    study = study_of(tmp_path, text)
    assert len(steps_of(study, "select")) == 8
    assert {arm.recipe for arm in arms_with(study, "finetune")} == {"base", "late"}


def test_accuracy_is_better_when_it_is_higher(tmp_path: Path) -> None:
    text = RECIPE.replace(
        "corpus skill = markov(tokens = 20K tokens, seed = 1, held_out = 10%)",
        "corpus skill = facts(count = 200, held_out = 10%, max_epochs = 100)",
    )
    study = study_of(tmp_path, text.replace("loss(skill.held_out)", "exact_match(skill.held_out)"))
    assert {step.params["better"] for step in steps_of(study, "select")} == {"higher"}


def test_a_choice_among_arms_that_differ_in_more_is_told(tmp_path: Path) -> None:
    text = RECIPE.replace(
        "  sweep lr in [1e-3, 3e-3]\n  sweep early in [25%, 50%]",
        "  sweep (lr, early) in [(1e-3, 25%), (3e-3, 50%)]",
    )
    assert codes_of(tmp_path, text) == ["E0510"]
    assert not compiled(tmp_path, text.replace("over = lr", "over = [lr, early]")).report.failed


EXPRESSIONS = (
    "best(posttrain, by = fit, over = early)",
    "best(posttrain, by = fit, over = [early, lr])",
    "best(best(posttrain, by = fit, over = lr), by = fit, over = early)",
    "best(quantize(posttrain@50%, bits = 4), by = fit, over = lr)",
    "mean(best(posttrain, by = fit, over = lr), posttrain)",
    "mean(best(posttrain, by = fit, over = lr), pretrain)",
    "lerp(best(posttrain, by = fit, over = lr), posttrain, 0%)",
    "best(lerp(pretrain, posttrain, early), by = fit, over = early)",
    "perturb(best(pretrain, by = fit, over = lr), sigma = 0.1)",
    "finetune + early * (best(finetune, by = fit, over = early) - finetune)",
)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_arms_are_one_where_their_checkpoints_are_one_step(tmp_path: Path, expression: str) -> None:
    """The arms are known before the steps: what they say is the same must have the same key."""
    text = RECIPE.replace(
        "  eval fit", f"  let made = {expression}\n  eval also = loss(web.held_out) after made\n  eval fit"
    )
    compilation = compiled(tmp_path, text)
    (experiment,) = compilation.experiments
    (recipe,) = experiment.recipes
    expansion = Expansion(experiment, Rates())
    study = expansion.study()
    measured = {(m.arm, m.stage): m.key for m in study.measures if m.eval == "also"}
    by_place = {
        (arm.axes["lr"], arm.axes["early"], arm.seed): measured.get((arm.arm, "made")) for arm in study.arms
    }
    for resolved in recipe.points:
        (mark,) = next(plan.marks for plan in resolved.evals if plan.name == "also")
        assert mark.value is not None
        key = expansion.checkpoints.key(mark.value, expansion.lineage(recipe, resolved, 0))
        lr, early = (float(resolved.point[axis].value) for axis in ("lr", "early"))  # type: ignore[union-attr]
        held = [by_place.get((a, b, 0)) for a in (lr, None) for b in (early, None)]
        (found,) = (made for made in held if made is not None)
        assert next(step for step in study.steps if step.key == found).inputs["checkpoint"] == key
    assert len(set(filter(None, by_place.values()))) == sum(made is not None for made in by_place.values())


def test_without_a_choice_nothing_changes(tmp_path: Path) -> None:
    plain = RECIPE.replace("from chosen", "from posttrain").replace("posttrain, chosen,", "posttrain,")
    study = study_of(tmp_path, plain)
    assert len(study.arms) == 8
    assert not steps_of(study, "select")
    assert None not in {value for arm in study.arms for value in arm.axes.values()}


def test_candidates_are_compared_once_for_each_choice_and_not_at_each_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[int] = []

    def candidate(value: Selected, resolved: ResolvedPoint) -> Atom:
        counted.append(1)
        return candidate_of(value, resolved)

    monkeypatch.setattr(selection, "candidate_of", candidate)
    rates = ", ".join(f"{number}e-4" for number in range(1, 31))
    (experiment,) = compiled(tmp_path, RECIPE.replace("1e-3, 3e-3", rates)).experiments
    assert experiment.arms == (30 * 2 + 2) * 2
    assert 0 < len(counted) <= 10 * 30 * 2
