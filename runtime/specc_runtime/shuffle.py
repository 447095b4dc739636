"""A shuffled order of which any place can be looked up alone.

An ordinary shuffle has to be made whole before its last element is known. Here the order is a
bijection on the numbers below `size`, worked out for one number at a time, in the same few operations
wherever it lies and however many there are: nothing is drawn in sequence, so there is no state.
"""

from __future__ import annotations

from math import isqrt

import numpy as np
from numpy.typing import NDArray

from specc.corpora.draws import GOLDEN, mixed

SMALL = 1024
"""Sizes below which the network needs more rounds: on few values a round mixes little."""


def rounds_for(size: int) -> int:
    """Rounds of the network; always even.

    Over 300,000 keys, whole orders of 3 to 8 elements can't be told from uniform ones with 24 rounds (with
    8 rounds they can from 5 elements on); nor, over a million keys, where two elements go, with 8 rounds
    from 33 elements on.
    """
    return 32 if size < SMALL else 8


_HALF = np.uint64(32)


def shuffled(places: NDArray[np.int64], size: int, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Which of `size` elements stand at some places of an order.

    A generalised Feistel network on pairs below a x b >= size, walked along its cycle until the
    result lies below `size` (Black and Rogaway 2002, "Ciphers with Arbitrary Finite Domains",
    sections 3 and 4). The sides are about equal, so fewer than one in b has to walk on; a is even, for
    two odd sides would give even permutations only. The round function is the counter-based
    generator SplitMix64 (Steele, Lea and Flood 2014): a counter for each round and value, so every
    number is computed alone.

    Args:
        places: from 0, below `size`, [N]. keys: of the order that each place is looked up in, [N] or [1].
    """
    if size == 1:
        return np.zeros_like(places)
    a = isqrt(size - 1) + 1
    a += a % 2
    b = -(-size // a)
    rounds = rounds_for(size)
    found = _network(places.astype(np.uint64), a, b, keys, rounds)
    walking = np.flatnonzero(found >= size)
    while len(walking):
        theirs = keys if len(keys) == 1 else keys[walking]
        found[walking] = _network(found[walking], a, b, theirs, rounds)
        walking = walking[found[walking] >= size]
    return found.astype(np.int64)


def _network(
    numbers: NDArray[np.uint64], a: int, b: int, keys: NDArray[np.uint64], rounds: int
) -> NDArray[np.uint64]:
    """The network on numbers below a b, as pairs (number // b, number mod b)."""
    left, right = np.divmod(numbers, np.uint64(b))
    sides = (np.uint64(a), np.uint64(b))
    for turn in range(rounds):
        counter = right + np.uint64(turn * max(a, b) + 1)
        shift = (mixed(keys + counter * GOLDEN) >> _HALF) * sides[turn % 2] >> _HALF
        moved = left + shift
        moved = np.where(moved >= sides[turn % 2], moved - sides[turn % 2], moved)
        left, right = right, moved
    # After an even number of rounds the sides are where they were.
    return left * sides[1] + right


def order_keys(seed: int, numbers: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Keys of unrelated orders from one seed, by number: outputs of SplitMix64."""
    with np.errstate(over="ignore"):
        return mixed(np.uint64(seed) + (numbers.astype(np.uint64) + np.uint64(1)) * GOLDEN)
