"""A picture as a page: one file, which asks nothing of the network, to look around in.

What the recipe names is data in the page, never markup or code: the template escapes all of it, and
the page's policy lets only its own style and script run, by their digests.
"""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files

from specc.drawing.fold import Picture
from specc.drawing.svg import STYLE, body, counts, drawn
from specc.words import duration, printable


def as_page(picture: Picture) -> str:
    """A picture as a self-contained HTML file, for mouse, touch and keyboard, light and dark."""
    from jinja2.sandbox import SandboxedEnvironment
    from markupsafe import Markup

    drawing = drawn(picture)
    folder = files("specc.drawing")
    style = STYLE + folder.joinpath("page.css").read_text(encoding="utf-8")
    script = folder.joinpath("page.js").read_text(encoding="utf-8")
    environment = SandboxedEnvironment(autoescape=True, keep_trailing_newline=True)
    template = environment.from_string(folder.joinpath("page.html").read_text(encoding="utf-8"))
    return template.render(
        name=printable(picture.name),
        description=printable(picture.description),
        counts=counts(picture),
        width=round(drawing.width),
        height=round(drawing.height),
        # Made by us, with every name escaped.
        body=Markup(body(picture, drawing)),
        style=Markup(style),
        script=Markup(script),
        style_digest=_digest(style),
        script_digest=_digest(script),
        data=_data(picture),
    )


def _digest(text: str) -> str:
    """Digest of a style or script, as a content security policy names it."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _data(picture: Picture) -> dict[str, object]:
    """What the page shows of each node: equal tables of parameters once."""
    tables: dict[tuple[tuple[str, str], ...], int] = {}
    nodes = []
    for node in picture.nodes:
        table = tuple((name, ", ".join(values)) for name, values in node.parameters.items())
        cost = f"{node.tokens:,} tokens" if node.tokens else ""
        if node.flops:
            cost += f", {node.flops:.2e} FLOPs, about {duration(node.seconds)}"
        nodes.append(
            [
                node.op,
                node.title,
                "; ".join(node.point),
                ", ".join(node.names) if len(node.names) > 1 else "",
                node.size_text,
                node.state_text,
                cost,
                node.keys[0] if len(node.keys) == 1 else "",
                tables.setdefault(table, len(tables)),
            ]
        )
    edges = [[edge.source, edge.target] for edge in picture.edges]
    return {"nodes": nodes, "tables": [list(map(list, table)) for table in tables], "edges": edges}
