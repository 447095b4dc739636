"""The layers of a drawing: which node stands in which, and in what order.

After Sugiyama, Tagawa and Toda (1981): longest-path layering, then barycentre sweeps. Edges that
span several layers run through a point in each of those between; edges from one node share them.
Nothing recurses, and a circle, which no compiler makes, is cut at one edge.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

FEW = 3_000
"""Points of a drawing that is worth many sweeps."""

MOST_POINTS = 200_000
"""Points on long edges, counted for each; above that they run straight from end to end."""


@dataclass(slots=True)
class Layers:
    """Points in layers; the first `nodes` of them are nodes, the others lie on long edges.

    Attributes:
        layer: of each point. order: points of each layer.
        links: from a point to one in the next layer.
        routes: for each edge, the points that it runs through, ends included.
    """

    nodes: int
    layer: list[int]
    order: list[list[int]]
    links: list[tuple[int, int]]
    routes: list[list[int]] = field(default_factory=list)

    def before(self) -> list[list[int]]:
        """For each point, those that it is linked to in the layer before."""
        found: list[list[int]] = [[] for _ in self.layer]
        for source, target in self.links:
            found[target].append(source)
        return found

    def after(self) -> list[list[int]]:
        """For each point, those that it is linked to in the next layer."""
        found: list[list[int]] = [[] for _ in self.layer]
        for source, target in self.links:
            found[source].append(target)
        return found


def layered(nodes: int, edges: Sequence[tuple[int, int]]) -> Layers:
    """Nodes 0 to `nodes` - 1 in layers, ordered so that few edges cross."""
    rank = _ranks(nodes, edges)
    forward = [(s, t) if rank[s] <= rank[t] else (t, s) for s, t in edges]
    layer = _longest_paths(rank, forward)
    layers = _with_points(nodes, layer, edges, forward)
    _reorder(layers)
    return layers


def _ranks(nodes: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """Place of each node in an order in which sources come first."""
    waiting = [0] * nodes
    targets: list[list[int]] = [[] for _ in range(nodes)]
    for source, target in edges:
        waiting[target] += 1
        targets[source].append(target)
    ready = deque(node for node in range(nodes) if not waiting[node])
    rank = [-1] * nodes
    placed = first = 0
    while placed < nodes:
        if not ready:  # a circle: go on with its first node
            while rank[first] >= 0:
                first += 1
            ready.append(first)
        node = ready.popleft()
        if rank[node] >= 0:
            continue
        rank[node] = placed
        placed += 1
        for target in targets[node]:
            waiting[target] -= 1
            if not waiting[target] and rank[target] < 0:
                ready.append(target)
    return rank


def _longest_paths(rank: Sequence[int], edges: Sequence[tuple[int, int]]) -> list[int]:
    """Layer of each node: one after the last of its sources; what has none stands before its first target."""
    targets: list[list[int]] = [[] for _ in rank]
    fed = [False] * len(rank)
    for source, target in edges:
        targets[source].append(target)
        fed[target] = True
    layer = [0] * len(rank)
    for node in sorted(range(len(rank)), key=rank.__getitem__):
        for target in targets[node]:
            layer[target] = max(layer[target], layer[node] + 1)
    for node, has_source in enumerate(fed):
        if not has_source and targets[node]:
            layer[node] = min(layer[target] for target in targets[node]) - 1
    return layer


def _with_points(
    nodes: int, layer: list[int], edges: Sequence[tuple[int, int]], forward: Sequence[tuple[int, int]]
) -> Layers:
    layer = list(layer)
    between: dict[tuple[int, int], int] = {}
    links: dict[tuple[int, int], None] = {}
    routes = []
    straight = sum(layer[target] - layer[source] for source, target in forward) > MOST_POINTS
    for (source, target), given in zip(forward, edges, strict=True):
        route = [source]
        if straight and layer[target] - layer[source] > 1:
            routes.append(list(given))
            continue
        for level in range(layer[source] + 1, layer[target]):
            point = between.get((source, level))
            if point is None:
                point = between[source, level] = len(layer)
                layer.append(level)
            links[route[-1], point] = None
            route.append(point)
        links[route[-1], target] = None
        route.append(target)
        routes.append(route if route[0] == given[0] else route[::-1])
    order: list[list[int]] = [[] for _ in range(max(layer, default=-1) + 1)]
    for point, level in enumerate(layer):
        order[level].append(point)
    return Layers(nodes, layer, order, list(links), routes)


def _reorder(layers: Layers) -> None:
    """Barycentre sweeps down and up; the order with the fewest crossings is kept."""
    before, after = layers.before(), layers.after()
    few = len(layers.layer) <= FEW
    best = [list(order) for order in layers.order]
    fewest = crossings(layers, after) if few else 0
    for sweep in range(16 if few else 4):
        down = sweep % 2 == 0
        beside = before if down else after
        place = [0.0] * len(layers.layer)
        for order in layers.order:
            for position, point in enumerate(order):
                place[point] = float(position)
        for order in layers.order if down else reversed(layers.order):
            centre = {
                point: sum(place[other] for other in beside[point]) / len(beside[point])
                if beside[point]
                else place[point]
                for point in order
            }
            order.sort(key=centre.__getitem__)
            for position, point in enumerate(order):
                place[point] = float(position)
        if few:
            crossed = crossings(layers, after)
            if crossed < fewest:
                fewest, best = crossed, [list(order) for order in layers.order]
            if not fewest:
                break
    if few:
        layers.order = best


def crossings(layers: Layers, after: Sequence[Sequence[int]]) -> int:
    """How many links cross each other."""
    found = 0
    for order, following in zip(layers.order, layers.order[1:], strict=False):
        place = {point: position for position, point in enumerate(following)}
        seen: list[int] = []
        for point in order:
            reached = sorted(place[target] for target in after[point])
            for position in reached:
                found += len(seen) - bisect_left(seen, position + 1)
            for position in reached:
                insort(seen, position)
    return found
