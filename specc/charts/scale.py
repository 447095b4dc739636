"""From numbers to pixels, and the round numbers that an axis is labelled with."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from specc.charts.lettering import compact


@dataclass(frozen=True, slots=True)
class Scale:
    """A linear map from `low`..`high` to the pixels `start`..`end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


LARGEST = 1e150
"""Numbers that are not smaller are not drawn: their squares are infinite."""


def drawable(value: float | None) -> bool:
    """Whether a number has a place in a picture."""
    return value is not None and abs(value) < LARGEST  # false for NaN


def finite(values: Iterable[float | None]) -> list[float]:
    """Those that are numbers, and not beyond what arithmetic on them can hold."""
    return [value for value in values if value is not None and drawable(value)]


def span(values: Iterable[float | None], margin: float = 0.05, least: float = 0.0) -> tuple[float, float]:
    """A range that holds all values with a margin; never empty.

    Args:
        margin: share of the range that is added at both ends. least: least width of the range.
    """
    known = finite(values)
    if not known:
        return 0.0, 1.0
    low, high = min(known), max(known)
    room = high - low
    if room < least or room <= 1e-12 * max(abs(low), abs(high)):
        half = max(least, 0.1 * abs(high), 1e-6) / 2
        low, high = low - half, high + half
        room = high - low
    return low - margin * room, high + margin * room


def ticks(low: float, high: float, most: int = 6) -> tuple[float, ...]:
    """Round numbers inside a range, at most so many, 1, 2 or 5 times a power of ten apart.

    >>> ticks(0.0, 1.0)
    (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    """
    if not high > low:
        return (low,)
    most = max(2, most)
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    step = next(step for each in (1, 2, 5, 10, 20) if _between(low, high, step := each * power) <= most)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return tuple(round(number * step, 12 - _exponent(step)) for number in range(first, last + 1))


def _between(low: float, high: float, step: float) -> int:
    return math.floor(high / step + 1e-9) - math.ceil(low / step - 1e-9) + 1


def _exponent(number: float) -> int:
    return math.floor(math.log10(number)) if number else 0


def decimals(values: tuple[float, ...]) -> int:
    """Decimals that tell the ticks of an axis from each other.

    >>> decimals((0.0, 0.25, 0.5)), decimals((1.0, 2.0))
    (2, 0)
    """
    for number in range(10):
        if all(abs(value - round(value, number)) <= 1e-9 * max(abs(value), 1e-3) for value in values):
            return number
    return 10


def labels(values: tuple[float, ...], kind: str = "") -> tuple[str, ...]:
    """Labels of ticks.

    Args:
        kind: `fraction` for percentages, `count` for suffixes K, M, B; else plain numbers.
    """
    if kind == "fraction":
        shares = tuple(100 * value for value in values)
        return tuple(f"{text}%" for text in labels(shares))
    if kind == "count":
        return tuple(compact(value) for value in values)
    largest = max(map(abs, values), default=0.0)
    if largest >= 1e6 or 0 < largest < 1e-4:
        for digits in range(3, 17):
            texts = tuple(f"{value:.{digits}g}".replace("-", "−") for value in values)
            if len(set(texts)) == len(set(values)):
                break
        return texts
    number = decimals(values)
    return tuple(f"{value:,.{number}f}".replace("-", "−") for value in values)
