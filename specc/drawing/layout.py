"""Where nodes and edges of a picture lie, in pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from specc.drawing.fold import Node, Picture
from specc.drawing.layers import FEW, Layers, layered

CHARACTER = 6.7
"""Width of a character of the small text, in pixels: a little more than that of common fonts."""

LARGE = 7.8
"""Width of a character of a title."""

LINE = 17.0
LONGEST = 52
"""Characters of a line of text in a node; more is cut, and shown in full when pointed at."""

MARGIN = 24.0
BESIDE = 22.0
"""Least distance of nodes of one layer."""

EDGE_BESIDE = 12.0
"""Least distance of edges that pass a layer."""

SPINE, PASSING = 30.0, 2.0
"""How hard nodes that others come from, and long edges, hold their place; other nodes do with 1."""


@dataclass(frozen=True, slots=True)
class Box:
    """A node's place: upper left corner and size. `lines` are its texts, from the title on."""

    x: float
    y: float
    width: float
    height: float
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture with places; `paths` are points that the edges run through, in the order of the edges.

    `across` says that layers follow each other from left to right, else from top to bottom.
    """

    boxes: tuple[Box, ...]
    paths: tuple[tuple[tuple[float, float], ...], ...]
    width: float
    height: float
    across: bool


def texts(node: Node) -> tuple[str, ...]:
    """What is written in a node."""
    lines = [node.title, *node.point]
    if len(node.names) > 1:
        lines.append(", ".join(node.names))
    lines += [node.size_text] if node.size_text else []
    lines += node.notes
    return tuple(line if len(line) <= LONGEST else line[: LONGEST - 1] + "…" for line in lines)


def arranged(picture: Picture) -> Drawing:
    """Places for all nodes and edges; layers run in the direction that makes the picture less wide."""
    lines = [texts(node) for node in picture.nodes]
    sizes = []
    for node, written in zip(picture.nodes, lines, strict=True):
        under = max(map(len, (*written[1:], f"{node.op}  {node.state_text}"))) + 1
        sizes.append(
            (max(LARGE * len(written[0]), CHARACTER * under, 70.0) + 34, LINE * (len(written) + 1) + 12)
        )
    layers = layered(len(sizes), [(edge.source, edge.target) for edge in picture.edges])
    wide = [max((sizes[p][0] for p in order if p < layers.nodes), default=0.0) for order in layers.order]
    down = max(
        (sum(sizes[p][0] + BESIDE for p in order if p < layers.nodes) for order in layers.order), default=0.0
    )
    across = sum(wide) + 64 * len(wide) <= max(down, 1000.0)
    along = [size[0] if across else size[1] for size in sizes]
    beside = [size[1] if across else size[0] for size in sizes]
    centres = _centres(layers, beside)
    boxes, starts, length = _boxes(layers, along, beside, centres, sizes, lines, across)
    least = min((centre - size / 2 for centre, size in zip(centres, beside, strict=False)), default=0.0)
    shift = MARGIN - min([least, *centres[layers.nodes :]], default=0.0)
    boxes = [
        Box(b.x, b.y + shift, b.width, b.height, b.lines)
        if across
        else Box(b.x + shift, b.y, b.width, b.height, b.lines)
        for b in boxes
    ]
    paths = tuple(_path(route, boxes, layers, centres, starts, shift, across) for route in layers.routes)
    far = max((c + s / 2 for c, s in zip(centres, beside, strict=False)), default=0.0)
    extent = max([far, *centres[layers.nodes :]], default=0.0) + shift + MARGIN
    width, height = (length + MARGIN, extent) if across else (extent, length + MARGIN)
    return Drawing(tuple(boxes), paths, width, height, across)


def _boxes(
    layers: Layers,
    along: Sequence[float],
    beside: Sequence[float],
    centres: Sequence[float],
    sizes: Sequence[tuple[float, float]],
    lines: Sequence[tuple[str, ...]],
    across: bool,
) -> tuple[list[Box], list[tuple[float, float]], float]:
    """Boxes; where each layer starts and stops; and where the last one stops."""
    starts: list[tuple[float, float]] = []
    boxes: list[Box] = [Box(0, 0, *size, written) for size, written in zip(sizes, lines, strict=True)]
    at = MARGIN
    gap = 64.0 if across else 44.0
    for order in layers.order:
        thick = max((along[p] for p in order if p < layers.nodes), default=0.0)
        for point in order:
            if point < layers.nodes:
                first = at if across else at + (thick - along[point]) / 2
                second = centres[point] - beside[point] / 2
                x, y = (first, second) if across else (second, first)
                boxes[point] = Box(x, y, *sizes[point], lines[point])
        starts.append((at, at + thick))
        at += thick + gap
    return boxes, starts, at - gap if starts else at


def _centres(layers: Layers, beside: Sequence[float]) -> list[float]:
    """Centre of each point within its layer: near those that it is linked to, and clear of its neighbours."""
    size = [*beside, *(0.0 for _ in range(len(layers.layer) - layers.nodes))]
    before, after = layers.before(), layers.after()
    centre = [0.0] * len(size)
    # What goes on is kept in line; what ends here (evaluations, mostly) makes room for it.
    weight = [SPINE if after[point] else 1.0 for point in range(layers.nodes)]
    weight += [PASSING] * (len(size) - layers.nodes)
    for order in layers.order:
        _place(order, [0.0] * len(order), size, weight, centre, layers.nodes)
    for sweep in range(12 if len(size) <= FEW else 4):
        down = sweep % 2 == 0
        last = sweep >= (10 if len(size) <= FEW else 3)
        for order in layers.order if down else reversed(layers.order):
            wanted = []
            for point in order:
                linked = before[point] + after[point] if last else (before if down else after)[point]
                wanted.append(_mean(point, linked, weight, centre, layers.nodes))
            _place(order, wanted, size, weight, centre, layers.nodes)
    return centre


def _mean(
    point: int, linked: Sequence[int], weights: Sequence[float], centre: Sequence[float], nodes: int
) -> float:
    """Where a point would like to be: in line with what goes on, least with an edge that only passes."""
    total = divisor = 0.0
    for other in linked:
        weight = weights[other] if (other < nodes) == (point < nodes) else 1.0
        total += weight * centre[other]
        divisor += weight
    return total / divisor if divisor else centre[point]


def _place(
    order: Sequence[int],
    wanted: Sequence[float],
    size: Sequence[float],
    weights: Sequence[float],
    centre: list[float],
    nodes: int,
) -> None:
    """Set centres as near to the wanted ones as distances allow: least squares, by pooling neighbours."""
    offset = 0.0
    offsets: list[float] = []
    pools: list[list[float]] = []
    for place, point in enumerate(order):
        if place:
            both = point < nodes and order[place - 1] < nodes
            offset += (size[point] + size[order[place - 1]]) / 2 + (BESIDE if both else EDGE_BESIDE)
        offsets.append(offset)
        pools.append([wanted[place] - offset, weights[point], 1])
        while len(pools) > 1 and pools[-2][0] >= pools[-1][0]:
            value, weight, number = pools.pop()
            pool = pools[-1]
            pool[0] = (pool[0] * pool[1] + value * weight) / (pool[1] + weight)
            pool[1] += weight
            pool[2] += number
    place = 0
    for value, _, number in pools:
        for _ in range(int(number)):
            centre[order[place]] = value + offsets[place]
            place += 1


def _path(
    route: Sequence[int],
    boxes: Sequence[Box],
    layers: Layers,
    centres: Sequence[float],
    starts: Sequence[tuple[float, float]],
    shift: float,
    across: bool,
) -> tuple[tuple[float, float], ...]:
    """Points of an edge: from the rim of one box, through the layers between, to the rim of another."""
    points: list[tuple[float, float]] = []
    backwards = layers.layer[route[0]] > layers.layer[route[-1]]
    for position, point in enumerate(route):
        if point < layers.nodes:
            box = boxes[point]
            leaving = (position == 0) != backwards
            # Straight as far as the layer is thick: a bend beside a larger box would run behind it.
            rim = starts[layers.layer[point]][1 if leaving else 0]
            if across:
                middle = box.y + box.height / 2
                pair = [(box.x + box.width if leaving else box.x, middle), (rim, middle)]
            else:
                middle = box.x + box.width / 2
                pair = [(middle, box.y + box.height if leaving else box.y), (middle, rim)]
            pair = pair if position == 0 else pair[::-1]
            points += pair if pair[0] != pair[1] else pair[:1]
        else:
            begin, end = starts[layers.layer[point]]
            middle = centres[point] + shift
            pair = [(begin, middle), (end, middle)] if across else [(middle, begin), (middle, end)]
            points += pair[::-1] if backwards else pair
    return tuple(points)
