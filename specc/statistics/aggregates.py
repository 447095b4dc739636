"""Robust summaries over seeds (Agarwal et al., "Deep Reinforcement Learning at the Edge of the Statistical
Precipice", arXiv 2108.13264, section 4)."""

from __future__ import annotations

import math
from collections.abc import Sequence


def interquartile_mean(values: Sequence[float]) -> float:
    """Mean of the middle half: a quarter of the values is cut off at each end, rounded down.

    Raises:
        ValueError: without values, or for one that is not finite.
    >>> interquartile_mean([0.0, 1.0, 2.0, 100.0])
    1.5
    """
    if not values or not all(map(math.isfinite, values)):
        raise ValueError("an interquartile mean is of finite values")
    cut = len(values) // 4
    kept = sorted(values)[cut : len(values) - cut]
    return math.fsum(kept) / len(kept)


def probability_of_improvement(
    values: Sequence[float], others: Sequence[float], higher: bool = True
) -> float:
    """Probability that a run drawn from the first is better than one drawn from the other; ties count half.

    The Mann-Whitney statistic over the number of pairs.

    Raises:
        ValueError: if either is empty, or for a value that is not finite.
    >>> probability_of_improvement([1.0, 3.0], [2.0, 2.0])
    0.5
    """
    if not values or not others or not all(map(math.isfinite, [*values, *others])):
        raise ValueError("both sides have finite values")
    sign = 1 if higher else -1
    won = sum(
        1.0 if sign * (value - other) > 0 else 0.5 if value == other else 0.0
        for value in values
        for other in others
    )
    return won / (len(values) * len(others))
