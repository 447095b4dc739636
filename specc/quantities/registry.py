"""All SQL functions of specc, by name."""

from __future__ import annotations

import re

from specc.quantities.axes import AXES
from specc.quantities.frontiers import FRONTIERS
from specc.quantities.intervals import INTERVALS
from specc.quantities.macro import Macro

FUNCTIONS: dict[str, Macro] = {macro.name: macro for macro in (*INTERVALS, *FRONTIERS, *AXES)}
"""Name -> the function."""

_WORD = re.compile(r"\w+")


def mentioned(sql: str) -> list[Macro]:
    """The functions whose names a query has in it, wherever they stand.

    >>> [each.name for each in mentioned("select Best_Min(value) from results")]
    ['best_min']
    """
    words = set(_WORD.findall(sql.lower()))
    return [macro for name, macro in FUNCTIONS.items() if name in words]
