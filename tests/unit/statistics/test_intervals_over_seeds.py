"""Statistics over seeds, against scipy and against what can be counted."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from specc.statistics.aggregates import interquartile_mean, probability_of_improvement
from specc.statistics.interval import mean, sd, t_interval, welch_interval
from specc.statistics.power import pairs_needed, power
from specc.statistics.several import holm
from specc.statistics.sign_flip import DRAWS, pairs_to_reach, sign_flip

NUMBERS = st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: round(value, 6))
SAMPLES = st.lists(NUMBERS, min_size=2, max_size=12)


def spread(values: list[float]) -> bool:
    """Whether values differ by more than the last digits, on which ways to add them up differ."""
    return bool(np.std(values) > max(1e-3, 1e-6 * np.max(np.abs(values))))


@settings(max_examples=60, deadline=None)
@given(SAMPLES, st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_the_t_interval_and_its_p_are_scipys(values: list[float], level: float) -> None:
    found = t_interval(values, level)
    if len(set(values)) == 1:
        assert found is None
        return
    assert found is not None
    low, high = stats.t.interval(
        level, len(values) - 1, loc=np.mean(values), scale=stats.sem(np.array(values))
    )
    slack = 1e-9 * max(1.0, *map(abs, values))
    assert found.low == pytest.approx(low, rel=1e-9, abs=slack)
    assert found.high == pytest.approx(high, rel=1e-9, abs=slack)
    if spread(values):
        assert found.p == pytest.approx(stats.ttest_1samp(values, 0.0).pvalue, rel=1e-6, abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(SAMPLES, SAMPLES)
def test_welchs_interval_is_scipys(values: list[float], others: list[float]) -> None:
    found = welch_interval(values, others)
    if not spread(values) or not spread(others):
        return
    assert found is not None
    theirs = stats.ttest_ind(values, others, equal_var=False)
    interval = theirs.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), rel=1e-7, abs=1e-6)
    assert found.p == pytest.approx(theirs.pvalue, rel=1e-6, abs=1e-12)
    assert found.df == pytest.approx(theirs.df, rel=1e-6)


def test_one_value_none_and_equal_values_have_no_interval() -> None:
    assert t_interval([]) is None
    assert t_interval([1.0]) is None
    assert t_interval([0.25, 0.25, 0.25]) is None
    assert welch_interval([1.0], [1.0, 2.0]) is None
    assert welch_interval([1.0, 1.0], [2.0, 2.0]) is None
    two = t_interval([1.0, 3.0])
    assert two is not None
    assert two.high - two.mean == pytest.approx(12.706204736432095)  # t(0.975, 1), times a sem of 1


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_refused_everywhere(wrong: float) -> None:
    for call in (
        lambda: t_interval([1.0, wrong]),
        lambda: welch_interval([1.0, 2.0], [1.0, wrong]),
        lambda: sign_flip([1.0, wrong]),
        lambda: mean([wrong]),
        lambda: holm([wrong]),
        lambda: pairs_needed(wrong, 1.0),
        lambda: interquartile_mean([wrong]),
        lambda: probability_of_improvement([1.0], [wrong]),
    ):
        with pytest.raises(ValueError, match=r"finite|between"):
            call()


def test_huge_values_do_not_overflow() -> None:
    huge = [1.6e308, 1.7e308, 1.5e308]
    assert mean(huge) == pytest.approx(1.6e308)
    assert sd(huge) == pytest.approx(1e307)
    found = t_interval([value / 100 for value in huge])
    assert found is not None
    assert found.low < 1.6e306 < found.high
    assert t_interval(huge) is None  # its upper end is no number
    tiny = t_interval([1e-300, 2e-300, 3e-300])
    assert tiny is not None
    assert tiny.mean == pytest.approx(2e-300)


def all_signs(differences: list[float]) -> float:
    """The share of all sign patterns whose sum is as far from 0, one after another."""
    observed = abs(math.fsum(differences))
    patterns = list(itertools.product((1, -1), repeat=len(differences)))
    reached = sum(
        abs(math.fsum(sign * each for sign, each in zip(pattern, differences, strict=True)))
        >= observed - 1e-9 * max(map(abs, differences))
        for pattern in patterns
    )
    return reached / len(patterns)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-20, 20).map(float), min_size=1, max_size=9))
def test_the_sign_flip_test_counts_all_patterns(differences: list[float]) -> None:
    found = sign_flip(differences)
    assert found is not None
    assert found.exact
    assert found.p == pytest.approx(all_signs(differences) if any(differences) else 1.0)
    assert found.p >= found.smallest


def test_the_sign_flip_test_is_scipys_permutation_test() -> None:
    values = [0.3, 1.1, 0.4, -0.2, 0.9, 0.7]
    theirs = stats.permutation_test(
        (values, [0.0] * 6), lambda a, b: np.mean(a - b), permutation_type="samples", n_resamples=math.inf
    )
    found = sign_flip(values)
    assert found is not None
    assert found.p == pytest.approx(theirs.pvalue)


def test_the_smallest_p_is_what_differences_of_one_sign_give() -> None:
    for n in range(1, 9):
        found = sign_flip([0.5 + 0.1 * each for each in range(n)])
        assert found is not None
        assert found.p == found.smallest == 2.0 ** (1 - n)
    assert sign_flip([]) is None
    zeros = sign_flip([0.0, 0.0])
    assert zeros is not None
    assert (zeros.p, zeros.smallest) == (1.0, 1.0)
    assert [pairs_to_reach(alpha) for alpha in (0.5, 0.05, 0.01)] == [2, 6, 8]


def test_many_pairs_are_drawn_from_a_fixed_seed_and_agree_with_the_exact_test() -> None:
    random = np.random.default_rng(3)
    twenty = list(random.normal(0.4, 1.0, 20))
    exact = sign_flip(twenty)
    drawn = sign_flip([*twenty, 1e-12])  # one more, which moves nothing
    assert exact is not None
    assert drawn is not None
    assert (exact.exact, drawn.exact) == (True, False)
    assert drawn.p == pytest.approx(exact.p, abs=4 * math.sqrt(exact.p / DRAWS))
    assert sign_flip([*twenty, 1e-12]) == drawn
    certain = sign_flip([1.0] * 40)
    assert certain is not None
    assert certain.p == 1 / (DRAWS + 1)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=0, max_size=8))
def test_holm_is_the_step_down_rule_by_its_definition(p_values: list[float]) -> None:
    """A hypothesis is rejected at alpha if it and all smaller p pass their own alpha / (m - rank)."""
    adjusted = holm(p_values)
    order = sorted(range(len(p_values)), key=lambda each: p_values[each])
    for rank, place in enumerate(order):
        steps = [(len(p_values) - k) * p_values[order[k]] for k in range(rank + 1)]
        assert adjusted[place] == pytest.approx(min(1.0, max(steps)))
    assert all(a >= p for a, p in zip(adjusted, p_values, strict=True))


def test_the_power_of_a_paired_t_test_is_that_of_simulated_pairs() -> None:
    random = np.random.default_rng(1)
    for effect, n in ((0.8, 6), (1.5, 4), (0.3, 30)):
        samples = random.normal(effect, 1.0, (20_000, n))
        found = np.mean(stats.ttest_1samp(samples, 0.0, axis=1).pvalue <= 0.05)
        assert power(effect, 1.0, n) == pytest.approx(found, abs=4 * math.sqrt(0.25 / 20_000))


@settings(max_examples=30, deadline=None)
@given(st.floats(0.05, 4.0), st.floats(0.1, 3.0), st.sampled_from([0.05, 0.01]))
def test_the_pairs_that_are_needed_are_the_fewest(effect: float, spread: float, alpha: float) -> None:
    n = pairs_needed(effect, spread, alpha)
    assert n is not None
    assert power(effect, spread, n, alpha) >= 0.8
    assert n == 2 or power(effect, spread, n - 1, alpha) < 0.8


def test_pairs_needed_at_the_ends() -> None:
    assert pairs_needed(0.5, 1.0) == 34  # Cohen's table of paired tests: d = 0.5, power 0.8
    assert pairs_needed(0.0, 1.0) is None
    assert pairs_needed(1.0, 0.0) == 2
    assert pairs_needed(1e-9, 1.0) is None
    assert pairs_needed(1e9, 1.0) == 2
    assert pairs_needed(-0.5, 1.0) == 34
    with pytest.raises(ValueError, match="not negative"):
        pairs_needed(1.0, -1.0)


@settings(max_examples=30, deadline=None)
@given(SAMPLES, SAMPLES)
def test_the_probability_of_improvement_is_mann_whitneys(values: list[float], others: list[float]) -> None:
    statistic = stats.mannwhitneyu(values, others).statistic / (len(values) * len(others))
    assert probability_of_improvement(values, others) == pytest.approx(statistic)
    assert probability_of_improvement(values, others, higher=False) == pytest.approx(1 - statistic)


@settings(max_examples=30, deadline=None)
@given(SAMPLES)
def test_the_interquartile_mean_is_scipys_trimmed_mean(values: list[float]) -> None:
    assert interquartile_mean(values) == pytest.approx(stats.trim_mean(values, 0.25), rel=1e-9, abs=1e-6)
