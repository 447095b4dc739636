"""How many pairs of seeds would resolve a difference."""

from __future__ import annotations

import math

MOST_PAIRS = 100_000
"""Beyond this nobody trains as many seeds."""


def power(effect: float, sd: float, n: int, alpha: float = 0.05) -> float:
    """Probability that a two-sided paired t test of `n` pairs gives p <= alpha.

    By the noncentral t distribution with n - 1 degrees of freedom (Cohen 1988, chapter 2).

    Args:
        effect: true mean difference. sd: true standard deviation of the differences; above 0.
    """
    from scipy import stats

    df = n - 1
    critical = float(stats.t.ppf(1 - alpha / 2, df))
    shift = abs(effect) / sd * math.sqrt(n)
    # Far out, scipy's noncentral t loses its digits; the answer is 1 there.
    if shift > critical + 35:
        return 1.0
    # A difference of the wrong sign: below 1e-9 from a shift of 6 on, where scipy has no number for it.
    wrong = float(stats.nct.cdf(-critical, df, shift)) if shift < 6 else 0.0
    return float(stats.nct.sf(critical, df, shift)) + wrong


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
