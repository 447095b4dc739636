"""What is dominated, hulls, areas: against brute force on random points, low being better in both."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import ConvexHull

from specc.comparing.dominance import dominated, frontier, hull, hypervolume, signed_area

# Whole numbers in a small range: ties, duplicates and points in line are common.
POINTS = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), min_size=1, max_size=14).map(
    lambda points: [(float(x), float(y)) for x, y in points]
)


@settings(max_examples=80, deadline=None)
@given(POINTS)
def test_dominated_points_are_those_that_another_beats(points: list[tuple[float, float]]) -> None:
    usual = [any(a <= x and b <= y and (a < x or b < y) for a, b in points) for x, y in points]
    strict = [any(a < x and b < y for a, b in points) for x, y in points]
    assert dominated(points) == usual
    assert dominated(points, strict=True) == strict


@settings(max_examples=30, deadline=None)
@given(POINTS)
def test_the_hull_holds_what_is_best_for_some_trade(points: list[tuple[float, float]]) -> None:
    """A corner is the only best point (but for its equals) of some weighing of the two results."""
    marks = hull(points)
    kept = frontier(points)
    for point, mark in zip(points, marks, strict=True):
        angles = np.linspace(1e-4, math.pi / 2 - 1e-4, 2_001)
        scores = np.outer(np.cos(angles), [x for x, _ in points]) + np.outer(
            np.sin(angles), [y for _, y in points]
        )
        own = np.cos(angles) * point[0] + np.sin(angles) * point[1]
        others = [number for number, other in enumerate(points) if other != point]
        alone = not others or bool(np.any(own < scores[:, others].min(axis=1) - 1e-9))
        assert mark == alone
        assert not mark or point in kept


def test_corners_of_the_hull_are_corners_of_scipys() -> None:
    random = np.random.default_rng(4)
    points = [(float(x), float(y)) for x, y in random.uniform(0, 1, (40, 2))]
    corners = {points[number] for number in ConvexHull(np.array(points)).vertices}
    assert {point for point, mark in zip(points, hull(points), strict=True) if mark} <= corners


@settings(max_examples=80, deadline=None)
@given(POINTS)
def test_the_hypervolume_is_the_number_of_cells_that_are_beaten(points: list[tuple[float, float]]) -> None:
    cells = sum(
        any(x <= column and y <= row for x, y in points)
        for column, row in itertools.product(range(9), range(9))
    )
    assert hypervolume(points, (9.0, 9.0)) == cells
    assert hypervolume(points, (0.0, 0.0)) == 0


@settings(max_examples=80, deadline=None)
@given(POINTS, POINTS)
def test_the_signed_area_is_that_between_the_interpolated_lines(
    points: list[tuple[float, float]], others: list[tuple[float, float]]
) -> None:
    one, other = frontier(points), frontier(others)
    low, high = max(one[0][0], other[0][0]), min(one[-1][0], other[-1][0])
    found = signed_area(points, others)
    if low >= high:
        assert found is None
        return
    x = np.linspace(low, high, 2_001)
    ours, theirs = ([np.array(values) for values in zip(*line, strict=True)] for line in (one, other))
    gap = np.interp(x, theirs[0], theirs[1]) - np.interp(x, ours[0], ours[1])
    assert found == pytest.approx(float(np.trapezoid(gap, x)), abs=1e-3)
    assert found == pytest.approx(-(signed_area(others, points) or 0.0))
    assert signed_area(points, points) == (0.0 if one[0][0] < one[-1][0] else None)


def test_one_point_and_equal_points() -> None:
    assert dominated([(1.0, 1.0), (1.0, 1.0)]) == [False, False]
    assert hull([(1.0, 1.0), (1.0, 1.0)]) == [True, True]
    assert hull([(0.0, 2.0), (1.0, 1.0), (2.0, 0.0)]) == [True, False, True]  # in line: no corner
    assert signed_area([(1.0, 1.0)], [(1.0, 2.0)]) is None
