"""Fitting a curve: the search for its parameters.

The sum of squares of (y - curve) / y is made least: of relative residuals. Given the shape, the
amplitudes follow by non-negative least squares (variable projection: Golub and Pereyra 1973), so that
only one to three numbers are searched: over a grid first, and from its best points down. Everything is
deterministic.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from specc.quantities.fits.data import Points
from specc.quantities.fits.form import Form

if TYPE_CHECKING:
    from specc.quantities.fits.form import Floats

_STARTS = 4
"""Points of the grid that the search goes down from."""


@dataclass(frozen=True, slots=True)
class Optimum:
    """Parameters in the form's order (amplitudes, then shape), and their sum of squares."""

    values: tuple[float, ...]
    cost: float


def curve(form: Form, columns: Mapping[str, Sequence[float] | Floats], values: Sequence[float]) -> Floats:
    """Values of a curve, of shape (points).

    Args:
        values: parameters in the form's order: amplitudes, then shape.
    """
    import numpy

    arrays = {name: numpy.asarray(columns[name], dtype=numpy.float64) for name in form.columns}
    amplitudes, shape = values[: len(form.amplitudes)], values[len(form.amplitudes) :]
    terms = form.terms(arrays, shape)
    total: Floats = sum(
        (amplitude * term for amplitude, term in zip(amplitudes, terms, strict=True)),
        start=numpy.zeros_like(terms[0]),
    )
    return total


class Search:
    """The search for the parameters of a form on given points."""

    def __init__(self, form: Form, points: Points) -> None:
        self._form, self._points = form, points
        self._count = len(form.amplitudes)

    def best(self) -> Optimum:
        """The best fit there is."""
        grid = []
        for shape in itertools.product(*self._form.grid):
            _, residual = self._project(shape, {})
            grid.append((float(residual @ residual), shape))
        grid.sort(key=lambda each: each[0])
        return min((self._down(shape, {}) for _, shape in grid[:_STARTS]), key=lambda found: found.cost)

    def near(self, start: Optimum, fixed: Mapping[int, float] | None = None) -> Optimum:
        """The best fit near another one, with some parameters (by number) held at given values."""
        return self._down(start.values[self._count :], fixed or {})

    def _project(
        self, shape: Sequence[float], fixed: Mapping[int, float]
    ) -> tuple[tuple[float, ...], Floats]:
        """The best amplitudes for a shape, and the residuals, of shape (points)."""
        import numpy
        from scipy.optimize import nnls

        y = self._points.y
        matrix = numpy.stack(self._form.terms(self._points.columns, shape), axis=1) / y[:, None]
        target = numpy.ones(len(y))
        free = [number for number in range(self._count) if number not in fixed]
        for number in range(self._count):
            if number in fixed:
                target = target - fixed[number] * matrix[:, number]
        amplitudes = [fixed.get(number, 0.0) for number in range(self._count)]
        if free:
            scale = numpy.sqrt((matrix[:, free] ** 2).sum(axis=0))
            scale[scale == 0] = 1.0
            scaled = matrix[:, free] / scale
            # As many rows as terms say the same (Lawson and Hanson 1974, chapter 23).
            turned, triangle = numpy.linalg.qr(scaled)
            solved, _ = nnls(triangle, turned.T @ target)
            for number, amplitude in zip(free, solved / scale, strict=True):
                amplitudes[number] = float(amplitude)
            target = target - scaled @ solved
        return tuple(amplitudes), target

    def _down(self, start: Sequence[float], fixed: Mapping[int, float]) -> Optimum:
        """Go down from a shape; it is searched by its logarithms."""
        import numpy
        from scipy.optimize import least_squares

        shape = [fixed.get(self._count + number, value) for number, value in enumerate(start)]
        free = [number for number in range(len(shape)) if self._count + number not in fixed]

        def at(logarithms: Floats) -> list[float]:
            values = list(shape)
            for number, logarithm in zip(free, logarithms, strict=True):
                values[number] = math.exp(logarithm)
            return values

        if free:
            low = [math.log(self._form.shape[number].low) for number in free]
            high = [math.log(self._form.shape[number].high) for number in free]
            inside = [
                min(max(math.log(shape[number]), a + 1e-6), b - 1e-6)
                for number, a, b in zip(free, low, high, strict=True)
            ]
            found = least_squares(
                lambda logarithms: self._project(at(logarithms), fixed)[1],
                numpy.array(inside),
                bounds=(low, high),
                jac="3-point",
                xtol=1e-10,
                ftol=1e-12,
                gtol=1e-12,
                max_nfev=100,
            )
            shape = at(found.x)
        amplitudes, residual = self._project(shape, fixed)
        return Optimum((*amplitudes, *shape), float(residual @ residual))
