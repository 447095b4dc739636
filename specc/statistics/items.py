"""Differences over evaluated items: documents or prompts, not seeds.

They say what another sample of documents from the same source would have given with these very models.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

RESAMPLES = 9_999
MOST_BOOTSTRAPPED = 2_000
"""Clusters up to which a bootstrap is made; beyond, the clustered interval is as good and free."""


@dataclass(frozen=True, slots=True)
class Clustered:
    """A weighted mean of differences with its clustered standard error.

    Attributes:
        clusters: independent groups of items. low, high: Student's t with clusters - 1 degrees of freedom.
    """

    clusters: int
    mean: float
    stderr: float
    low: float
    high: float


def clustered(sums: Sequence[float], weights: Sequence[float], level: float = 0.95) -> Clustered | None:
    """Mean difference over items whose errors go together within clusters.

    Clustered standard errors of Miller, "Adding Error Bars to Evals" (arXiv 2411.00640): the root of the
    sum over clusters of (sum over the cluster's items of (s - mean))^2, over the number of items. With
    weights (target tokens of a document) items count by their weight. The sum gets the usual factor
    G / (G - 1) for G clusters, without which few clusters give too small an error.

    Args:
        sums: for each cluster, the sum of weight x difference. weights: the sum of its weights; above 0.
    Returns:
        None for fewer than two clusters.
    Raises:
        ValueError: for lengths that differ, numbers that are not finite, or weights that are not positive.
    """
    from scipy import special

    if len(sums) != len(weights):
        raise ValueError("each cluster has a sum and a weight")
    if not all(map(math.isfinite, [*sums, *weights])) or any(weight <= 0 for weight in weights):
        raise ValueError("sums are finite, and weights finite and positive")
    count = len(sums)
    if count < 2:
        return None
    total = math.fsum(weights)
    center = math.fsum(sums) / total
    squares = math.fsum((each - center * weight) ** 2 for each, weight in zip(sums, weights, strict=True))
    error = math.sqrt(squares * count / (count - 1)) / total
    half = float(special.stdtrit(count - 1, (1 + level) / 2)) * error
    return Clustered(count, center, error, center - half, center + half)


def bootstrap(
    sums: Sequence[float], weights: Sequence[float], level: float = 0.95
) -> tuple[float, float] | None:
    """BCa bootstrap interval (Efron 1987) of the weighted mean difference, over clusters.

    The seed is fixed: the same data give the same interval.

    Returns:
        None for fewer than ten clusters or more than `MOST_BOOTSTRAPPED`, and where all differences are
        equal.
    """
    import numpy as np
    from scipy import stats

    if not 10 <= len(sums) <= MOST_BOOTSTRAPPED:
        return None
    numerators, denominators = np.asarray(sums, dtype=float), np.asarray(weights, dtype=float)
    means = numerators / denominators
    if np.ptp(means) <= 1e-12 * max(float(np.abs(means).max()), 1e-300):
        return None

    def ratio(top: np.ndarray, bottom: np.ndarray, axis: int = -1) -> np.ndarray:
        found: np.ndarray = np.sum(top, axis=axis) / np.sum(bottom, axis=axis)
        return found

    found = stats.bootstrap(
        (numerators, denominators),
        ratio,
        paired=True,
        vectorized=True,
        n_resamples=RESAMPLES,
        batch=max(1, 2_000_000 // len(sums)),
        confidence_level=level,
        method="BCa",
        rng=np.random.default_rng(0),
    ).confidence_interval
    low, high = float(found.low), float(found.high)
    return (low, high) if math.isfinite(low) and math.isfinite(high) else None


def mcnemar(better: int, worse: int) -> float:
    """McNemar's exact two-sided p of items that are right or wrong (McNemar 1947).

    Args:
        better: items that only the first got right. worse: items that only the other did.
    """
    from scipy import stats

    if better < 0 or worse < 0:
        raise ValueError("counts are not negative")
    if better + worse == 0:
        return 1.0
    return float(stats.binomtest(better, better + worse, 0.5).pvalue)
