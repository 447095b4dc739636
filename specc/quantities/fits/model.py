"""A fitted curve, as data: what `specc fit --json` prints and `Workspace.fit` returns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from specc.steps import Frozen

if TYPE_CHECKING:
    from specc.results.answer import Answer


class Estimate(Frozen):
    """A parameter: its value and the 95% interval.

    Attributes:
        unit: in words; empty for a plain number.
        low, high: ends of the interval; None where the data set no end to it.
        at_bound: whether the value lies at the end of what was searched (an amplitude at 0, too).
    """

    name: str
    value: float
    low: float | None
    high: float | None
    unit: str
    meaning: str
    at_bound: bool = False


class Fit(Frozen):
    """A point that was fitted. `residual` is log(y / fitted): about the relative error."""

    x: dict[str, float]
    seed: str | None
    y: float
    fitted: float
    residual: float


class Forecast(Frozen):
    """A point that was held out. `low` and `high` are where 95% of such points are expected; `error` is
    y / predicted - 1."""

    x: dict[str, float]
    seed: str | None
    y: float
    predicted: float
    low: float | None
    high: float | None
    error: float
    inside: bool | None


class Fitted(Frozen):
    """A curve fitted to results.

    Attributes:
        interval: how the intervals were made: "profile" (noise that is independent from point to point),
            or "jackknife over N seeds" (seeds are independent, points of one seed need not be).
        left_out: rows that were null or not finite: runs that diverged or have no result.
        rmse_log: root mean square of log(y / fitted). r2_log: share of the variance of log(y).
    """

    form: str
    formula: str
    source: str
    parameters: tuple[Estimate, ...]
    interval: str
    points: tuple[Fit, ...]
    held_out: tuple[Forecast, ...] = ()
    left_out: int = 0
    rmse_log: float
    r2_log: float | None
    warnings: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Estimate:
        """A parameter by its name.

        Raises:
            KeyError: if there is none.
        """
        return {each.name: each for each in self.parameters}[name]

    def predict(self, **columns: Sequence[float]) -> list[float]:
        """Values of the curve.

        Args:
            columns: the columns of the form, equally long.
        Raises:
            QueryError: if they are other ones, or not equally long.
        """
        from specc.errors import QueryError
        from specc.quantities.fits.estimate import curve
        from specc.quantities.fits.forms import FORMS

        form = FORMS[self.form]
        if set(columns) != set(form.columns) or len({len(each) for each in columns.values()}) > 1:
            wanted = ", ".join(f"{name} = [...]" for name in form.columns)
            raise QueryError(
                f"`{self.form}` is predicted at equally many values of each of its columns",
                f"write `predict({wanted})`",
            )
        return [float(y) for y in curve(form, columns, [self[each.name].value for each in form.parameters])]

    def table(self) -> Answer:
        """The parameters as rows: name, value, low, high, unit, meaning."""
        from specc.results.answer import Answer

        rows = [(p.name, p.value, p.low, p.high, p.unit, p.meaning) for p in self.parameters]
        kinds = ("VARCHAR", "DOUBLE", "DOUBLE", "DOUBLE", "VARCHAR", "VARCHAR")
        return Answer(("parameter", "value", "low", "high", "unit", "meaning"), kinds, rows)

    def residuals(self) -> Answer:
        """The fitted points as rows: columns of the form, seed, y, fitted, residual."""
        from specc.results.answer import Answer

        names = tuple(self.points[0].x) if self.points else ()
        rows = [(*p.x.values(), p.seed, p.y, p.fitted, p.residual) for p in self.points]
        kinds = (*("DOUBLE" for _ in names), "VARCHAR", "DOUBLE", "DOUBLE", "DOUBLE")
        return Answer((*names, "seed", "y", "fitted", "residual"), kinds, rows)

    def _repr_html_(self) -> str:
        from html import escape

        notes = "".join(f"<p>{escape(each)}</p>" for each in (self.formula, self.interval, *self.warnings))
        return self.table()._repr_html_() + notes

    def __str__(self) -> str:
        from specc.quantities.fits.text import as_text

        return as_text(self)
