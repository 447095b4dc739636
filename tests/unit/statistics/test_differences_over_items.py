"""Statistics over evaluated documents, against ten-line references and scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from specc.statistics.items import MOST_BOOTSTRAPPED, bootstrap, clustered, mcnemar

VALUES = st.floats(-50, 50, allow_nan=False)


def miller(clusters: list[list[float]]) -> float:
    """The clustered standard error of arXiv 2411.00640, written out as the double sum that it is there."""
    items = [each for cluster in clusters for each in cluster]
    center = sum(items) / len(items)
    total = sum((a - center) * (b - center) for cluster in clusters for a in cluster for b in cluster)
    return math.sqrt(max(total, 0.0)) / len(items)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(VALUES, min_size=1, max_size=5), min_size=2, max_size=8))
def test_the_clustered_error_is_millers_formula(clusters: list[list[float]]) -> None:
    found = clustered([sum(each) for each in clusters], [float(len(each)) for each in clusters])
    assert found is not None
    count = len(clusters)
    wanted = miller(clusters) * math.sqrt(count / (count - 1))
    assert found.stderr == pytest.approx(wanted, rel=1e-6, abs=1e-6)
    half = float(stats.t.ppf(0.975, count - 1)) * found.stderr
    assert (found.low, found.high) == pytest.approx((found.mean - half, found.mean + half))


def test_clusters_of_one_item_are_a_plain_paired_t_interval() -> None:
    values = [0.3, -0.1, 0.8, 0.2, 0.5]
    found = clustered(values, [1.0] * 5)
    assert found is not None
    low, high = stats.t.interval(0.95, 4, loc=np.mean(values), scale=stats.sem(values))
    assert (found.low, found.high) == pytest.approx((low, high))


def test_fewer_than_two_clusters_have_no_error() -> None:
    assert clustered([], []) is None
    assert clustered([1.0], [3.0]) is None
    for sums, weights in (([math.nan, 1.0], [1.0, 1.0]), ([1.0, 1.0], [0.0, 1.0]), ([1.0], [1.0, 2.0])):
        with pytest.raises(ValueError, match="sum"):
            clustered(sums, weights)


def test_the_bootstrap_is_scipys_bca_and_the_same_each_time() -> None:
    """Of skewed values, by which it is told from a percentile bootstrap."""
    values = np.random.default_rng(5).exponential(1.0, 25) ** 2
    ends = {
        method: stats.bootstrap(
            (values,), np.mean, n_resamples=9_999, method=method, rng=np.random.default_rng(9)
        ).confidence_interval
        for method in ("BCa", "percentile")
    }
    found = bootstrap(list(values), [1.0] * 25)
    assert found is not None
    bca, percentile = ends["BCa"], ends["percentile"]
    apart = percentile.low - bca.low, percentile.high - bca.high
    assert abs(found[0] - bca.low) < abs(apart[0]) / 4
    assert abs(found[1] - bca.high) < abs(apart[1]) / 4
    assert bootstrap(list(values), [1.0] * 25) == found


def test_the_bootstrap_weighs_documents_by_their_tokens() -> None:
    random = np.random.default_rng(2)
    weights = random.integers(1, 50, 30).astype(float)
    sums = weights * random.normal(0.5, 0.2, 30)
    found, analytic = bootstrap(list(sums), list(weights)), clustered(list(sums), list(weights))
    assert found is not None
    assert analytic is not None
    assert found[0] < analytic.mean < found[1]
    assert found[1] - found[0] == pytest.approx(analytic.high - analytic.low, rel=0.25)


def test_the_bootstrap_is_left_out_where_it_says_nothing() -> None:
    assert bootstrap([1.0] * 9, [1.0] * 9) is None  # too few
    assert bootstrap([2.0] * 30, [4.0] * 30) is None  # all differences are equal
    many = MOST_BOOTSTRAPPED + 1
    assert bootstrap([1.0] * many, [1.0] * many) is None


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 30), st.integers(0, 30))
def test_mcnemars_p_is_the_binomial_sum(better: int, worse: int) -> None:
    n = better + worse
    tail = sum(math.comb(n, k) for k in range(min(better, worse) + 1)) / 2**n
    assert mcnemar(better, worse) == pytest.approx(min(1.0, 2 * tail))
    if n:
        assert mcnemar(better, worse) == pytest.approx(stats.binomtest(better, n, 0.5).pvalue)


def test_counts_are_not_negative() -> None:
    with pytest.raises(ValueError, match="negative"):
        mcnemar(-1, 2)


def test_numbers_whose_squares_overflow_have_errors_like_others() -> None:
    small = clustered([1.0, -2.0, 4.0], [1.0, 2.0, 1.0])
    large = clustered([1e200, -2e200, 4e200], [1.0, 2.0, 1.0])
    assert small is not None
    assert large is not None
    assert (large.mean, large.stderr, large.high) == pytest.approx(
        (small.mean * 1e200, small.stderr * 1e200, small.high * 1e200)
    )
    values = np.random.default_rng(3).exponential(1.0, 20)
    found, many = bootstrap(list(values), [1.0] * 20), bootstrap(list(values * 1e250), [1.0] * 20)
    assert found is not None
    assert many == pytest.approx((found[0] * 1e250, found[1] * 1e250))
