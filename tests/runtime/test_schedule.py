"""The learning rate, against the closed forms."""

from __future__ import annotations

import math

import pytest

from specc.steps import Phase
from specc_runtime.schedule import learning_rate

WARMUP = Phase(shape="linear", start=0, stop=10, first=0.0, last=3e-3)
COSINE = Phase(shape="cosine", start=10, stop=110, first=3e-3, last=3e-4)


def test_warmup_rises_from_the_first_step_and_ends_at_the_peak() -> None:
    rates = [learning_rate([WARMUP, COSINE], step) for step in range(10)]
    assert rates == pytest.approx([3e-3 * (step + 1) / 10 for step in range(10)], rel=1e-12)


def test_cosine_is_half_way_in_the_middle_and_ends_at_the_floor() -> None:
    assert learning_rate([COSINE], 59) == pytest.approx((3e-3 + 3e-4) / 2, rel=1e-12)
    assert learning_rate([COSINE], 109) == pytest.approx(3e-4, rel=1e-12)
    quarter = 3e-4 + (3e-3 - 3e-4) * (1 + math.cos(math.pi / 4)) / 2
    assert learning_rate([COSINE], 34) == pytest.approx(quarter, rel=1e-12)


def test_a_step_takes_the_rate_of_its_own_phase() -> None:
    stable = Phase(shape="constant", start=0, stop=8, first=1e-3, last=1e-3)
    decay = Phase(shape="linear", start=8, stop=10, first=1e-3, last=0.0)
    rates = [learning_rate([stable, decay], step) for step in range(10)]
    assert rates == pytest.approx([1e-3] * 8 + [5e-4, 0.0])


def test_a_step_outside_of_all_phases_is_a_mistake_of_the_compiler() -> None:
    with pytest.raises(ValueError, match="step 110"):
        learning_rate([WARMUP, COSINE], 110)
