"""Comparisons in a notebook: the headline, the picture, and what they rest on."""

from __future__ import annotations

import html
from collections.abc import Iterable

from specc.comparing.model import Compared, Frontier
from specc.comparing.table import frontier_table, short_table
from specc.results.formats import as_html

MOST_ROWS = 40
"""Groups and points that a notebook shows."""


def compared_html(found: Compared) -> str:
    """A comparison as HTML: no script, every text escaped."""
    from specc.charts import forest, standalone

    picture = standalone(forest(found)) if found.effects else ""
    return (
        f"<div><h4>{html.escape(found.title)}</h4><p>{html.escape(found.headline)}</p>{picture}"
        f"{as_html(short_table(found), MOST_ROWS)}{_listed(found.notes)}</div>"
    )


def frontier_html(found: Frontier) -> str:
    """A frontier as HTML: no script, every text escaped."""
    from specc.charts import frontier, standalone

    picture = standalone(frontier(found)) if found.points else ""
    return (
        f"<div><h4>{html.escape(found.title)}</h4><p>{html.escape(found.headline)}</p>{picture}"
        f"{as_html(frontier_table(found), MOST_ROWS)}{_listed(found.notes)}</div>"
    )


def _listed(texts: Iterable[str]) -> str:
    items = "".join(f"<li>{html.escape(each)}</li>" for each in texts)
    return f"<ul>{items}</ul>" if items else ""
