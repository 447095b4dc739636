"""A picture in the language of Graphviz."""

from __future__ import annotations

from specc.drawing.fold import Node, Picture
from specc.drawing.svg import described
from specc.words import printable

SHAPES = {
    "tokenizer": "cylinder",
    "prepare": "cylinder",
    "dataset": "cylinder",
    "train": "box",
    "eval": "note",
    "init": "oval",
    "import": "oval",
}
"""Shapes of operations; others are hexagons."""

STYLES = {
    "done": 'style="filled,rounded", fillcolor="#d7f0e2", color="#1a7f4b"',
    "part": 'style="filled,rounded", fillcolor="#fbeed0", color="#9a6700"',
    "todo": 'style="dashed", color="#6a7480"',
}
EDGES = {"flow": "", "data": ' [color="#b9c2cb"]', "resume": ' [style="dotted"]'}


def as_dot(picture: Picture) -> str:
    """A picture as a DOT file; every name stands in quotes, its own quotes and backslashes escaped."""
    lines = [
        f"digraph {quoted(picture.name)} {{",
        '  graph [fontname="sans-serif"];',
        '  node [fontname="sans-serif", fontsize=11, shape=hexagon];',
    ]
    for number, node in enumerate(picture.nodes):
        shape = f"shape={SHAPES[node.op]}, " if node.op in SHAPES else ""
        lines.append(
            f"  n{number} [{shape}{STYLES[node.state]}, label={quoted(*label(node))}, "
            f"tooltip={quoted(*described(node).split(chr(10)))}];"
        )
    lines += [f"  n{edge.source} -> n{edge.target}{EDGES[edge.kind]};" for edge in picture.edges]
    return "\n".join([*lines, "}"]) + "\n"


def label(node: Node) -> list[str]:
    """What is written in a node, line by line."""
    names = [", ".join(node.names)] if len(node.names) > 1 else []
    size = [node.size_text] if node.size_text else []
    return [node.title, *node.point, *names, *size, f"{node.op}, {node.state_text}"]


def quoted(*lines: str) -> str:
    """Lines as one quoted string.

    >>> print(quoted('a "b"', "c"))
    "a \\"b\\"\\nc"
    """
    return '"' + "\\n".join(printable(line).replace("\\", "\\\\").replace('"', '\\"') for line in lines) + '"'
