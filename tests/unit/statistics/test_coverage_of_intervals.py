"""Do intervals cover, and do tests err, as often as they say? By simulation, with a fixed seed.

Tolerances are four Monte Carlo standard errors.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from specc.statistics.interval import t_interval
from specc.statistics.items import bootstrap, clustered
from specc.statistics.several import holm
from specc.statistics.sign_flip import sign_flip

pytestmark = pytest.mark.conformance

TRIALS = 4_000


def within(share: float, nominal: float, trials: int = TRIALS) -> bool:
    return abs(share - nominal) <= 4 * math.sqrt(nominal * (1 - nominal) / trials)


@pytest.mark.parametrize("n", [3, 5, 8])
def test_the_paired_t_interval_covers_as_often_as_it_says(n: int) -> None:
    random = np.random.default_rng(n)
    hits = 0
    for _ in range(TRIALS):
        seeds = random.normal(0.0, 2.0, n)  # what both recipes share, which pairing takes out
        ours, theirs = seeds + random.normal(0.3, 0.5, n), seeds + random.normal(0.0, 0.5, n)
        found = t_interval(list(ours - theirs))
        assert found is not None
        hits += found.low <= 0.3 <= found.high
    assert within(hits / TRIALS, 0.95)


@pytest.mark.parametrize(("n", "covers"), [(3, 0.75), (5, 0.845)])
def test_a_percentile_bootstrap_over_seeds_does_not(n: int, covers: float) -> None:
    """Why there is none here: three values resampled have ten means, and too small a spread."""
    random = np.random.default_rng(n)
    values = random.normal(0.0, 1.0, (TRIALS, n))
    picks = random.integers(0, n, (TRIALS, 400, n))
    means = np.take_along_axis(values[:, None, :], picks, axis=2).mean(axis=2)
    low, high = np.quantile(means, [0.025, 0.975], axis=1)
    share = float(np.mean((low <= 0) & (high >= 0)))
    assert share < 0.9
    assert share == pytest.approx(covers, abs=0.025)


def test_the_sign_flip_test_errs_no_more_often_than_alpha() -> None:
    random = np.random.default_rng(4)
    for n in (6, 8):
        p = np.array([found.p for _ in range(TRIALS) if (found := sign_flip(list(random.laplace(0, 1, n))))])
        assert float(np.mean(p <= 0.05)) <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / TRIALS)
        # Exactly as often as there are p values at or below: a multiple of 2^(1 - n).
        assert within(float(np.mean(p <= 0.05)), math.floor(0.05 * 2 ** (n - 1)) / 2 ** (n - 1))


def test_holm_errs_at_most_as_often_as_alpha_over_groups_that_share_a_baseline() -> None:
    random = np.random.default_rng(6)
    n, groups = 5, 4
    wrong = naive = 0
    for _ in range(TRIALS):
        values = random.normal(0.0, 1.0, (groups + 1, n))
        p = stats.ttest_1samp(values[1:] - values[0], 0.0, axis=1).pvalue
        wrong += min(holm(list(p))) <= 0.05
        naive += min(p) <= 0.05
    assert wrong / TRIALS <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / TRIALS)
    assert naive / TRIALS > 0.1  # without it, one in eight such tables shows a difference that isn't there


def test_clustered_errors_cover_where_plain_ones_do_not() -> None:
    """Documents at four seeds each: a document's differences go together."""
    random = np.random.default_rng(8)
    hits = plain = 0
    for _ in range(TRIALS):
        own = random.normal(0.0, 1.0, (40, 1))  # of a document
        values = 0.2 + own + random.normal(0.0, 0.3, (40, 4))
        found = clustered(list(values.sum(axis=1)), [4.0] * 40)
        assert found is not None
        hits += found.low <= 0.2 <= found.high
        error = values.std(ddof=1) / math.sqrt(values.size)
        plain += abs(values.mean() - 0.2) <= 1.96 * error
    assert within(hits / TRIALS, 0.95)
    assert plain / TRIALS < 0.75


def test_the_bca_bootstrap_over_documents_covers() -> None:
    """Of skewed differences over 50 documents; it is known to fall a little short of what it says."""
    random = np.random.default_rng(9)
    trials = 150
    hits = 0
    for _ in range(trials):
        found = bootstrap(list(random.exponential(1.0, 50) - 0.5), [1.0] * 50)
        assert found is not None
        hits += found[0] <= 0.5 <= found[1]
    assert hits / trials >= 0.93 - 4 * math.sqrt(0.95 * 0.05 / trials)
