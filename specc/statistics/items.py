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
    scale = max(map(abs, sums)) or 1.0  # so that neither a sum nor a square overflows
    mean = math.fsum(each / scale for each in sums) / total
    squares = math.fsum(
        (each / scale - mean * weight) ** 2 for each, weight in zip(sums, weights, strict=True)
    )
    center, error = mean * scale, math.sqrt(squares * count / (count - 1)) / total * scale
    half = float(special.stdtrit(count - 1, (1 + level) / 2)) * error
    return Clustered(count, center, error, center - half, center + half)


def bootstrap(
    sums: Sequence[float], weights: Sequence[float], level: float = 0.95
) -> tuple[float, float] | None:
    """BCa bootstrap interval of the weighted mean difference, over clusters.

    Efron, "Better Bootstrap Confidence Intervals" (1987), with the acceleration of a jackknife; as
    `scipy.stats.bootstrap`, whose import takes longer than all of this. The seed is fixed: the same data
    give the same interval.

    Returns:
        None for fewer than ten clusters or more than `MOST_BOOTSTRAPPED`, and where all differences are
        equal.
    """
    import numpy as np
    from scipy import special

    count = len(sums)
    if not 10 <= count <= MOST_BOOTSTRAPPED:
        return None
    scale = float(max(map(abs, sums))) or 1.0
    tops, bottoms = np.asarray(sums, dtype=float) / scale, np.asarray(weights, dtype=float)
    means = tops / bottoms
    if np.ptp(means) <= 1e-12 * float(np.abs(means).max()):
        return None
    random = np.random.default_rng(0)
    parts = []
    for start in range(0, RESAMPLES, batch := max(1, 500_000 // count)):
        picks = random.integers(0, count, (min(batch, RESAMPLES - start), count))
        parts.append(tops[picks].sum(axis=1) / bottoms[picks].sum(axis=1))
    found = np.concatenate(parts)
    center = tops.sum() / bottoms.sum()
    below = (np.sum(found < center) + 0.5 * np.sum(found == center)) / RESAMPLES
    left_out = (tops.sum() - tops) / (bottoms.sum() - bottoms)
    apart = left_out.mean() - left_out
    spread = 6 * np.sum(apart**2) ** 1.5
    if spread == 0 or not 0 < below < 1:
        return None
    acceleration = np.sum(apart**3) / spread
    bias = special.ndtri(below)
    ends = bias + special.ndtri([(1 - level) / 2, (1 + level) / 2])
    shares = special.ndtr(bias + ends / (1 - acceleration * ends))
    if not np.all(np.isfinite(shares)):
        return None
    low, high = np.quantile(found, shares)
    return float(low) * scale, float(high) * scale


def mcnemar(better: int, worse: int) -> float:
    """McNemar's exact two-sided p of items that are right or wrong (McNemar 1947).

    Args:
        better: items that only the first got right. worse: items that only the other did.
    """
    from scipy import special

    if better < 0 or worse < 0:
        raise ValueError("counts are not negative")
    if better + worse == 0:
        return 1.0
    return min(1.0, 2 * float(special.bdtr(min(better, worse), better + worse, 0.5)))
