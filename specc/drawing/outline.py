"""A picture as text: a line for each node, its sources before it, and what it is made from."""

from __future__ import annotations

from specc.drawing.fold import Picture
from specc.drawing.svg import counts
from specc.words import printable

SIGNS = {"done": "[x]", "part": "[/]", "todo": "[ ]"}


def as_text(picture: Picture) -> str:
    """A picture as lines of text.

    `[x]` is done, `[/]` done in part, `[ ]` to do; after `<-` stands what a step is made from.
    """
    sources: list[list[str]] = [[] for _ in picture.nodes]
    for edge in picture.edges:
        node = picture.nodes[edge.source]
        name = " ".join([node.title, *(f"({part})" for part in node.point)])
        if edge.kind != "resume" and name not in sources[edge.target]:
            sources[edge.target].append(name)
    width = max((len(node.op) for node in picture.nodes), default=0)
    lines = [f"{printable(picture.name)}: {counts(picture)}"]
    for node, made_from in zip(picture.nodes, sources, strict=True):
        parts = [f"{SIGNS[node.state]} {node.op.ljust(width)}  {node.title}", *node.point]
        if len(node.names) > 1:
            parts[0] += f": {', '.join(node.names)}"
        if node.size_text:
            parts.append(node.size_text)
        if node.state == "part":
            parts.append(f"{node.done:,} done")
        listed = ", ".join(made_from[:6]) + (f", ... {len(made_from) - 6} more" if len(made_from) > 6 else "")
        lines.append("; ".join(parts) + (f"  <- {listed}" if made_from else ""))
    return "\n".join(lines) + "\n"
