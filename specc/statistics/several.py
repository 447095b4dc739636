"""Several comparisons at once."""

from __future__ import annotations

import math
from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """p values adjusted by Holm's step-down rule (1979), in the order in which they came.

    Whatever the comparisons have to do with each other (they share a baseline), the probability that any
    true null hypothesis gets an adjusted p of alpha or less is at most alpha.

    Raises:
        ValueError: for a p outside 0..1.
    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    if not all(math.isfinite(p) and 0 <= p <= 1 for p in p_values):
        raise ValueError("a p value lies between 0 and 1")
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda each: p_values[each])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = largest
    return adjusted
