"""A curve fitted to the rows of a query, with its intervals, its residuals and its forecast."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from specc.errors import QueryError
from specc.quantities.fits.data import Points, read
from specc.quantities.fits.estimate import Optimum, Search, curve
from specc.quantities.fits.form import Form
from specc.quantities.fits.forms import FORMS
from specc.quantities.fits.intervals import (
    FEWEST_SEEDS,
    Interval,
    forecast,
    jackknife,
    profile,
    slopes,
    without_each_seed,
)
from specc.quantities.fits.model import Estimate, Fit, Fitted, Forecast

_NARROW = 4.0
"""A column whose largest value is not this many times its smallest says little about a power."""

_FLAT = 1e7
"""Condition of the slopes past which parameters can't be told apart."""


def form_named(name: str) -> Form:
    """The form with this name.

    Raises:
        QueryError: if there is none.
    """
    from specc.diagnostics import nearest

    if name in FORMS:
        return FORMS[name]
    near = nearest(name, FORMS)
    listed = ", ".join(f"`{each}`" for each in FORMS)
    raise QueryError(
        f"there is no form `{name}`",
        f"write `{near}`" if near else f"forms: {listed}",
        candidates=tuple(FORMS),
    )


def fit(form: Form, names: Sequence[str], rows: Sequence[Sequence[Any]], held: Sequence[bool] = ()) -> Fitted:
    """Fit a form to rows.

    Args:
        names: names of the rows' columns: those of the form, `y`, and `seed` if there are seeds.
        held: which rows are held out: they are predicted, not fitted. Empty for none.
    Raises:
        QueryError: if the rows don't suit the form, or are too few.
    """
    import numpy

    try:
        with numpy.errstate(all="ignore"):
            return _fit(form, names, rows, held)
    except (ArithmeticError, ValueError) as error:  # powers of such numbers are infinite, or 0
        raise QueryError(
            f"`{form.name}` can't be computed for numbers as large, or as small, as these",
            "give them in other units, for instance `x / 1e9`",
        ) from error


def _fit(form: Form, names: Sequence[str], rows: Sequence[Sequence[Any]], held: Sequence[bool]) -> Fitted:
    points, kept, left_out = read(form, names, rows)
    apart = [bool(held[number]) for number in kept] if held else [False] * len(kept)
    fitted, ahead = points.only([not each for each in apart]), points.only(apart)
    count, distinct = len(form.parameters), fitted.distinct()
    if distinct < count:
        places = ", ".join(f"`{name}`" for name in form.columns)
        raise QueryError(
            f"`{form.name}` has {count} parameters, and these rows are at {distinct} different {places}",
            "fit more points" + (", or hold out fewer" if len(ahead) else ""),
        )
    search = Search(form, fitted)
    best = search.best()
    without = without_each_seed(form, fitted, best)
    if without is None:
        interval, intervals = "profile", profile(form, search, best, len(fitted))
    else:
        interval = f"jackknife over {len(without.fits)} seeds"
        intervals = [
            jackknife(value, [each.values[number] for each in without.fits])
            for number, value in enumerate(best.values)
        ]
    estimates = tuple(
        Estimate(
            name=parameter.name,
            value=value,
            low=low,
            high=high,
            unit=parameter.unit,
            meaning=parameter.doc,
            at_bound=value <= parameter.low * 1.001 or value >= parameter.high * 0.999,
        )
        for parameter, value, (low, high) in zip(form.parameters, best.values, intervals, strict=True)
    )
    residuals = _residuals(form, fitted, best)
    logarithms = [math.log(float(y)) for y in fitted.y]
    mean = sum(logarithms) / len(logarithms)
    spread = sum((each - mean) ** 2 for each in logarithms)
    squares = sum(each.residual**2 for each in residuals)
    predicted = forecast(form, fitted, best, ahead, without) if len(ahead) else []
    return Fitted(
        form=form.name,
        formula=form.formula,
        source=form.source,
        parameters=estimates,
        interval=interval,
        points=residuals,
        held_out=tuple(_forecast(ahead, number, *each) for number, each in enumerate(predicted)),
        left_out=left_out,
        rmse_log=math.sqrt(squares / len(residuals)),
        r2_log=1 - squares / spread if spread > 0 else None,
        warnings=tuple(_warnings(form, fitted, best, estimates)),
    )


def _place(points: Points, number: int) -> dict[str, float]:
    return {name: float(values[number]) for name, values in points.columns.items()}


def _seed(points: Points, number: int) -> str | None:
    return str(points.seeds[number]) if points.seeds else None


def _residuals(form: Form, points: Points, best: Optimum) -> tuple[Fit, ...]:
    return tuple(
        Fit(
            x=_place(points, number),
            seed=_seed(points, number),
            y=float(y),
            fitted=float(value),
            residual=math.log(float(y) / max(float(value), 1e-300)),
        )
        for number, (y, value) in enumerate(
            zip(points.y, curve(form, points.columns, best.values), strict=True)
        )
    )


def _forecast(points: Points, number: int, predicted: float, interval: Interval) -> Forecast:
    low, high = interval
    y = float(points.y[number])
    return Forecast(
        x=_place(points, number),
        seed=_seed(points, number),
        y=y,
        predicted=predicted,
        low=low,
        high=high,
        error=y / max(predicted, 1e-300) - 1,
        inside=None if low is None or high is None else low <= y <= high,
    )


def _warnings(form: Form, points: Points, best: Optimum, estimates: Sequence[Estimate]) -> list[str]:
    """What a reader should know before believing the parameters."""
    import numpy

    found = []
    count, distinct = len(form.parameters), points.distinct()
    if distinct <= count:
        found.append(f"{distinct} different places and {count} parameters: the curve goes where it must")
    for name, values in points.columns.items():
        reach = float(values.max() / values.min())
        if reach == 1:
            found.append(f"`{name}` is the same everywhere: what depends on it can't be told from the rest")
        elif reach < _NARROW and name != "p":
            found.append(
                f"`{name}` reaches over a factor of {reach:.2g} only: exponents are hardly determined"
            )
    for each in estimates:
        if each.at_bound:
            found.append(f"`{each.name}` is at the end of its range ({each.value:.4g})")
        elif each.low is None or each.high is None:
            found.append(f"`{each.name}` is not identified: the data set no end to its interval")
    lines = slopes(form, best, points)
    scale = numpy.sqrt((lines**2).sum(axis=0))
    if (scale == 0).any() or numpy.linalg.cond(lines / numpy.where(scale == 0, 1, scale)) > _FLAT:
        found.append("parameters can't be told apart: different values give the same curve here")
    seeds = len(set(points.seeds))
    if 1 < seeds < FEWEST_SEEDS:
        found.append(f"{seeds} seeds are too few for intervals over seeds: points are taken as independent")
    return found
