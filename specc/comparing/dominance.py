"""Points in two results, both of which are to be low: what is dominated, hulls, areas.

A result of which more is better is turned round (negated) before it comes here.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

Point = tuple[float, float]


def dominated(points: Sequence[Point], strict: bool = False) -> list[bool]:
    """Whether another point is no worse in both and better in one; strictly: better in both.

    The strict rule is that of arXiv 2605.12705, section 4.3. Points that are equal do not dominate each
    other. By one sweep over the sorted points.
    """
    order = sorted(range(len(points)), key=lambda each: points[each])
    found = [False] * len(points)
    lowest = float("inf")  # y over all points with a smaller x
    start = 0
    while start < len(order):
        end = start
        x = points[order[start]][0]
        while end < len(order) and points[order[end]][0] == x:
            end += 1
        here = order[start:end]
        least = points[here[0]][1]
        for each in here:
            y = points[each][1]
            found[each] = lowest < y if strict else lowest <= y or least < y
        lowest = min(lowest, least)
        start = end
    return found


def hull(points: Sequence[Point]) -> list[bool]:
    """Whether a point is a corner of the lower-left convex hull, ends included (Andrew 1979).

    From the point that is lowest in x to the one that is lowest in y; points between corners of a straight
    piece are no corners, and of equal points all are or none.
    """
    front = sorted({point for point, worse in zip(points, dominated(points), strict=True) if not worse})
    corners: list[Point] = []
    for point in front:
        while len(corners) > 1 and _turn(corners[-2], corners[-1], point) <= 0:
            corners.pop()
        corners.append(point)
    kept = set(corners)
    return [point in kept for point in points]


def frontier(points: Sequence[Point]) -> list[Point]:
    """The points that are not dominated, by x, each once."""
    return sorted({point for point, worse in zip(points, dominated(points), strict=True) if not worse})


def hypervolume(points: Sequence[Point], reference: Point) -> float:
    """Area that is dominated by the points and itself dominates the reference (Zitzler and Thiele 1999)."""
    area, above = 0.0, reference[1]
    for x, y in frontier(points):
        if x < reference[0] and y < above:
            area += (reference[0] - x) * (above - y)
            above = y
    return area


def signed_area(points: Sequence[Point], others: Sequence[Point]) -> float | None:
    """Area between two frontiers over the range of x that both have, positive where the first is lower.

    Frontiers are joined by straight lines and never prolonged. None where the ranges meet in a point or
    not at all.
    """
    one, other = frontier(points), frontier(others)
    if not one or not other:
        return None
    low, high = max(one[0][0], other[0][0]), min(one[-1][0], other[-1][0])
    if not low < high:
        return None
    places = sorted({low, high, *(x for x, _ in [*one, *other] if low < x < high)})
    gaps = [_at(other, x) - _at(one, x) for x in places]
    return sum(
        (right - left) * (gaps[number] + gaps[number + 1]) / 2
        for number, (left, right) in enumerate(pairwise(places))
    )


def _at(line: Sequence[Point], x: float) -> float:
    """Height of a line through points, at an x within them."""
    for (left, low), (right, high) in pairwise(line):
        if left <= x <= right:
            return low + (high - low) * (x - left) / (right - left)
    return line[0][1]


def _turn(a: Point, b: Point, c: Point) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
