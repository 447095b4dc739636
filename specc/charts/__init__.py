"""Pictures of results as SVG: data in, text out; no library, no clock, no network.

    forest.forest      a comparison: paired differences with intervals
    frontier.frontier  two results against each other
    curves.curves      what training logged, with bands over seeds
    bars.bars          tokens of each corpus in each stage
    parallel.parallel  what varies among arms, and what came of it
    sparkline.sparkline

Equal data gives equal bytes. Colours are CSS variables (`style.STYLE`), so that a picture in a page is
light or dark as the page is; `style.standalone` makes a file of its own from it. What is told by
colour is told by a shape, dash or hatching too. Every name is text: none is markup.
"""

from specc.charts.bars import BarRow, Bars, Part, bars
from specc.charts.canvas import Size
from specc.charts.curves import Curves, Panel, Series, curves
from specc.charts.forest import forest
from specc.charts.frontier import frontier
from specc.charts.parallel import Coordinate, Line, Parallel, parallel
from specc.charts.sparkline import sparkline
from specc.charts.style import STYLE, standalone

__all__ = [
    "STYLE",
    "BarRow",
    "Bars",
    "Coordinate",
    "Curves",
    "Line",
    "Panel",
    "Parallel",
    "Part",
    "Series",
    "Size",
    "bars",
    "curves",
    "forest",
    "frontier",
    "parallel",
    "sparkline",
    "standalone",
]
