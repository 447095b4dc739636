"""How many pairs of seeds would resolve a difference."""

from __future__ import annotations

import math

MOST_PAIRS = 100_000
"""Beyond this nobody trains as many seeds."""


def power(effect: float, sd: float, n: int, alpha: float = 0.05) -> float:
    """Probability that a two-sided paired t test of `n` pairs gives p <= alpha.

    That of a noncentral t with n - 1 degrees of freedom beyond the critical value (Cohen 1988, chapter 2),
    integrated over the spread that the sample may show: scipy's own noncentral t has no number for parts
    of this range.

    Args:
        effect: true mean difference. sd: true standard deviation of the differences; above 0.
    """
    import numpy as np
    from scipy import integrate, special, stats

    df = n - 1
    critical = float(stats.t.ppf(1 - alpha / 2, df))
    shift = abs(effect) / sd * math.sqrt(n)
    # The sample's spread over the true one, s: its square times df is chi-squared. In steps of equal
    # size in log s, for with few degrees of freedom s spans many powers of ten, and in finer ones where
    # the sample's t passes the critical value.
    low, high = (math.sqrt(each / df) for each in stats.chi2.ppf([1e-13, 1 - 1e-13], df))
    turn = [min(max((shift + side) / critical, low), high) for side in (-8.0, 8.0)]
    steps = [np.linspace(math.log(low), math.log(high), 2001), np.log(np.linspace(turn[0], turn[1], 1001))]
    log_s = np.unique(np.concatenate(steps))
    s = np.exp(log_s)
    density = stats.chi2.pdf(s * s * df, df) * 2 * s * df * s  # of log s
    found = special.ndtr(shift - critical * s) + special.ndtr(-shift - critical * s)
    return min(1.0, float(integrate.trapezoid(density * found, x=log_s)))


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
    ratio = abs(effect) / sd
    if ratio * math.sqrt(MOST_PAIRS) < 1:
        return None
    low, high = 1, 2
    while power(ratio, 1.0, high, alpha) < wanted:
        low, high = high, high * 2
        if low >= MOST_PAIRS:
            return None
    while high - low > 1:  # power grows with n
        middle = (low + high) // 2
        low, high = (low, middle) if power(ratio, 1.0, middle, alpha) >= wanted else (middle, high)
    return high if high <= MOST_PAIRS else None
