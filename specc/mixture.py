"""Which corpus gives which sequence of a stage: exact, in closed form, without a total.

Of the first n sequences of a stage, source 0 gives floor(n p_0 + 1/2); what it leaves goes on to
source 1 at its share of the remaining mass, and so on; the last source takes the rest. So

* the first n sequences are the same whatever the length of the stage (a longer run extends them),
* every count is whole, they sum to n, and none ever falls,
* where n times every share is whole, the counts are exactly that,
* a source's places depend on the shares of those listed before it and on its own.

The planner says realised tokens with `counts`; the training loop reads by `places`.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache


@lru_cache(maxsize=256)
def _splits(shares: tuple[Fraction, ...]) -> tuple[tuple[int, int], ...]:
    """For each source but the last, its share of the mass not yet given away, as (p, q) of p/q."""
    if not shares or sum(shares) != 1 or min(shares) < 0:
        raise ValueError(f"shares must be at least 0 and sum to 1, not {[str(share) for share in shares]}")
    splits = []
    mass = Fraction(1)
    for share in shares[:-1]:
        part = share / mass if mass else Fraction(0)
        splits.append((part.numerator, part.denominator))
        mass -= share
    return tuple(splits)


def counts(shares: Sequence[Fraction], n: int) -> list[int]:
    """Sequences that each source gives among the first `n` of a stage.

    Args:
        shares: exact share of each source, in the order of the mixture; they sum to 1.
    Returns:
        whole counts that sum to `n`; each is within the number of sources of `n` times its share.
    Raises:
        ValueError: if a share is negative or they do not sum to 1.

    >>> counts([Fraction(1, 3), Fraction(2, 3)], 4)
    [1, 3]
    """
    result = []
    for p, q in _splits(tuple(shares)):
        taken = (2 * n * p + q) // (2 * q)
        result.append(taken)
        n -= taken
    return [*result, n]


def places(shares: Sequence[Fraction], start: int, stop: int) -> list[tuple[int, int]]:
    """For sequences [start, stop) of a stage: their source, and their number within that source.

    >>> places([Fraction(1, 2), Fraction(1, 2)], 0, 4)
    [(0, 0), (1, 0), (0, 1), (1, 1)]
    """
    splits = _splits(tuple(shares))
    last = len(splits)
    result = []
    for sequence in range(start, stop):
        n = sequence
        for source, (p, q) in enumerate(splits):
            numerator = 2 * n * p + q
            taken = numerator // (2 * q)
            if (numerator + 2 * p) // (2 * q) > taken:
                result.append((source, taken))
                break
            n -= taken
        else:
            result.append((last, n))
    return result
