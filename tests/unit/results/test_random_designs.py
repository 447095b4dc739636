"""Comparisons of random designs, with holes, against the same computed by joins of data frames."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from made_study import EARLY, Made, Result, make
from specc.comparing import Compared, Question, compare
from specc.results.reader import open_results
from specc.study import Axis

pytestmark = pytest.mark.conformance

NAMES = ["recipe", "early", "lr"]
CHOICES = (["recipe"], ["early"], ["recipe", "early"], ["lr"], NAMES)


def design(draw: random.Random) -> tuple[Axis, list[Made], pd.DataFrame]:
    """Some recipes, some axes, other numbers of seeds for each arm; one result in eight is not there."""
    rates = (0.1, 0.2, 0.3)[: draw.randint(1, 3)]
    arms, rows = [], []
    for recipe in ("base", "one", "two")[: draw.randint(1, 3)]:
        for early in (0.0, 0.5, 1.0)[: draw.randint(2, 3)]:
            for lr in rates:
                for seed in range(draw.randint(1, 5)):
                    gone = draw.random() < 1 / 8
                    value: Result = draw.choice([None, "missing", "diverged"]) if gone else draw.gauss(2, 0.3)
                    arms.append(Made(seed, {"skill": value}, recipe, {"early": early, "lr": lr}))
                    rows.append((recipe, early, lr, seed, value if isinstance(value, float) else np.nan))
    return (
        Axis(name="lr", type="float", values=rates),
        arms,
        pd.DataFrame(rows, columns=[*NAMES, "seed", "value"]),
    )


def picked(frame: pd.DataFrame, values: dict[str, object]) -> pd.DataFrame:
    return frame[np.logical_and.reduce([frame[name] == value for name, value in values.items()])]


def check(found: Compared, frame: pd.DataFrame) -> int:
    """Compare an answer with the frame; returns how many effects were paired."""
    by = found.question.by
    others = [name for name in NAMES if name not in by]
    done = frame.dropna()
    values = {group.name: group.values for group in found.groups}
    for group in found.groups:
        means = picked(done, group.values).groupby("seed")["value"].mean()
        assert group.n == len(means)
        assert group.mean is None if means.empty else group.mean == pytest.approx(means.mean())
        assert group.left_out == picked(frame, group.values)["value"].isna().sum()
    paired = 0
    for effect in found.effects:
        sides = [values[effect.group], values[effect.baseline]]
        ours, theirs = (picked(frame, side) for side in sides)
        if not effect.paired or ours.merge(theirs, on=[*others, "seed"]).empty:
            continue
        joined = picked(done, sides[0]).merge(
            picked(done, sides[1]), on=[*others, "seed"], suffixes=("", "_b")
        )
        seeds = joined.groupby("seed")[["value", "value_b"]].mean()
        differences = seeds["value"] - seeds["value_b"]
        assert [pair.seed for pair in effect.pairs] == list(differences.index)
        if len(differences):
            paired += 1
            assert effect.mean == pytest.approx(differences.mean())
        if len(differences) > 1:
            low, high = stats.t.interval(
                0.95, len(differences) - 1, loc=differences.mean(), scale=stats.sem(differences)
            )
            assert effect.interval is not None
            assert (effect.interval.low, effect.interval.high) == pytest.approx((low, high))
    return paired


def test_pairs_and_intervals_are_those_of_a_join(tmp_path: Path) -> None:
    draw = random.Random(7)
    frames = []
    for run in range(1, 11):
        lr, arms, frame = design(draw)
        path = make(tmp_path, arms, (EARLY, lr), name=f"study{run}", run=run)
        frames.append(frame)
    connection = open_results(path)
    paired = 0
    for run, frame in enumerate(frames, 1):
        for by in CHOICES:
            question = Question(
                experiments=(f"study{run}",), eval="skill", metric="loss", stage="tune", by=tuple(by)
            )
            paired += check(compare(connection, question), frame)
    connection.close()
    assert paired > 100
