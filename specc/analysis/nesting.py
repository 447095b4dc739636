"""How much a value holds: lists of lists grow fast where names stand for them."""

from __future__ import annotations

from specc.analysis.values import Value

MOST_VALUES = 200_000
"""Values that a list may hold, those of lists in it included."""


def holds_more(items: tuple[Value, ...], most: int) -> bool:
    """Whether a list holds more than `most` values; counting ends there.

    >>> holds_more(((), ((), ())), 3), holds_more(((), ((), ())), 4)
    (True, False)
    """
    waiting: list[Value] = [items]
    count = 0
    while waiting:
        value = waiting.pop()
        if isinstance(value, tuple):
            count += len(value)
            if count > most:
                return True
            waiting.extend(item for item in value if isinstance(item, tuple))
    return False
