"""How many pairs of seeds would resolve a difference."""

from __future__ import annotations

import math

MOST_PAIRS = 100_000
"""Beyond this nobody trains as many seeds."""

_MOST_STEPS = 100_000


def power(effect: float, sd: float, n: int, alpha: float = 0.05) -> float:
    """Probability that a two-sided paired t test of `n` pairs gives p <= alpha.

    That of a noncentral t with n - 1 degrees of freedom beyond the critical value (Cohen 1988, chapter 2),
    integrated over the spread that the sample may show: scipy's own noncentral t has no number for parts
    of this range.

    Args:
        effect: true mean difference. sd: true standard deviation of the differences; above 0.
    """
    import numpy as np
    from scipy import special

    df = n - 1
    critical = float(special.stdtrit(df, 1 - alpha / 2))
    shift = abs(effect) / sd * math.sqrt(n)
    # The sample's spread over the true one, s: its square times df is chi-squared. Steps in log s, for
    # with few degrees of freedom s spans many powers of ten; they are finer than both bends: that of the
    # density (a sum of equal steps is exact to rounding then) and, 1 / shift wide, that of the test.
    low, high = (
        math.log(2 * float(special.gammaincinv(df / 2, each)) / df) / 2 for each in (1e-13, 1 - 1e-13)
    )
    if shift - 8 > critical * math.exp(high):
        return 1.0
    count = min(max(200, math.ceil((high - low) * 2 * (shift + 1))), _MOST_STEPS)
    log_s = np.linspace(low, high, count)
    s = np.exp(log_s)
    # Density of log s: that of chi-squared at df s^2, times 2 df s^2.
    log_density = df * (log_s - s * s / 2) + df / 2 * math.log(df / 2) + math.log(2) - math.lgamma(df / 2)
    found = special.ndtr(shift - critical * s) + special.ndtr(-shift - critical * s)
    return min(1.0, float(np.sum(np.exp(log_density) * found)) * (high - low) / (count - 1))


def pairs_needed(effect: float, sd: float, alpha: float = 0.05, wanted: float = 0.8) -> int | None:
    """The fewest pairs (two or more) whose paired t test finds a difference with probability `wanted`.

    Returns:
        None if the effect is 0 or more than `MOST_PAIRS` are needed; 2 if the spread is 0.
    Raises:
        ValueError: for numbers that are not finite, a negative spread, or shares outside (0, 1).
    """
    if not (math.isfinite(effect) and math.isfinite(sd)) or sd < 0:
        raise ValueError("an effect and a spread are finite, and a spread is not negative")
    if not (0 < alpha < 1 and 0 < wanted < 1):
        raise ValueError("alpha and power lie between 0 and 1")
    if effect == 0:
        return None
    if sd == 0:
        return 2
    ratio = min(abs(effect) / sd, 1e6)  # beyond, two or three pairs do anyway
    if ratio * math.sqrt(MOST_PAIRS) < 1:
        return None
    # Near the answer of a normal test; power grows with n, so the ends of a bracket move from there.
    guess = (_normal_quantile(1 - alpha / 2) + _normal_quantile(wanted)) ** 2 / ratio**2
    high = min(max(3, math.ceil(guess) + 2), MOST_PAIRS)
    low = 1
    while power(ratio, 1.0, high, alpha) < wanted:
        if high >= MOST_PAIRS:
            return None
        low, high = high, min(high + max(2, high // 8), MOST_PAIRS)
    if high - low > 8 and power(ratio, 1.0, high - 8, alpha) < wanted:
        low = high - 8
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power(ratio, 1.0, middle, alpha) >= wanted else (middle, high)
    return high


def _normal_quantile(p: float) -> float:
    from statistics import NormalDist

    return NormalDist().inv_cdf(p)
