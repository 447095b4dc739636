"""Budgets under WSD: what arms have in common is trained once, and each gets the bits of its own training."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiled_study import do, do_all
from small_recipes import study_of
from specc.store import Store, open_workspace
from specc.study import PlannedStep, Study

BATCH, LENGTH = 2, 16
STEP = BATCH * LENGTH
FIRST, WARMUP = 5, 2
"""Training steps of the smallest budget, and of the warm-up of all."""
RECIPE = """
experiment e {{
  {sweep}
  model tiny = llama(layers = 1, width = 16, heads = 2, context = {length} tokens, mlp = 24)
  corpus text = markov(tokens = 3K tokens, held_out = 10%, max_epochs = 100)
  corpus other = markov(tokens = 300 tokens, seed = 1, max_epochs = 100)
  allocate {{
    text  {{ first: fill }}
    other {{ first: 7% of stage{second} }}
  }}
  stage first from tiny {{
    budget    = {budget}
    optimizer = adamw()
    schedule  = wsd(peak = 1e-2, warmup = {warmup} steps, decay = 20%)
    batch     = {batch} sequences
    {settings}
  }}
  {rest}
}}
"""
REST = """
  stage second from first@50% {{
    budget   = {tokens} tokens
    schedule = constant(peak = 1e-3)
  }}
  eval fit = loss(text.held_out) after first every {every} tokens
"""


def budgets_of(*times: int, settings: str = "", rest: str = "", second: str = "") -> str:
    """A recipe of budgets, each a multiple of the smallest."""
    amounts = [f"{n * FIRST * STEP} tokens" for n in times]
    one = len(amounts) == 1
    return RECIPE.format(
        sweep="" if one else f"sweep size in [{', '.join(amounts)}]",
        budget=amounts[0] if one else "size",
        length=LENGTH,
        warmup=WARMUP,
        batch=BATCH,
        settings=settings,
        rest=rest,
        second=second,
    )


def workspace(folder: Path, name: str) -> Store:
    return Store(open_workspace(folder / name, create=True))


def trained(study: Study, store: Store) -> int:
    """Tokens that were trained on to make the train steps of a study: lines of their logs."""
    keys = {step.key for step in study.steps if step.op == "train"}
    return sum(len((store.path(key) / "metrics.jsonl").read_text().splitlines()) * STEP for key in keys)


def ends(study: Study, stage: str = "first") -> list[PlannedStep]:
    """The steps that hold the ends of a stage, in the order of the arms."""
    steps = {step.key: step for step in study.steps}
    return [steps[run.checkpoint] for run in study.stages if run.stage == stage]


def bits(store: Store, key: str) -> tuple[object, ...]:
    """Weights, optimizer state and numbers of a finished train step."""
    files = ("model.safetensors", "optimizer.safetensors", "config.json")
    outputs = store.manifest(key).outputs
    numbers = {name: value for name, value in outputs.items() if name != "tokens_per_second"}
    return *((store.path(key) / name).read_bytes() for name in files), numbers


@pytest.mark.parametrize(
    ("budgets", "settings"),
    [
        ((1, 4), "dropout = 0.1"),
        pytest.param((1, 2, 4, 8, 16), "", marks=pytest.mark.conformance),
        pytest.param((1, 2, 4, 8, 16), "dropout = 0.1", marks=pytest.mark.conformance),
    ],
)
def test_budgets_cost_the_largest_and_the_decays_and_equal_separate_trainings(
    tmp_path: Path, budgets: tuple[int, ...], settings: str
) -> None:
    study = study_of(tmp_path, budgets_of(*budgets, settings=settings))
    store = workspace(tmp_path, "sweep")
    do_all(study, store)
    decays = [n * FIRST // 5 for n in budgets]
    # The trunk goes as far as the longest plateau; behind each plateau comes a decay.
    assert trained(study, store) == (budgets[-1] * FIRST - decays[-1] + sum(decays)) * STEP
    assert trained(study, store) <= (budgets[-1] * FIRST + sum(decays)) * STEP

    for times, end in zip(budgets, ends(study), strict=True):
        alone = study_of(tmp_path, budgets_of(times, settings=settings))
        (whole,) = ends(alone)
        assert whole.key == end.key
        own = workspace(tmp_path, f"alone{times}")
        for step in alone.steps:
            if step.op != "train" or step.key == whole.key:
                do(step, own, resume=False)
        assert len((own.path(whole.key) / "metrics.jsonl").read_text().splitlines()) == times * FIRST
        assert bits(own, whole.key) == bits(store, end.key)


def test_marks_and_places_inside_of_a_stage_cost_no_training(tmp_path: Path) -> None:
    """Evaluations every few steps, and a second stage from the middle of the first."""
    rest = REST.format(tokens=10 * STEP, every=2 * STEP)
    plain = study_of(tmp_path, budgets_of(2))
    study = study_of(tmp_path, budgets_of(2, rest=rest, second=", second: fill"))
    store, other = workspace(tmp_path, "cut"), workspace(tmp_path, "plain")
    do_all(plain, other)
    do_all(study, store)
    (end,), (uncut,) = ends(study), ends(plain)
    states = next(run for run in study.stages if run.stage == "first").ends
    assert states == (2, 4, 5, 6, 8, 10)
    assert trained(study, store) == (10 + 10) * STEP
    assert end.key == uncut.key
    assert bits(store, end.key) == bits(other, uncut.key)


def test_a_longer_budget_goes_on_from_the_plateau_that_is_there(tmp_path: Path) -> None:
    store = workspace(tmp_path, "grown")
    before = study_of(tmp_path, budgets_of(1, 2))
    do_all(before, store)
    there = {step.key for step in before.steps}
    after = study_of(tmp_path, budgets_of(1, 2, 4))
    assert there <= {step.key for step in after.steps}
    first = trained(before, store)
    do_all(after, store)
    # From the end of the plateau of 2x to that of 4x, and one more decay.
    assert trained(after, store) - first == (16 - 8 + 4) * STEP
