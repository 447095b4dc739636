"""Intervals of means over seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean, or a difference of means, with its interval and test.

    Attributes:
        n: values, or pairs. sd: of the values, with n - 1; of Welch's, None.
        low, high: ends of the interval. df: degrees of freedom, not always whole.
        p: two-sided, that the true mean is 0.
    """

    n: int
    mean: float
    sd: float | None
    low: float
    high: float
    df: float
    p: float


def mean(values: Sequence[float]) -> float:
    """Arithmetic mean, without overflow and rounded once.

    Raises:
        ValueError: without values, or with one that is not finite.
    """
    scale = _scale(values)
    return min(max(math.fsum(value / scale for value in values) / len(values), -1.0), 1.0) * scale


def sd(values: Sequence[float]) -> float:
    """Standard deviation of a sample (n - 1); exactly 0 if all values are equal.

    Raises:
        ValueError: with fewer than two values, or with one that is not finite.
    """
    if len(values) < 2:
        raise ValueError("a standard deviation needs two values")
    scale = _scale(values)
    if min(values) == max(values):
        return 0.0
    center = mean(values) / scale
    squares = math.fsum((value / scale - center) ** 2 for value in values)
    return math.sqrt(squares / (len(values) - 1)) * scale


def t_interval(values: Sequence[float], level: float = 0.95) -> Mean | None:
    """Student's t interval of a mean; of paired differences, the paired t interval.

    Its coverage is exact for normal values, whatever their number.

    Returns:
        None for fewer than two values, for values that are all equal (a spread of 0 is not an estimate of
        one: no interval follows from it), and where the ends are too large for a number.
    Raises:
        ValueError: for a value that is not finite, or a level outside (0, 1).
    """
    _check(values, level)
    if len(values) < 2:
        return None
    center, spread = mean(values), sd(values)
    if spread == 0:
        return None
    return _student(len(values), center, spread, spread / math.sqrt(len(values)), len(values) - 1, level)


def welch_interval(values: Sequence[float], others: Sequence[float], level: float = 0.95) -> Mean | None:
    """Interval of mean(values) - mean(others), of independent samples whose spreads may differ.

    For seeds that two recipes do not share: it does not profit from pairing. Degrees of freedom by
    Welch (1947) and Satterthwaite (1946).

    Returns:
        None if either has fewer than two values, or both spreads are 0.
    Raises:
        ValueError: for a value that is not finite, or a level outside (0, 1).
    """
    _check(values, level)
    _check(others, level)
    if min(len(values), len(others)) < 2:
        return None
    a, b = sd(values) / math.sqrt(len(values)), sd(others) / math.sqrt(len(others))
    error = math.hypot(a, b)
    if error == 0 or not math.isfinite(error):
        return None
    df = 1 / ((a / error) ** 4 / (len(values) - 1) + (b / error) ** 4 / (len(others) - 1))
    center = mean(values) - mean(others)
    return _student(min(len(values), len(others)), center, None, error, df, level)


def _student(
    n: int, center: float, spread: float | None, error: float, df: float, level: float
) -> Mean | None:
    from scipy import special

    half = float(special.stdtrit(df, (1 + level) / 2)) * error
    low, high = center - half, center + half
    if not (math.isfinite(low) and math.isfinite(high) and math.isfinite(center)):
        return None
    p = float(2 * special.stdtr(df, -abs(center) / error)) if error else 0.0
    return Mean(n, center, spread, low, high, df, p)


def _scale(values: Sequence[float]) -> float:
    """The largest magnitude, by which values are divided so that no sum overflows; 1 if all are 0."""
    if not values:
        raise ValueError("there are no values")
    if not all(math.isfinite(value) for value in values):
        raise ValueError("a value is not finite")
    return max(map(abs, values)) or 1.0


def _check(values: Sequence[float], level: float) -> None:
    if not 0 < level < 1:
        raise ValueError(f"a level lies between 0 and 1, not at {level}")
    if not all(math.isfinite(value) for value in values):
        raise ValueError("a value is not finite")
