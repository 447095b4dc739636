"""A drawing as SVG: one file, no scripts, no fonts and no addresses in it, light and dark."""

from __future__ import annotations

from html import escape

from specc.drawing.fold import Node, Picture
from specc.drawing.layout import LINE, Box, Drawing, arranged
from specc.errors import QueryError
from specc.words import count, duration, printable

MOST_DRAWN = 20_000
"""Nodes of a picture that a browser still shows."""

STYLE = """
svg.specc{--paper:#fff;--ink:#1d2329;--faint:#5b6670;--line:#8b97a3;--data:#b9c2cb;--box:#f6f8fa;
--done:#1a7f4b;--part:#9a6700;--todo:#6a7480;--mark:#0b5cad;
font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif;font-size:12px}
@media (prefers-color-scheme:dark){svg.specc{--paper:#14181c;--ink:#e3e8ec;--faint:#9aa6b1;--line:#6b7783;
--data:#46515b;--box:#1e242a;--done:#4cc38a;--part:#e2b341;--todo:#93a0ac;--mark:#6cb6ff}}
.specc .paper{fill:var(--paper)}
.specc .edge{fill:none;stroke:var(--line);stroke-width:1.4}
.specc .data{stroke:var(--data)}
.specc .resume{stroke-dasharray:2 4}
.specc .tip{fill:var(--line)}
.specc .box{fill:var(--box);stroke-width:1.4}
.specc .done .box{stroke:var(--done)}
.specc .part .box{stroke:var(--part)}
.specc .todo .box{stroke:var(--todo);stroke-dasharray:5 3}
.specc .done .sign{fill:var(--done);stroke:var(--done)}
.specc .part .sign{fill:var(--part);stroke:var(--part)}
.specc .todo .sign{fill:none;stroke:var(--todo)}
.specc .tick{fill:none;stroke:var(--paper);stroke-width:1.8}
.specc .part .ring{fill:none}
.specc .title{font-weight:600;font-size:13px;fill:var(--ink)}
.specc .text{fill:var(--ink)}
.specc .op{fill:var(--faint)}
.specc .head{font-weight:600;font-size:15px;fill:var(--ink)}
"""
"""Colors of the states are told by border and sign too: solid and ticked, half, dashed and empty."""

HEAD = 46.0
"""Height of the lines above the picture."""


def drawn(picture: Picture) -> Drawing:
    """Places of a picture that is to be shown.

    Raises:
        QueryError: if it has more nodes than can be shown.
    """
    if len(picture.nodes) > MOST_DRAWN:
        raise QueryError(
            f"the picture has {len(picture.nodes):,} nodes; at most {MOST_DRAWN:,} are drawn",
            "unfold fewer axes, or write it with `--format dot`",
        )
    return arranged(picture)


def as_svg(picture: Picture) -> str:
    """A picture as an SVG file."""
    drawing = drawn(picture)
    width, height = max(drawing.width, 420.0), drawing.height + HEAD
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="specc" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{written(summary(picture))}">\n'
        f"<style>{STYLE}</style>\n"
        f'<rect class="paper" width="100%" height="100%"/>\n'
        f'<text class="head" x="24" y="26">{written(picture.name)}</text>\n'
        f'<text class="op" x="24" y="44">{written(counts(picture))}</text>\n'
        f'<g transform="translate(0 {HEAD:.0f})">\n{body(picture, drawing)}</g>\n</svg>\n'
    )


def written(text: str) -> str:
    """A text as it stands in XML: nothing in it is markup, and no sign is one that XML forbids."""
    return escape("\n".join(map(printable, text.split("\n"))))


def summary(picture: Picture) -> str:
    """A picture in a sentence, for those who can't see it."""
    return f"graph of {picture.name}: {counts(picture)}"


def counts(picture: Picture) -> str:
    """How many steps a picture stands for, and what is folded in it."""
    folded = f"; folded over {', '.join(picture.folded)}" if picture.folded else ""
    return f"{count(picture.steps, 'step')}, {picture.done:,} done{folded}"


def body(picture: Picture, drawing: Drawing) -> str:
    """Edges and nodes; each node is a group with the id `n` and its number."""
    parts = []
    for number, (edge, path) in enumerate(zip(picture.edges, drawing.paths, strict=True)):
        parts.append(
            f'<g id="e{number}"><path class="edge {edge.kind}" d="{_curve(path, drawing.across)}"/>'
            f'<path class="tip" d="{_tip(path, drawing.across)}"/></g>\n'
        )
    parts += [
        _node(number, *both) for number, both in enumerate(zip(picture.nodes, drawing.boxes, strict=True))
    ]
    return "".join(parts)


def _curve(points: tuple[tuple[float, float], ...], across: bool) -> str:
    """A smooth line through points, that leaves and reaches each in the direction of the layers."""
    x, y = points[0]
    parts = [f"M{x:.1f} {y:.1f}"]
    for next_x, next_y in points[1:]:
        if across:
            bend = (x + next_x) / 2
            parts.append(f"C{bend:.1f} {y:.1f} {bend:.1f} {next_y:.1f} {next_x:.1f} {next_y:.1f}")
        else:
            bend = (y + next_y) / 2
            parts.append(f"C{x:.1f} {bend:.1f} {next_x:.1f} {bend:.1f} {next_x:.1f} {next_y:.1f}")
        x, y = next_x, next_y
    return "".join(parts)


def _tip(points: tuple[tuple[float, float], ...], across: bool) -> str:
    """The arrow head at the end of an edge."""
    (before_x, before_y), (x, y) = points[-2], points[-1]
    if across:
        back = -7 if x >= before_x else 7
        return f"M{x:.1f} {y:.1f}l{back} -3.5v7z"
    back = -7 if y >= before_y else 7
    return f"M{x:.1f} {y:.1f}l-3.5 {back}h7z"


def _node(number: int, node: Node, box: Box) -> str:
    title, *rest = box.lines
    lines = [f'<text class="title" x="28" y="{LINE + 4:.0f}">{written(title)}</text>']
    y = LINE + 4
    for line in rest:
        y += LINE
        lines.append(f'<text class="text" x="28" y="{y:.0f}">{written(line)}</text>')
    y += LINE
    lines.append(f'<text class="op" x="28" y="{y:.0f}">{written(node.op)}, {written(node.state_text)}</text>')
    return (
        f'<g id="n{number}" class="node {node.state}" transform="translate({box.x:.1f} {box.y:.1f})">'
        f"<title>{written(described(node))}</title>"
        f'<rect class="box" width="{box.width:.1f}" height="{box.height:.1f}" rx="6"/>'
        f"{SIGNS[node.state]}{''.join(lines)}</g>\n"
    )


SIGNS = {
    "done": '<circle class="sign" cx="15" cy="17" r="6"/><path class="tick" d="M12 17l2.2 2.4 4-4.6"/>',
    "part": '<circle class="sign ring" cx="15" cy="17" r="6"/>'
    '<path class="sign" d="M15 11a6 6 0 0 0 0 12z"/>',
    "todo": '<circle class="sign" cx="15" cy="17" r="6"/>',
}
"""A ticked disc, a half disc, a ring."""


def described(node: Node) -> str:
    """A node in full, as a line for each thing to know."""
    size = f" ({node.size_text})" if node.size_text else ""
    lines = [f"{node.op}: {node.title}{size}, {node.state_text}", *node.point]
    lines += [f"{name}: {', '.join(values)}" for name, values in node.parameters.items()]
    if node.flops:
        lines.append(f"{node.tokens:,} tokens, {node.flops:.2e} FLOPs, about {duration(node.seconds)} in all")
    return "\n".join(lines)
