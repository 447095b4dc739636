"""Checkpoint arithmetic against vectors: an expression is what it does to numbers."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from small_recipes import RECIPE, compiled, points_of, study_of
from specc.analysis.values import StageValue
from specc.analysis.weights import Combination, arithmetic, is_delta, plain, terms_of, total
from specc.diagnostics import Source, Span, render
from specc.study import Study

SPAN = Span(Source("case.spec", "x"), 0, 1)
STAGES = {name: StageValue(name, None, SPAN) for name in "abc"}
Vector = dict[str, Fraction]

patient = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
numbers = st.fractions(min_value=-3, max_value=3, max_denominator=7)


def vector(value: StageValue | Combination) -> Vector:
    """A value as numbers: what it does to checkpoints of one weight each."""
    return {atom.stage: weight for atom, weight in terms_of(value) if weight and isinstance(atom, StageValue)}


def added(a: Vector, b: Vector, factor: Fraction = Fraction(1)) -> Vector:
    names = a.keys() | b.keys()
    found = {name: a.get(name, Fraction(0)) + factor * b.get(name, Fraction(0)) for name in names}
    return {name: weight for name, weight in found.items() if weight}


@st.composite
def checkpoints(draw: st.DrawFn, depth: int = 3) -> tuple[StageValue | Combination, Vector]:
    """A checkpoint that is computed in some way, and what it is as numbers."""
    name = draw(st.sampled_from("abc"))
    if depth == 0 or draw(st.booleans()):
        return STAGES[name], {name: Fraction(1)}
    base, numbers_of_base = draw(checkpoints(depth=depth - 1))
    delta, numbers_of_delta = draw(deltas(depth=depth - 1))
    made = total([(base, Fraction(1)), (delta, Fraction(1))], SPAN, delta=False)
    assert isinstance(made, Combination)
    return made, added(numbers_of_base, numbers_of_delta)


@st.composite
def deltas(draw: st.DrawFn, depth: int = 3) -> tuple[Combination, Vector]:
    """A scaled difference of two checkpoints."""
    (first, a), (second, b) = draw(checkpoints(depth=depth)), draw(checkpoints(depth=depth))
    factor = draw(numbers)
    made = total([(first, factor), (second, -factor)], SPAN, delta=True)
    assert isinstance(made, Combination)
    return made, added({k: v * factor for k, v in a.items() if v * factor}, b, -factor)


@given(checkpoints())
@patient
def test_a_checkpoint_is_the_sum_of_its_terms_and_they_sum_to_one(
    made: tuple[StageValue | Combination, Vector],
) -> None:
    value, expected = made
    assert not is_delta(value)
    assert vector(value) == expected
    assert sum(vector(value).values()) == 1


@given(deltas())
@patient
def test_a_delta_sums_to_nothing(made: tuple[Combination, Vector]) -> None:
    value, expected = made
    assert is_delta(value)
    assert vector(value) == expected
    assert sum(vector(value).values(), Fraction(0)) == 0


@given(checkpoints(), checkpoints())
@patient
def test_equal_sums_are_equal_values_and_equal_hashes(
    one: tuple[StageValue | Combination, Vector], other: tuple[StageValue | Combination, Vector]
) -> None:
    (a, vector_a), (b, vector_b) = one, other
    assert (plain(a) == plain(b)) == (vector_a == vector_b)
    if vector_a == vector_b:
        assert hash(plain(a)) == hash(plain(b))


# ---- as written


def value_of(folder: Path, expression: str) -> object:
    text = RECIPE.replace(
        "  eval fit",
        f"  let made = {expression}\n  eval made_fit = loss(skill.held_out) after made\n  eval fit",
    )
    point = points_of(folder, text)[0]
    return next(mark.value for plan in point.evals for mark in plan.marks if plan.name == "made_fit")


SAME = (
    "pretrain + 0.5 * (posttrain - pretrain)",
    "lerp(pretrain, posttrain, 50%)",
    "mean(pretrain, posttrain)",
    "mean(posttrain, pretrain)",
    "mean([pretrain, posttrain], weights = [2, 2])",
    "posttrain - (posttrain - pretrain) / 2",
    "posttrain + -(posttrain - pretrain) / 2",
    "pretrain - -(posttrain - pretrain) * 50%",
    "mean(pretrain, posttrain, pretrain, posttrain)",
    "lerp(mean(pretrain, posttrain), mean(posttrain, pretrain), 30%)",
)


@pytest.mark.parametrize("expression", SAME)
def test_ways_to_write_the_middle_are_one_value(tmp_path: Path, expression: str) -> None:
    assert value_of(tmp_path, expression) == value_of(tmp_path, SAME[0])


@given(
    first=st.fractions(min_value=0, max_value=1, max_denominator=20),
    second=st.fractions(min_value=-2, max_value=2, max_denominator=20),
)
@patient
def test_lerp_and_arithmetic_agree_for_every_share(first: Fraction, second: Fraction) -> None:
    a, b = STAGES["a"], STAGES["b"]
    delta = arithmetic(b, "-", a, SPAN, SPAN)
    assert isinstance(delta, Combination)
    by_sum = total([(a, Fraction(1)), (delta, first), (delta, second)], SPAN, delta=False)
    assert isinstance(by_sum, Combination)
    t = first + second
    assert vector(by_sum) == {k: v for k, v in {"a": 1 - t, "b": t}.items() if v}


def steps_of(study: Study, op: str) -> set[str]:
    return {step.key for step in study.steps if step.op == op}


def with_evals(*expressions: str) -> str:
    evals = [
        f"  eval e{number} = loss(skill.held_out) after {each}" for number, each in enumerate(expressions)
    ]
    return RECIPE.replace("  eval fit", "\n".join([*evals, "  eval fit"]))


def test_ways_to_write_the_middle_are_one_step(tmp_path: Path) -> None:
    study = study_of(tmp_path, with_evals(*SAME))
    assert len(steps_of(study, "combine")) == len(study.arms)
    one = next(step for step in study.steps if step.op == "combine")
    assert sorted(one.params["weights"]) == ["1/2", "1/2"]
    assert {m.stage for m in study.measures if m.eval == "e0"} == {SAME[0]}


def test_a_sum_of_one_checkpoint_is_that_checkpoint(tmp_path: Path) -> None:
    text = with_evals(
        "pretrain + 0 * (posttrain - pretrain)", "mean(pretrain)", "lerp(pretrain, posttrain, 0%)"
    )
    study = study_of(tmp_path, text)
    assert not steps_of(study, "combine")
    keys = {
        m.eval: {n.key for n in study.measures if n.eval == m.eval and n.arm == 0} for m in study.measures
    }
    of_pretrain = {m.key for m in study.measures if m.arm == 0 and m.stage == "pretrain"}
    assert keys["e0"] == keys["e1"] == keys["e2"] == of_pretrain


def test_transforms_of_one_checkpoint_are_one_step_however_they_are_written(tmp_path: Path) -> None:
    text = with_evals(
        "quantize(posttrain, bits = 4)",
        "quantize(checkpoint = posttrain, group = 0, bits = 4)",
        "quantize(mean(posttrain), bits = 8) with (bits = 4)",
        "quantize(posttrain, bits = 3)",
    )
    study = study_of(tmp_path, text)
    assert len(steps_of(study, "transform")) == 2 * len(study.arms)


def test_noise_differs_from_seed_to_seed_and_rounding_does_not(tmp_path: Path) -> None:
    study = study_of(tmp_path, with_evals("perturb(tiny, sigma = 0.1)", "quantize(tiny, bits = 4)"))
    seeds = {
        step.params["component"]["name"]: set[object]() for step in study.steps if step.op == "transform"
    }
    for step in study.steps:
        if step.op == "transform":
            seeds[step.params["component"]["name"]].add(step.params["seed"])
    assert seeds == {"perturb": {0, 1}, "quantize": {None}}


def test_long_chains_of_transforms_end_in_a_message(tmp_path: Path) -> None:
    lets = ["  let q0 = quantize(posttrain, bits = 4)"]
    lets += [f"  let q{n} = quantize(q{n - 1}, bits = 4)" for n in range(1, 300)]
    text = RECIPE.replace("  eval fit", "\n".join([*lets, "  eval fit"]))
    report = compiled(tmp_path, text).report
    assert {d.code for d in report.diagnostics} == {"E0505"}, render(report)


def test_expressions_that_double_are_no_work(tmp_path: Path) -> None:
    lets = ["  let x0 = mean(pretrain, posttrain)"]
    for n in range(1, 45):
        lets.append(f"  let x{n} = mean(quantize(x{n - 1}, bits = 4), prune(x{n - 1}, share = 10%))")
    lets.append("  eval last = loss(skill.held_out) after x44")
    text = RECIPE.replace("  eval fit", "\n".join([*lets, "  eval fit"]))
    study = study_of(tmp_path, text)
    assert len(steps_of(study, "transform")) == 44 * 2 * len(study.arms)


def test_weights_of_too_many_digits_end_in_a_message(tmp_path: Path) -> None:
    lets = ["  let y0 = mean(pretrain, posttrain)"]
    lets += [f"  let y{n} = lerp(y{n - 1}, pretrain, 0.123456789012345)" for n in range(1, 60)]
    text = RECIPE.replace("  eval fit", "\n".join([*lets, "  eval fit"]))
    assert {d.code for d in compiled(tmp_path, text).report.diagnostics} == {"E0303"}


def test_checkpoints_that_are_computed_can_be_swept(tmp_path: Path) -> None:
    text = RECIPE.replace(
        "  seeds 0..1",
        "  sweep start in [posttrain, mean(pretrain, posttrain), quantize(posttrain, bits = 4)]\n"
        "  seeds 0..0",
    )
    text = text.replace(
        "  eval fit = loss(skill.held_out) after [pretrain, posttrain]",
        "  stage finetune from start { schedule = constant(peak = 1e-3) }\n"
        "  eval fit = loss(skill.held_out) after [start, finetune]",
    )
    text = text.replace(
        "web              { pretrain: fill }", "web { pretrain: fill, finetune: 1_280 tokens }"
    )
    study = study_of(tmp_path, text)
    labels = ("posttrain", "mean(pretrain, posttrain)", "quantize(posttrain, bits = 4)")
    assert tuple(axis.values for axis in study.axes if axis.name == "start") == (labels,)
    parents = {run.arm: run.parent for run in study.stages if run.stage == "finetune"}
    starts = {arm.arm: arm.axes["start"] for arm in study.arms}
    assert parents == starts
    assert {m.stage for m in study.measures} == {*labels, "finetune"}


def test_settings_come_from_the_stage_that_is_written_first(tmp_path: Path) -> None:
    def batch(parent: str) -> int:
        text = RECIPE.replace(
            "  eval fit", f"  stage merged from {parent} {{ schedule = constant(peak = 1e-3) }}\n  eval fit"
        )
        text = text.replace(
            "schedule = constant(peak = 5e-4)", "schedule = constant(peak = 5e-4)\n    batch = 8 sequences"
        )
        text = text.replace("{ pretrain: fill }", "{ pretrain: fill, merged: 2_560 tokens }")
        return points_of(tmp_path, text)[0].stages["merged"].settings.batch

    assert batch("mean(pretrain, posttrain)") == 4
    assert batch("mean(posttrain, pretrain)") == 8
    assert batch("lerp(posttrain, pretrain, 100%)") == 8
    assert batch("quantize(posttrain + 0.5 * (pretrain - posttrain), bits = 4)") == 8


def test_a_child_of_a_sum_reads_on_after_the_furthest_of_its_stages(tmp_path: Path) -> None:
    text = RECIPE.replace(
        "  eval fit",
        "  stage merged from mean(pretrain@50%, posttrain) { schedule = constant(peak = 1e-3) }\n  eval fit",
    )
    text = text.replace("{ pretrain: fill }", "{ pretrain: fill, merged: 1_280 tokens }")
    text = text.replace(
        "12_800 tokens { pretrain: early, posttrain: rest }",
        "{ pretrain: 3_200 tokens, posttrain: 6_400 tokens, merged: 1_280 tokens }",
    )
    stages = points_of(tmp_path, text)[0].stages
    starts = {reading.corpus.name: reading.start for reading in stages["merged"].readings}
    assert starts == {"web": 25_600 - 3_200, "skill": 3_200 + 6_400}


def test_a_stage_without_tokens_passes_a_sum_through(tmp_path: Path) -> None:
    text = RECIPE.replace("  seeds 0..1", "  sweep extra in [0 tokens, 1_280 tokens]\n  seeds 0..0").replace(
        "  eval fit = loss(skill.held_out) after [pretrain, posttrain]",
        "  stage merged from mean(pretrain, posttrain) { schedule = constant(peak = 1e-3) }\n"
        "  eval fit = loss(skill.held_out) after [merged, lerp(pretrain, posttrain, 50%)]",
    )
    study = study_of(tmp_path, text.replace("{ pretrain: fill }", "{ pretrain: fill, merged: extra }"))
    sums = steps_of(study, "combine")
    merged = {run.arm: run.checkpoint for run in study.stages if run.stage == "merged"}
    for arm in study.arms:
        assert (merged[arm.arm] in sums) == (arm.axes["extra"] == 0)
        keys = {m.key for m in study.measures if m.arm == arm.arm}
        assert len(keys) == (1 if arm.axes["extra"] == 0 else 2)
