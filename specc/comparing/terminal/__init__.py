"""Comparisons as text for a terminal: lines of styled pieces, which the command line prints.

* `lines`: what a line is, and the signs to draw with, in Unicode or ASCII.
* `forest`: effects with their intervals. `scatter`: a frontier. `page`: a whole answer.
"""

from specc.comparing.terminal.lines import ASCII, UNICODE, Line, Signs, plain
from specc.comparing.terminal.page import compared_page, frontier_page

__all__ = ["ASCII", "UNICODE", "Line", "Signs", "compared_page", "frontier_page", "plain"]
