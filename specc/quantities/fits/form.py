"""What a curve is: columns it is over, parameters, and its terms.

A curve is a sum of terms, each an amplitude (not below 0) times a function of the columns and of the
shape parameters. Given the shape, the best amplitudes are a linear problem; only the shape is searched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy

    Floats: TypeAlias = "numpy.ndarray[tuple[int, ...], numpy.dtype[numpy.float64]]"

Terms: TypeAlias = "Callable[[Mapping[str, Floats], Sequence[float]], list[Floats]]"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter: its name, unit and meaning.

    Attributes:
        low, high: range that is searched; of a shape parameter only. An amplitude is 0 or more.
    """

    name: str
    unit: str
    doc: str
    low: float = 0.0
    high: float = float("inf")


@dataclass(frozen=True, slots=True)
class Form:
    """A curve `y = amplitude * term + ...`.

    Attributes:
        columns: columns that it is over, all above 0; the column `y` comes beside them.
        shape: parameters inside the terms. amplitudes: parameters before them, one each.
        terms: functions of the columns, given the shape: one array of shape (points) each.
        grid: values of each shape parameter that the search begins at.
    """

    name: str
    title: str
    formula: str
    source: str
    columns: Mapping[str, str]
    shape: tuple[Parameter, ...]
    amplitudes: tuple[Parameter, ...]
    terms: Terms
    grid: tuple[tuple[float, ...], ...]

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """All of them: amplitudes, then shape."""
        return (*self.amplitudes, *self.shape)
