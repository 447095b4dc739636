"""Learning-rate phases, against the formulas of the schedules."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from math import cos, pi
from pathlib import Path

import pytest

from small_recipes import RECIPE, stage_of
from specc.steps import Phase

STEPS = 200
PEAK = 1e-3


def rate(phases: tuple[Phase, ...], step: int) -> float:
    """The curve at a training step, from the phases' description alone."""
    (phase,) = [p for p in phases if p.start <= step < p.stop]
    if phase.shape == "constant":
        return phase.first
    along = (step - phase.start) / (phase.stop - phase.start)
    if phase.shape == "cosine":
        along = (1 - cos(pi * along)) / 2
    return phase.first + (phase.last - phase.first) * along


def phases_of(folder: Path, schedule: str) -> tuple[Phase, ...]:
    """The phases of a stage of 200 steps."""
    stage = stage_of(folder, RECIPE.replace("cosine(peak = 1e-3, warmup = 10%)", schedule), "pretrain")
    assert stage.steps == STEPS
    return stage.phases


def warmed(curve: Callable[[int], float], warmup: int = 20) -> Callable[[int], float]:
    return lambda step: PEAK * step / warmup if step < warmup else curve(step)


CURVES: dict[str, Callable[[int], float]] = {
    "constant(peak = 1e-3)": lambda step: PEAK,
    "constant(peak = 1e-3, warmup = 10%)": warmed(lambda step: PEAK),
    "cosine(peak = 1e-3, warmup = 10%)": warmed(lambda step: PEAK * (1 + cos(pi * (step - 20) / 180)) / 2),
    "cosine(peak = 1e-3, warmup = 20 steps, floor = 10%)": warmed(
        lambda step: PEAK * (0.1 + 0.9 * (1 + cos(pi * (step - 20) / 180)) / 2)
    ),
    "linear(peak = 1e-3, warmup = 2_560 tokens, floor = 1e-4)": warmed(
        lambda step: PEAK + (1e-4 - PEAK) * (step - 20) / 180
    ),
    "wsd(peak = 1e-3, warmup = 10%, decay = 25%)": warmed(
        lambda step: PEAK if step < 150 else PEAK * (200 - step) / 50
    ),
    "linear(peak = 1e-3, horizon = 100 steps, floor = 50%)": lambda step: (
        PEAK * (1 - 0.5 * step / 100) if step < 100 else PEAK / 2
    ),
    "cosine(peak = 1e-3, horizon = 200%)": lambda step: PEAK * (1 + cos(pi * step / 400)) / 2,
    "wsd(peak = 1e-3, decay = 20%, horizon = 400 steps)": lambda step: PEAK,
}


@pytest.mark.parametrize("schedule", CURVES)
def test_phases_are_the_curve_of_the_schedule(schedule: str, tmp_path: Path) -> None:
    phases = phases_of(tmp_path, schedule)
    for step in range(STEPS):
        assert rate(phases, step) == pytest.approx(CURVES[schedule](step), rel=1e-12, abs=1e-18)


@pytest.mark.parametrize("schedule", CURVES)
def test_phases_follow_each_other_without_a_gap(schedule: str, tmp_path: Path) -> None:
    phases = phases_of(tmp_path, schedule)
    assert phases[0].start == 0
    assert phases[-1].stop >= STEPS
    assert all(before.stop == after.start for before, after in itertools.pairwise(phases))
