"""The sign-flip test of paired differences: exact, and without an assumption of normality."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

MOST_EXACT = 20
"""Differences up to which all 2^n signs are tried."""

DRAWS = 99_999
"""Signs drawn beyond that; the seed is fixed, so the same differences give the same p."""


@dataclass(frozen=True, slots=True)
class SignFlip:
    """Outcome of the test.

    Attributes:
        p: two-sided: the share of sign patterns whose mean is at least as far from 0 as the observed one.
        smallest: the least p that so many differences can give, 2^(1 - n); differences of 0 don't count.
        exact: whether all patterns were tried; if not, p is an upper estimate from `DRAWS` random ones.
    """

    p: float
    smallest: float
    exact: bool


def sign_flip(differences: Sequence[float]) -> SignFlip | None:
    """Test whether paired differences are as likely to be of either sign (Fisher 1935, section 21).

    If two recipes do not differ, each seed's difference is as likely as its negative. A difference of 0
    stays 0 whatever its sign, so it is left out, which changes no p.

    Returns:
        None without differences.
    Raises:
        ValueError: for one that is not finite.
    """
    if not all(math.isfinite(each) for each in differences):
        raise ValueError("a difference is not finite")
    if not differences:
        return None
    scale = max(map(abs, differences))
    kept = [each / scale for each in differences if each] if scale else []
    if not kept:
        return SignFlip(1.0, 1.0, True)
    smallest = 2.0 ** (1 - len(kept))
    # Sums of the same terms in another order differ by rounding, and still count as equal.
    bound = abs(math.fsum(kept)) * (1 - 1e-12) - 1e-12
    if len(kept) <= MOST_EXACT:
        return SignFlip(_exact(kept, bound), smallest, True)
    return SignFlip(_drawn(kept, bound), smallest, False)


def pairs_to_reach(alpha: float) -> int:
    """The fewest pairs with which the exact test can give a p of alpha.

    >>> pairs_to_reach(0.05)
    6
    """
    return max(1, math.ceil(1 - math.log2(alpha)))


def _exact(kept: Sequence[float], bound: float) -> float:
    """Share of all patterns; the first sign is held, for a pattern and its negative are as far from 0."""
    import numpy as np

    sums = np.array([kept[0]])
    for each in kept[1:]:
        sums = np.concatenate([sums + each, sums - each])
    return float(np.mean(np.abs(sums) >= bound))


def _drawn(kept: Sequence[float], bound: float) -> float:
    """Share of random patterns, with the observed one among them (Phipson and Smyth 2010)."""
    import numpy as np

    random = np.random.default_rng(0)
    values = np.array(kept)
    reached = 0
    done = 0
    while done < DRAWS:
        now = min(DRAWS - done, max(1, 4_000_000 // len(values)))
        signs = random.integers(0, 2, size=(now, len(values)), dtype=np.int8) * 2 - 1
        reached += int(np.sum(np.abs(signs @ values) >= bound))
        done += now
    return (reached + 1) / (DRAWS + 1)
