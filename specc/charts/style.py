"""How pictures look: colours of both schemes, and the style that pages and files share."""

from __future__ import annotations

import re

FONTS = 'system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif'
PAPER_FONTS = 'Helvetica,Arial,"Liberation Sans","DejaVu Sans",sans-serif'
"""In a file of its own, for which a page's fonts mean nothing."""

LIGHT = {
    "paper": "#ffffff",
    "ink": "#1d2329",
    "faint": "#5b6670",
    "grid": "#e3e7eb",
    "axis": "#86919d",
    "good": "#1a7f4b",
    "bad": "#b42318",
    "grey": "#85909b",
    "mark": "#0b5cad",
    "c0": "#0b62a8",
    "c1": "#c8500a",
    "c2": "#00795a",
    "c3": "#a4498a",
    "c4": "#8a6500",
    "c5": "#3a86ad",
    "c6": "#5a489c",
}
"""Contrast with the paper is at least 3 to 1 for marks and 4.5 to 1 for text."""

DARK = {
    "paper": "#14181c",
    "ink": "#e3e8ec",
    "faint": "#9aa6b1",
    "grid": "#2b333a",
    "axis": "#6b7783",
    "good": "#4cc38a",
    "bad": "#ff8a7a",
    "grey": "#77828d",
    "mark": "#6cb6ff",
    "c0": "#6cb6ff",
    "c1": "#ff9a5c",
    "c2": "#3ecf9b",
    "c3": "#e59ccb",
    "c4": "#e2b341",
    "c5": "#8fd3f0",
    "c6": "#b3a4f0",
}

COLOURS = 7
"""Colours of series, `c0` on; further ones begin again, with another shape and dash."""

DASHES = ("", "7 3", "2 3", "9 3 2 3", "4 2")
"""Dashes of series; their number has no factor in common with that of the colours."""


MARGIN = 8
"""Around a picture in a file of its own, in pixels."""


def variables(colours: dict[str, str]) -> str:
    """Colours as CSS variables."""
    return "".join(f"--{name}:{colour};" for name, colour in colours.items())


_RULES = (
    """
.chart{max-width:100%;height:auto;overflow:visible;font-family:FONTS}
.chart text{fill:var(--ink)}
.chart .soft{fill:var(--faint)}
.chart .strong{font-weight:600}
.chart .end{text-anchor:end}
.chart .middle{text-anchor:middle}
.chart .paper{fill:var(--paper)}
.chart .grid{stroke:var(--grid);stroke-width:1;fill:none}
.chart .axis{stroke:var(--axis);stroke-width:1;fill:none}
.chart .zero{stroke:var(--ink);stroke-width:1;stroke-dasharray:3 3;fill:none}
.chart .whisker{stroke:var(--ink);stroke-width:1.6;fill:none}
.chart .thin{stroke-width:1}
.chart .dot{fill:none;stroke:var(--faint);stroke-width:1}
.chart .good{fill:var(--good);stroke:var(--good)}
.chart .bad{fill:var(--bad);stroke:var(--bad)}
.chart .open{fill:var(--paper);stroke:var(--ink);stroke-width:1.6}
.chart .grey{fill:var(--paper);stroke:var(--grey);stroke-width:1.3}
.chart .greyline{stroke:var(--grey);stroke-width:1;fill:none}
.chart text.grey{fill:var(--faint);stroke:none}
.chart .line{fill:none;stroke-width:1.8;stroke-linejoin:round;stroke-linecap:round}
.chart .fine{stroke-width:1.1}
.chart .pale{stroke-opacity:.5}
.chart .hull{fill:none;stroke-width:1;stroke-dasharray:2 3}
.chart .band{stroke:none;fill-opacity:.2}
.chart .halo{stroke:var(--paper);stroke-width:3;stroke-linejoin:round;paint-order:stroke}
.chart .hatch{stroke-width:1;stroke-opacity:.55;fill:none}
.chart .tint{fill-opacity:.24}
.chart .outline{fill:none;stroke-width:1.2}
"""
    + "\n".join(
        f".chart .l{n}{{stroke:var(--c{n})}}.chart .f{n}{{fill:var(--c{n})}}"
        f".chart .o{n}{{fill:var(--paper);stroke:var(--c{n});stroke-width:1.6}}"
        for n in range(COLOURS)
    )
    + "\n"
)

STYLE = (
    f":root,.light{{{variables(LIGHT)}}}\n"
    f"@media (prefers-color-scheme:dark){{:root:not(.light){{{variables(DARK)}}}}}\n"
    f":root.dark{{{variables(DARK)}}}\n" + _RULES.replace("FONTS", FONTS)
)
"""For pages: light or dark as the reader has it, or as the classes `light` and `dark` of the root say."""


def standalone(svg: str, white: bool = False, fonts: str = PAPER_FONTS) -> str:
    """A picture as a file of its own, in the light colours: it has its style in it.

    Colours are written out, since many programs that read SVG know no CSS variables.

    Args:
        white: whether it has a white background; else none.
        fonts: CSS font families; characters other than letters, digits, blanks, `,`, `-` and quotes are
            left out.
    """
    families = re.sub(r"[^\w ,\"'-]", "", fonts)
    rules = re.sub(r"var\(--(\w+)\)", lambda found: LIGHT[found[1]], _RULES.replace("FONTS", families))
    head, gap, rest = svg.partition(">")
    head, wide, high = _with_margin(head)
    corner = f'x="{-MARGIN}" y="{-MARGIN}" width="{wide}" height="{high}"'
    back = f'<rect class="paper" {corner}/>' if white else ""
    return f"{head}{gap}<style>{rules.replace('overflow:visible;', '')}</style>{back}{rest}"


def _with_margin(head: str) -> tuple[str, int, int]:
    """The tag of a picture with a margin around it, and its new size."""
    size = re.search(r' width="(\d+)" height="(\d+)"', head)
    assert size is not None, "a canvas writes its size"
    wide, high = (int(each) + 2 * MARGIN for each in size.groups())
    head = re.sub(r' width="\d+" height="\d+"', f' width="{wide}" height="{high}"', head, count=1)
    return (
        re.sub(r'viewBox="[^"]*"', f'viewBox="{-MARGIN} {-MARGIN} {wide} {high}"', head, count=1),
        wide,
        high,
    )
