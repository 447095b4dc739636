"""A shuffled order, looked up one place at a time."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from specc_runtime.shuffle import order_keys, shuffled

KEYS = st.integers(0, 2**64 - 1)


def whole(size: int, key: int) -> NDArray[np.int64]:
    return shuffled(np.arange(size), size, np.array([key], dtype=np.uint64))


@given(st.integers(1, 3000) | st.integers(1, 40), KEYS)
def test_every_element_has_one_place(size: int, key: int) -> None:
    assert np.array_equal(np.sort(whole(size, key)), np.arange(size))


@given(st.integers(1, 2**62), st.lists(st.integers(0, 2**62), min_size=1, max_size=20), KEYS)
def test_places_are_looked_up_alone_however_large_the_order(size: int, places: list[int], key: int) -> None:
    """Together or each by itself, with one key for all or one for each: no element comes twice."""
    asked = np.array(sorted({place % size for place in places}), dtype=np.int64)
    keys = np.array([key], dtype=np.uint64)
    found = shuffled(asked, size, keys)
    assert ((found >= 0) & (found < size)).all()
    assert len(set(found.tolist())) == len(asked)
    assert found.tolist() == [int(shuffled(asked[[n]], size, keys)[0]) for n in range(len(asked))]
    assert found.tolist() == shuffled(asked, size, np.repeat(keys, len(asked))).tolist()


@pytest.mark.parametrize("size", [2, 3, 4, 5, 6])
def test_orders_are_uniform(size: int) -> None:
    """Each order of a few elements comes up equally often: chi-squared over all of them."""
    keys = order_keys(1, np.arange(60_000))
    columns = [shuffled(np.full(len(keys), place), size, keys) for place in range(size)]
    number = sum(column * size**place for place, column in enumerate(columns))
    expected = [sum(value * size**place for place, value in enumerate(p)) for p in permutations(range(size))]
    seen, counts = np.unique(number, return_counts=True)
    assert seen.tolist() == sorted(expected)
    mean = len(keys) / len(expected)
    freedom = len(expected) - 1
    # Five standard deviations of the distribution.
    assert ((counts - mean) ** 2 / mean).sum() < freedom + 5 * (2 * freedom) ** 0.5


def test_two_elements_of_a_large_order_go_anywhere() -> None:
    """The cells in which the first and the last of 100,000 elements land, ten by ten."""
    keys = order_keys(2, np.arange(40_000))
    size = 100_000
    first, last = (shuffled(np.full(len(keys), place), size, keys) * 10 // size for place in (0, size - 1))
    counts = np.bincount(first * 10 + last, minlength=100)
    assert ((counts - 400) ** 2 / 400).sum() < 99 + 5 * (2 * 99) ** 0.5


def test_elements_next_to_each_other_are_strewn() -> None:
    """The mean distance of neighbours is a third of the size, as in a random order; no run is kept."""
    found = whole(100_000, 3)
    steps = np.diff(found)
    assert abs(np.abs(steps).mean() / 100_000 - 1 / 3) < 0.005
    assert np.count_nonzero(steps == 1) < 10


def test_orders_of_different_keys_have_nothing_in_common() -> None:
    """Two random orders agree in one place on average."""
    orders = np.array([whole(2000, int(key)) for key in order_keys(5, np.arange(40))])
    same = [int((orders[n] == orders[n + 1]).sum()) for n in range(39)]
    assert 0.4 < np.mean(same) < 1.8


def test_the_order_is_the_same_on_every_machine() -> None:
    """Worked out by the definition, in whole numbers of any size."""
    big, key, size, a, b = 2**64, 7, 10, 4, 3

    def mixed(x: int) -> int:
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 % big
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB % big
        return x ^ (x >> 31)

    expected = []
    for place in range(size):
        found = place
        while True:
            left, right = divmod(found, b)
            for turn in range(32):
                side = (a, b)[turn % 2]
                counter = turn * max(a, b) + 1 + right
                drawn = mixed((key + counter * 0x9E3779B97F4A7C15) % big) >> 32
                left, right = right, (left + (drawn * side >> 32)) % side
            found = left * b + right
            if found < size:
                break
        expected.append(found)
    assert whole(size, key).tolist() == expected
    assert order_keys(9, np.array([3])).tolist() == [mixed((9 + 4 * 0x9E3779B97F4A7C15) % big)]
