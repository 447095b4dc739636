"""Rows of a query, as columns to fit a curve to."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from specc.errors import QueryError
from specc.quantities.fits.form import Form

if TYPE_CHECKING:
    from specc.quantities.fits.form import Floats


@dataclass(frozen=True, slots=True)
class Points:
    """Points of a fit.

    Attributes:
        columns: each of shape (points), above 0.
        y: shape (points), above 0.
        seeds: the seed of each point; empty if none was given.
    """

    columns: Mapping[str, Floats]
    y: Floats
    seeds: tuple[Any, ...] = ()

    def __len__(self) -> int:
        return len(self.y)

    def only(self, kept: Sequence[bool]) -> Points:
        """Those of the points that are to be kept."""
        import numpy

        mask = numpy.asarray(kept, dtype=bool)
        return Points(
            {name: values[mask] for name, values in self.columns.items()},
            self.y[mask],
            tuple(seed for seed, keep in zip(self.seeds, kept, strict=True) if keep) if self.seeds else (),
        )

    def distinct(self) -> int:
        """How many different places the points are at."""
        return len(set(zip(*(values.tolist() for values in self.columns.values()), strict=True)))


def read(form: Form, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> tuple[Points, list[int], int]:
    """Columns of a form among those of a query, by their names.

    Returns:
        the points, the number of the row each is of, and how many rows were left out because a value
        is null or not finite (a run that diverged).
    Raises:
        QueryError: if a column is missing, not a number, or not above 0.
    """
    import numpy

    wanted = (*form.columns, "y")
    lower = [name.lower() for name in names]
    lacking = [name for name in wanted if name not in lower]
    if lacking:
        listed = ", ".join(f"`{name}`" for name in lacking)
        raise QueryError(
            f"`{form.name}` needs a column {listed}",
            f"name the columns of the query: `select ... as {', ... as '.join(wanted)} from ...`",
        )
    places = [lower.index(name) for name in wanted]
    seed = lower.index("seed") if "seed" in lower else None
    found, kept, left_out = [], [], 0
    for number, row in enumerate(rows):
        values = [row[place] for place in places]
        if any(value is None for value in values) or (seed is not None and row[seed] is None):
            left_out += 1
            continue
        try:
            numbers = [float(value) for value in values]
        except (TypeError, ValueError):
            raise QueryError(
                f"`{form.name}` is fitted to numbers, and row {number + 1} has something else",
                "select numbers as " + ", ".join(f"`{name}`" for name in wanted),
            ) from None
        if not all(map(math.isfinite, numbers)):
            left_out += 1
            continue
        if min(numbers) <= 0:
            name = wanted[numbers.index(min(numbers))]
            raise QueryError(
                f"`{form.name}` is of numbers above 0, and `{name}` is {min(numbers):g} in row {number + 1}",
                f"leave such rows out: `where {name} > 0`; of an accuracy fit the errors, `1 - value`",
            )
        found.append(numbers)
        kept.append(number)
    table = numpy.array(found, dtype=numpy.float64).reshape(len(found), len(wanted))
    columns = {name: table[:, place] for place, name in enumerate(form.columns)}
    seeds = tuple(rows[number][seed] for number in kept) if seed is not None else ()
    return Points(columns, table[:, -1], seeds), kept, left_out
