"""A picture in the language of Mermaid, which Markdown pages of code hosts draw."""

from __future__ import annotations

from specc.drawing.dot import label
from specc.drawing.fold import Picture

SHAPES = {
    "tokenizer": ("[(", ")]"),
    "prepare": ("[(", ")]"),
    "dataset": ("[(", ")]"),
    "eval": ("([", "])"),
    "init": ("((", "))"),
    "import": ("((", "))"),
}
"""What stands around the label of an operation; around others, square brackets."""

ARROWS = {"flow": "-->", "data": "-.->", "resume": "-.->"}

CLASSES = (
    "  classDef done fill:#d7f0e2,stroke:#1a7f4b,color:#1d2329",
    "  classDef part fill:#fbeed0,stroke:#9a6700,color:#1d2329",
    "  classDef todo fill:#f6f8fa,stroke:#6a7480,color:#1d2329,stroke-dasharray:5 3",
)


def as_mermaid(picture: Picture) -> str:
    """A picture as a Mermaid flow chart; in names, all but plain signs are written as entities."""
    lines = ["flowchart TB"]
    for number, node in enumerate(picture.nodes):
        before, after = SHAPES.get(node.op, ("[", "]"))
        text = "<br/>".join(map(escaped, label(node)))
        lines.append(f'  n{number}{before}"{text}"{after}:::{node.state}')
    lines += [f"  n{edge.source} {ARROWS[edge.kind]} n{edge.target}" for edge in picture.edges]
    return "\n".join([*lines, *CLASSES]) + "\n"


def escaped(text: str) -> str:
    """A text in which nothing is a sign of Mermaid, Markdown or HTML.

    >>> escaped('x_1 = "<b>"')
    'x#95;1 = #34;#60;b#62;#34;'
    """
    return "".join(sign if sign.isalnum() or sign in " .,=%:/-" else f"#{ord(sign)};" for sign in text)
