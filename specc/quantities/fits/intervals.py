"""How sure the parameters of a fitted curve are, and what it forecasts.

Two ways. *Profile*: a value is in the interval if the fit with the parameter held there is not worse
than F(1, n - p) allows (Bates and Watts 1988, section 6.1); noise is independent from point to point.
*Jackknife over seeds*: the fit without each seed in turn, and Student's t with seeds - 1 degrees of
freedom (Miller 1974); seeds are independent, what one seed's points share is accounted for. A bootstrap
over a handful of seeds would be too narrow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from specc.quantities.fits.data import Points
from specc.quantities.fits.estimate import Optimum, Search, curve
from specc.quantities.fits.form import Form

if TYPE_CHECKING:
    from specc.quantities.fits.form import Floats

FEWEST_SEEDS = 3
"""Seeds that a jackknife needs."""

_FARTHEST = 12.0
"""Factors of e that an interval's end is looked for on either side."""

Interval = tuple[float | None, float | None]


@dataclass(frozen=True, slots=True)
class Without:
    """Fits without each seed in turn."""

    fits: tuple[Optimum, ...]


def profile(form: Form, search: Search, best: Optimum, points: int) -> list[Interval]:
    """Intervals of all parameters by their profiles; None where an end can't be found."""
    from scipy.stats import f

    freedom = points - len(form.parameters)
    if freedom < 1:
        return [(None, None)] * len(form.parameters)
    # A fit that is perfect but for rounding has intervals of that width.
    allowed = max(best.cost, 1e-24 * points) * (1 + float(f.ppf(0.95, 1, freedom)) / freedom)
    found: list[Interval] = []
    for number, parameter in enumerate(form.parameters):
        amplitude = number < len(form.amplitudes)
        value = best.values[number]
        low = _end(search, best, number, allowed, -1, value, 0.0 if amplitude else parameter.low)
        high = _end(search, best, number, allowed, 1, value, math.inf if amplitude else parameter.high)
        found.append((low, high))
    return found


def _end(
    search: Search, best: Optimum, number: int, allowed: float, side: int, value: float, bound: float
) -> float | None:
    """Where the profile of a parameter leaves what is allowed, on one side of its value.

    Returns:
        that; 0 for an amplitude that may be 0; None if it does not leave before the bound.
    """
    near = best
    if side < 0 and bound == 0.0 and (value == 0 or search.near(best, {number: 0.0}).cost <= allowed):
        return 0.0
    if value == 0:  # an amplitude at its bound has no logarithm: begin at what would be seen
        value = max(best.values) * 1e-12 or 1e-12
    origin = math.log(value)
    limit = side * _FARTHEST if math.isinf(bound) or bound == 0.0 else math.log(bound) - origin
    # The root of what the cost has grown by is about linear in the parameter; it is 1 at the end.
    grown = max(allowed - best.cost, 1e-300)
    inside, step, low = 0.0, 0.02, -1.0
    while True:
        outside = side * min(abs(inside) + step, abs(limit))
        held = search.near(near, {number: math.exp(origin + outside)})
        high = math.sqrt(max(0.0, held.cost - best.cost) / grown) - 1
        if high > 0:
            break
        if abs(outside) >= abs(limit) - 1e-9:
            return None
        inside, near, low = outside, held, high
        # As far again as the root says, and a little farther.
        step = min(max(step, 1.2 * abs(outside) * -high / (1 + high) if high > -1 else 4 * step), 8 * step)
    for _ in range(40):
        if abs(outside - inside) < 1e-4 * max(1e-3, abs(outside)):
            break
        share = min(max(-low / (high - low), 0.02), 0.98)
        middle = inside + share * (outside - inside)
        held = search.near(near, {number: math.exp(origin + middle)})
        at = math.sqrt(max(0.0, held.cost - best.cost) / grown) - 1
        if abs(at) < 1e-3:
            return math.exp(origin + middle)
        if at > 0:
            outside, high, low = middle, at, low / 2 if at > 0.2 * high else low
        else:
            inside, near, low = middle, held, at
    return math.exp(origin + (inside + outside) / 2)


def without_each_seed(form: Form, points: Points, best: Optimum) -> Without | None:
    """Fits without each seed in turn; None if there are too few seeds, or one holds too much."""
    seeds = list(dict.fromkeys(points.seeds))
    if len(seeds) < FEWEST_SEEDS:
        return None
    fits = []
    for seed in seeds:
        rest = points.only([each != seed for each in points.seeds])
        if rest.distinct() < len(form.parameters):
            return None
        fits.append(Search(form, rest).near(best))
    return Without(tuple(fits))


def jackknife(best: float, without: Sequence[float], positive: bool = True) -> Interval:
    """Interval of a number by what it is without each seed; by logarithms if all are above 0."""
    from scipy.stats import t

    count = len(without)
    logarithmic = positive and best > 0 and min(without) > 0
    whole = math.log(best) if logarithmic else best
    parts = [math.log(value) if logarithmic else value for value in without]
    mean = sum(parts) / count
    error = math.sqrt((count - 1) / count * sum((part - mean) ** 2 for part in parts))
    half = float(t.ppf(0.975, count - 1)) * error
    if logarithmic:
        return math.exp(whole - half), math.exp(min(whole + half, 700.0))
    return max(0.0, whole - half), whole + half


def forecast(
    form: Form, points: Points, best: Optimum, at: Points, without: Without | None
) -> list[tuple[float, Interval]]:
    """Predictions at held-out places, each with the interval that a new point falls into.

    The variance of log(y) there is that of the curve (by the jackknife over seeds, else linearised
    in the logarithms of the parameters) and that of a point around it.
    """
    import numpy
    from scipy.stats import t

    predicted = curve(form, at.columns, best.values)
    freedom = len(points) - len(form.parameters)
    if freedom < 1:
        return [(float(value), (None, None)) for value in predicted]
    noise = best.cost / freedom
    if without is None:
        variance, degrees = _linearised(form, points, best, at, noise), freedom
    else:
        logs = numpy.log([curve(form, at.columns, each.values) for each in without.fits])
        count = len(without.fits)
        variance = (count - 1) / count * ((logs - logs.mean(axis=0)) ** 2).sum(axis=0)
        degrees = count - 1
    half = float(t.ppf(0.975, degrees)) * numpy.sqrt(variance + noise)
    return [
        (float(value), (float(value * math.exp(-width)), float(value * math.exp(min(width, 700.0)))))
        for value, width in zip(predicted, half, strict=True)
    ]


def slopes(form: Form, best: Optimum, points: Points) -> Floats:
    """Derivatives of log(curve) by the logarithms of the parameters that are above 0: (points, those)."""
    import numpy

    columns, step = [], 1e-5
    for number, value in enumerate(best.values):
        if value <= 0:
            continue
        ends = []
        for side in (-1, 1):
            moved = list(best.values)
            moved[number] = value * math.exp(side * step)
            ends.append(numpy.log(curve(form, points.columns, moved)))
        columns.append((ends[1] - ends[0]) / (2 * step))
    return numpy.stack(columns, axis=1)


def _linearised(form: Form, points: Points, best: Optimum, at: Points, noise: float) -> Floats:
    import numpy

    fitted, held = slopes(form, best, points), slopes(form, best, at)
    spread = numpy.linalg.pinv(fitted.T @ fitted) * noise
    variance: Floats = numpy.einsum("ij,jk,ik->i", held, spread, held)
    return variance
