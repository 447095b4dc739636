"""Random numbers of documents: functions of a seed, a document's id and a counter, and of nothing else.

So what is drawn for a document is the same wherever it stands, in whatever order it is read, with
every seed of the run, and in every larger corpus that holds it. The numbers are outputs of
SplitMix64 (Steele, Lea and Flood 2014), of which each can be computed alone.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from specc.corpora.hashing import hashed

GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def mixed(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The output function of SplitMix64: a permutation of the 64-bit numbers that looks random."""
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return numbers ^ (numbers >> np.uint64(31))


def document_keys(ids: NDArray[np.uint64], purpose: str, seed: int) -> NDArray[np.uint64]:
    """A number for each document; for different purposes and seeds they are unrelated."""
    return mixed(ids ^ np.uint64(hashed(purpose, seed)))


def draws(keys: NDArray[np.uint64], counter: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Numbers in [0, 2**64): the `counter`-th of each key's sequence, from 0."""
    with np.errstate(over="ignore"):
        return mixed(keys + (counter.astype(np.uint64) + np.uint64(1)) * GOLDEN)


def falls_below(numbers: NDArray[np.uint64], share: Fraction) -> NDArray[np.bool_]:
    """Which numbers lie in the first `share` of [0, 2**64); exact, whatever the share."""
    bound = -(-(share.numerator << 64) // share.denominator)
    if bound > 2**64 - 1:
        return np.ones(len(numbers), dtype=bool)
    return numbers < np.uint64(bound)


def scaled(numbers: NDArray[np.uint64], size: int) -> NDArray[np.int64]:
    """Numbers in [0, 2**64) as numbers in [0, size), for a size below 2**32; off by 2**-32 at most."""
    return ((numbers >> np.uint64(32)) * np.uint64(size) >> np.uint64(32)).astype(np.int64)
