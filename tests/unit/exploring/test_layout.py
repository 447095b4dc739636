"""Layers, order and places of a drawing."""

from __future__ import annotations

import random
import time
from itertools import pairwise
from pathlib import Path

from explored import RECIPE

from small_recipes import study_of
from specc.drawing.fold import Edge, Node, Picture, fold
from specc.drawing.layers import crossings, layered
from specc.drawing.layout import arranged


def picture(nodes: int, edges: list[tuple[int, int]]) -> Picture:
    listed = tuple(Node("train", f"step {number}", (), [str(number)]) for number in range(nodes))
    return Picture("p", "", listed, tuple(Edge(*edge, "flow", 1) for edge in edges), nodes, 0, ())


def overlapping(drawn: Picture) -> list[tuple[int, int]]:
    """Pairs of boxes that cover each other."""
    boxes = arranged(drawn).boxes
    return [
        (i, j)
        for i, a in enumerate(boxes)
        for j, b in enumerate(boxes[:i])
        if a.x < b.x + b.width and b.x < a.x + a.width and a.y < b.y + b.height and b.y < a.y + a.height
    ]


def test_every_edge_leads_to_a_later_layer() -> None:
    random.seed(1)
    edges = [(i, j) for j in range(60) for i in range(j) if random.random() < 0.06]
    layers = layered(60, edges)
    assert all(layers.layer[source] < layers.layer[target] for source, target in edges)
    for route, (source, target) in zip(layers.routes, edges, strict=True):
        assert (route[0], route[-1]) == (source, target)
        assert all(layers.layer[b] - layers.layer[a] == 1 for a, b in pairwise(route))


def test_crossings_are_counted_like_by_hand() -> None:
    layers = layered(4, [(0, 3), (1, 2)])
    layers.order = [[0, 1], [2, 3]]
    assert crossings(layers, layers.after()) == 1
    layers.order = [[0, 1], [3, 2]]
    assert crossings(layers, layers.after()) == 0


def test_edges_that_need_not_cross_do_not() -> None:
    # Two chains whose nodes are given in a mixed order.
    layers = layered(6, [(0, 3), (1, 2), (3, 4), (2, 5)])
    assert crossings(layers, layers.after()) == 0


def test_boxes_never_overlap(tmp_path: Path) -> None:
    assert overlapping(fold(study_of(tmp_path, RECIPE), (), ["all"])) == []
    random.seed(2)
    edges = [(i, j) for j in range(80) for i in range(j) if random.random() < 0.05]
    assert overlapping(picture(80, edges)) == []


def test_everything_lies_inside_of_the_picture() -> None:
    random.seed(3)
    edges = [(i, j) for j in range(40) for i in range(j) if random.random() < 0.1]
    drawn = arranged(picture(40, edges))
    assert all(b.x >= 0 and b.x + b.width <= drawn.width for b in drawn.boxes)
    assert all(b.y >= 0 and b.y + b.height <= drawn.height for b in drawn.boxes)
    assert all(0 <= x <= drawn.width and 0 <= y <= drawn.height for path in drawn.paths for x, y in path)


def test_a_chain_of_stages_with_evaluations_stays_a_column() -> None:
    # Forty-five stages, each evaluated, all reading one corpus: no drift to a side.
    edges = [(0, n) for n in range(1, 91)] + [(n, n + 1) for n in range(1, 45)]
    edges += [(n, n + 45) for n in range(1, 46)]
    drawn = arranged(picture(91, edges))
    centres = [drawn.boxes[n].x + drawn.boxes[n].width / 2 for n in range(1, 46)]
    assert not drawn.across
    assert max(centres) - min(centres) < 500
    assert drawn.width < 1200


def test_a_circle_is_drawn_and_not_waited_for() -> None:
    drawn = arranged(picture(3, [(0, 1), (1, 2), (2, 0)]))
    assert len(drawn.paths) == 3


def test_long_chains_take_no_recursion_and_little_time() -> None:
    started = time.process_time()
    edges = [(n, n + 1) for n in range(9_999)] + [(0, n) for n in range(2, 10_000)]
    arranged(picture(10_000, edges))
    assert time.process_time() - started < 6


def test_nothing_is_drawn_of_nothing() -> None:
    assert arranged(picture(0, [])).boxes == ()


def test_edges_bend_between_layers_only() -> None:
    # A narrow box beside a wide one: a line that bent at once would run behind the wide one.
    listed = [Node("train", title, (), [title]) for title in ("a", "b", "b" * 40, "c", "d")]
    edges = tuple(Edge(source, target, "flow", 1) for source, target in ((0, 1), (0, 2), (1, 3), (1, 4)))
    drawn = arranged(Picture("p", "", tuple(listed), edges, 5, 0, ()))
    assert drawn.across
    wide = drawn.boxes[2].x + drawn.boxes[2].width
    for path in drawn.paths[2:]:
        heights = {y for x, y in path if x <= wide}
        assert len(heights) == 1
        assert any(x >= wide and y in heights for x, y in path)
