"""Figures and tables of a report as files: SVG for a paper, PNG, PDF, LaTeX."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from specc.charts import Size, standalone
from specc.charts.style import LIGHT, PAPER_FONTS
from specc.diagnostics import nearest
from specc.drawing.svg import STYLE as GRAPH_STYLE
from specc.errors import QueryError
from specc.reporting.figures import Figure, figures
from specc.reporting.model import Report
from specc.reporting.summary import summary

BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
    "msedge",
)
MAC_BROWSERS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
SECONDS = 120.0
"""Longest time that a browser may take to print."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a figure looks in a file of its own.

    Attributes:
        size: width, and size of its text, in CSS pixels (96 to the inch).
        fonts: CSS font families. white: whether it has a white background; else none.
    """

    size: Size = field(default_factory=Size)
    fonts: str = PAPER_FONTS
    white: bool = True


def figure_named(report: Report, name: str) -> Figure:
    """The figure of a report with this name.

    Raises:
        QueryError: if there is none.
    """
    found = all_figures(report)
    for figure in found:
        if figure.name == name:
            return figure
    names = [figure.name for figure in found]
    near = nearest(name, names)
    listed = ", ".join(f"`{each}`" for each in names) or "none, for nothing is there to draw"
    raise QueryError(
        f"the report has no figure `{name}`",
        f"write `{near}`" if near else f"its figures: {listed}",
        candidates=tuple(names),
    )


def all_figures(report: Report) -> tuple[Figure, ...]:
    """The figures of a report, and the picture of all of it."""
    return (summary(report), *figures(report))


def as_svg(figure: Figure, look: Look | None = None) -> str:
    """A figure as an SVG file of its own, in the light colours."""
    look = look or Look()
    svg = figure.draw(look.size)
    if 'class="chart"' in svg[:400]:
        return standalone(svg, look.white, look.fonts) + "\n"
    return _plain_graph(svg, look) + "\n"


def _plain_graph(svg: str, look: Look) -> str:
    """A drawing of the graph with its style in it and its colours written out."""
    light = GRAPH_STYLE.partition("@media")[0]
    colours = dict(re.findall(r"--(\w+):(#\w+)", light)) | {"paper": LIGHT["paper"]}
    rules = GRAPH_STYLE[GRAPH_STYLE.index(".specc .paper") :]
    rules = re.sub(r"var\(--(\w+)\)", lambda found: colours[found[1]], rules)
    fonts = re.sub(r"[^\w ,\"'-]", "", look.fonts)
    head, gap, rest = svg.partition(">")
    back = '<rect class="paper" width="100%" height="100%"/>' if look.white else ""
    return f"{head}{gap}<style>svg{{font-family:{fonts};font-size:12px}}\n{rules}</style>{back}{rest}"


def as_png(svg: str, scale: float = 2.0) -> bytes:
    """An SVG of its own as PNG, `scale` image pixels to a CSS pixel.

    Raises:
        QueryError: if resvg-py is not installed.
    """
    try:
        import resvg_py
    except ImportError as error:
        raise QueryError(
            "PNG needs the package resvg-py",
            "install it with `pip install 'specc[report]'`, or ask for `--svg`",
        ) from error
    family = _installed_family()
    return bytes(resvg_py.svg_to_bytes(svg_string=svg, zoom=scale, sans_serif_family=family))


def _installed_family() -> str | None:
    """A sans-serif family that is probably there, for `sans-serif`."""
    for folder in ("/usr/share/fonts", "/usr/local/share/fonts"):
        for family, pattern in (
            ("Liberation Sans", "LiberationSans-Regular*"),
            ("DejaVu Sans", "DejaVuSans.ttf"),
        ):
            if next(Path(folder).rglob(pattern), None) is not None:
                return family
    return None


def as_pdf(page: str) -> bytes:
    """A page as PDF, printed by the browser that is installed.

    Raises:
        QueryError: if there is none, or it fails.
    """
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    browser = browser or next((name for name in MAC_BROWSERS if os.access(name, os.X_OK)), None)
    if browser is None:
        raise QueryError(
            "PDF needs Chromium, Chrome or Edge, and none is found",
            "install one of them; or open the page in another browser and print it",
        )
    return _printed(browser, page)


def _printed(browser: str, page: str) -> bytes:
    with tempfile.TemporaryDirectory(prefix="specc_report_") as folder:
        source, target = Path(folder, "report.html"), Path(folder, "report.pdf")
        source.write_text(page, encoding="utf-8")
        command = [
            browser,
            "--headless=new",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-pdf-header-footer",
            f"--user-data-dir={Path(folder, 'profile')}",
            f"--print-to-pdf={target}",
            source.as_uri(),
        ]
        if hasattr(os, "geteuid") and os.geteuid() == 0:  # its sandbox refuses to work for root
            command.insert(1, "--no-sandbox")
        try:
            subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=True
            )
            return target.read_bytes()
        except (subprocess.SubprocessError, OSError) as error:
            raise QueryError(
                f"`{browser}` did not print the page", "open the page in a browser and print it"
            ) from error


def latex_tables(report: Report) -> dict[str, str]:
    """The tables of a report as LaTeX (booktabs), by name of file.

    Long tables that only belong to pictures (points of curves, steps) are left out.
    """
    from specc.reporting import tables
    from specc.results.answer import Answer
    from specc.results.formats import as_latex

    listed = [table for figure in figures(report) for table in figure.tables if figure.part not in _UNPRINTED]
    if report.expectations:
        listed.insert(0, tables.expectations(report.expectations))
    listed += [each.table for each in report.own if each.table is not None]
    found = {}
    for table in listed:
        write = tables.writers(table)
        types = tuple(
            "DOUBLE" if column.kind in ("number", "whole", "p") else "VARCHAR" for column in table.columns
        )
        rows = [
            tuple(
                value if value is None or column.kind in ("number", "whole", "p") else put(value)
                for value, column, put in zip(row.cells, table.columns, write, strict=True)
            )
            for row in table.rows
        ]
        names = tuple(column.name for column in table.columns)
        found[f"{table.file}.tex"] = as_latex(Answer(names, types, rows))
    return found


_UNPRINTED = ("curves", "steps")
