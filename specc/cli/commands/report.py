"""The command that writes reports."""

from __future__ import annotations

import math

import click

from specc.cli.failures import told
from specc.cli.root import specc, workspace_option


def _finite(context: click.Context, option: click.Parameter, value: float) -> float:
    """A number; a range lets `nan` through, which is neither below nor above."""
    if math.isnan(value):
        raise click.BadParameter("nan is no number", context, option)
    return value


@specc.command()
@click.argument("experiment", required=False)
@workspace_option
@click.option("-e", "--experiment", "named", help="The same as EXPERIMENT, as other commands have it.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=str),
    help="File to write; `-` for stdout. By default EXPERIMENT.html; with --svg all, a folder.",
)
@click.option(
    "--against", metavar="OTHER", help="Show what differs from another recipe, run, tag or git revision."
)
@click.option("--open", "open_it", is_flag=True, help="Open the page in a browser.")
@click.option("--pdf", metavar="FILE", type=click.Path(path_type=str), help="Print the page to a PDF file.")
@click.option("--png", metavar="FIGURE", help="Write a figure as PNG.")
@click.option("--svg", metavar="FIGURE", help="Write a figure as SVG for a paper, or `all` of them.")
@click.option(
    "--latex", metavar="FOLDER", type=click.Path(path_type=str), help="Write the tables as LaTeX (booktabs)."
)
@click.option("--width", type=click.FloatRange(200, 4000), default=720.0, show_default=True, callback=_finite,
              help="Width of a figure for --svg and --png, in CSS pixels (96 to the inch).")  # fmt: skip
@click.option("--font", metavar="FAMILY", help="Font of a figure for --svg and --png, as CSS names it.")
@click.option("--font-size", type=click.FloatRange(5, 40), default=12.0, show_default=True, callback=_finite,
              help="Size of its text, in CSS pixels.")  # fmt: skip
@click.option("--transparent", is_flag=True, help="No white background, for --svg and --png.")
@click.option("--scale", type=click.FloatRange(0.25, 8), default=2.0, show_default=True, callback=_finite,
              help="Image pixels to a CSS pixel, for --png.")  # fmt: skip
@told
def report(
    experiment: str | None,
    workspace: str | None,
    named: str | None,
    output: str | None,
    against: str | None,
    open_it: bool,
    pdf: str | None,
    png: str | None,
    svg: str | None,
    latex: str | None,
    width: float,
    font: str | None,
    font_size: float,
    transparent: bool,
    scale: float,
) -> int:
    """Write an experiment's report: one HTML file that needs no network.

    The answer comes first, then expectations, differences with their intervals, frontiers, curves,
    budgets planned against counted, steps, arms, the recipe, provenance, and what is missing. EXPERIMENT
    may be left out if there is only one, or be the recipe's file. Equal results give equal bytes.

    \b
    specc report                                 early_text.html
    specc report --against HEAD~3 --open         with what changed since
    specc report --pdf report.pdf
    specc report --svg effects -o effects.svg --width 480 --font Times
    specc report --png curves -o curves.png
    specc report --latex tables

    Figures: summary (the report in one picture), effects, frontier, curves, allocation, steps, parallel.
    Further ones of a kind end in a number: effects-2.
    """
    from specc.charts import Size
    from specc.charts.style import PAPER_FONTS
    from specc.cli.reporting import Wanted, report_files
    from specc.reporting.files import Look

    wanted = Wanted(output, pdf, png, svg, latex, open_it, scale)
    look = Look(Size(width, font_size), f"{font},{PAPER_FONTS}" if font else PAPER_FONTS, not transparent)
    return report_files(experiment or named, workspace, against, wanted, look)
