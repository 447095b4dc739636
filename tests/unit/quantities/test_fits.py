"""Fits find the parameters that simulated data was made with, and say when they can't."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import duckdb
import numpy as np
import pytest
from scipy.optimize import curve_fit

from specc.errors import QueryError
from specc.quantities.fits.data import Points
from specc.quantities.fits.estimate import Search, curve
from specc.quantities.fits.fit import fit, form_named
from specc.quantities.fits.form import Form
from specc.quantities.fits.forms import FORMS, effective_data
from specc.quantities.fits.model import Fitted
from specc.quantities.fits.query import fit_query
from specc.quantities.fits.text import as_text, listing
from specc.results.connect import connect

TRUTH: dict[str, list[float]] = {
    "power_law": [400, 1.7, 0.3],
    "overfitting": [400, 1e-5, 1.5, 0.3, 0.5],
    "chinchilla": [406, 410, 1.69, 0.34, 0.28],
    "overtraining": [30, 100, 1.8, 0.12],
    "repetition": [400, 1.9, 0.3, 15],
    "half_life": [400, 0.4, 0.3, 4],
    "precision": [406, 410, 1.69, 0.34, 0.28, 2.5],
    "quantisation": [0.4, 0.5, 0.5, 1.5],
}
"""Amplitudes, then shape, of each form."""


def places(form: Form, count: int, seed: int) -> dict[str, np.ndarray[Any, Any]]:
    random = np.random.default_rng(seed)
    found = {
        "x": 10 ** random.uniform(6, 11, count),
        "n": 10 ** random.uniform(6, 9, count),
        "d": 10 ** random.uniform(7, 11, count),
        "c": 10 ** random.uniform(16, 21, count),
        "m": 10 ** random.uniform(0, 3, count),
        "p": random.integers(3, 9, count).astype(float),
        "u": 10 ** random.uniform(6, 8, count),
    }
    if "u" in form.columns:
        found["d"] = found["u"] * 10 ** random.uniform(-0.7, 1.8, count)
    return {name: found[name] for name in form.columns}


def simulated(
    name: str, count: int = 40, noise: float = 0.0, seed: int = 0
) -> tuple[Form, list[str], list[tuple[float, ...]]]:
    form = FORMS[name]
    columns = places(form, count, seed)
    random = np.random.default_rng(seed + 1)
    y = curve(form, columns, TRUTH[name]) * np.exp(random.normal(0, noise, count))
    rows = [tuple(map(float, row)) for row in zip(*columns.values(), y, strict=True)]
    return form, [*form.columns, "y"], rows


@pytest.mark.parametrize("name", FORMS)
def test_a_search_finds_what_exact_data_was_made_with(name: str) -> None:
    form, _, _ = simulated(name)
    columns = places(form, 40, 0)
    found = Search(form, Points(columns, curve(form, columns, TRUTH[name]))).best()
    assert found.values == pytest.approx(TRUTH[name], rel=2e-3)


def reference(name: str, at: dict[str, float]) -> float:
    """The formulas once more, in plain Python with loops."""
    t = TRUTH[name]
    x, n, d, c, m, p, u = (at.get(key, 1.0) for key in "xndcmpu")
    if name == "power_law":
        return float(t[0] / x ** t[2] + t[1])
    if name == "overfitting":
        return float(t[0] / x ** t[3] + t[1] * x ** t[4] + t[2])
    if name == "chinchilla":
        return float(t[2] + t[0] / n ** t[3] + t[1] / d ** t[4])
    if name == "overtraining":
        return float(t[2] + (t[0] * m ** t[3] + t[1] / m ** t[3]) / c ** t[3])
    if name == "precision":
        return float(t[2] + t[0] / (n * (1 - math.exp(-p / t[5]))) ** t[3] + t[1] / d ** t[4])
    if name == "quantisation":
        return float(t[0] * d ** t[1] / n ** t[2] * math.exp(-p / t[3]))
    if name == "repetition":
        repeats = max(d / u - 1, 0)
        worth = d if d <= u else u + u * t[3] * (1 - math.exp(-repeats / t[3]))
        return float(t[1] + t[0] / worth ** t[2])
    y, read, number = t[0] / min(u, d) ** t[2], min(u, d), 0
    while read < d:
        number += 1
        end = min(read + u, d)
        y *= (end / read) ** (-t[2] * 0.5 ** (number / t[3]))
        read = end
    return float(y + t[1])


@pytest.mark.parametrize("name", FORMS)
def test_a_curve_is_its_formula(name: str) -> None:
    columns = places(FORMS[name], 20, 5)
    found = curve(FORMS[name], columns, TRUTH[name])
    for number, y in enumerate(found):
        at = {key: float(values[number]) for key, values in columns.items()}
        assert float(y) == pytest.approx(reference(name, at), rel=1e-9)


def test_repeats_of_data_are_worth_ever_less() -> None:
    worth = effective_data(np.array([50.0, 100.0, 200.0, 1e9]), np.full(4, 100.0), 15.0)
    assert worth[:2] == pytest.approx([50, 100])
    assert 190 < worth[2] < 200
    assert worth[3] == pytest.approx(1600)  # never more than 1 + r passes


@pytest.fixture(scope="module")
def noisy() -> Fitted:
    form, names, rows = simulated("power_law", 60, 0.01)
    return fit(form, names, rows, [number % 5 == 4 for number in range(60)])


def test_intervals_are_about_those_of_scipy(noisy: Fitted) -> None:
    x = np.array([point.x["x"] for point in noisy.points])
    y = np.array([point.y for point in noisy.points])
    found, covariance = curve_fit(lambda x, a, c, b: a * x**-b + c, x, y, [300, 1.5, 0.25], sigma=y)
    errors = np.sqrt(np.diag(covariance))
    for number, name in enumerate("acb"):
        each = noisy[name]
        assert each.value == pytest.approx(found[number], rel=1e-3)
        assert each.low is not None
        assert each.high is not None
        half = (each.high - each.low) / 2
        assert half == pytest.approx(2.014 * errors[number], rel=0.1)  # t with 48 - 3 degrees


def test_a_forecast_is_judged_by_its_interval(noisy: Fitted) -> None:
    assert len(noisy.points) == 48
    assert len(noisy.held_out) == 12
    assert sum(bool(each.inside) for each in noisy.held_out) >= 10
    for each in noisy.held_out:
        assert each.low is not None
        assert each.low < each.predicted < (each.high or 0)
        assert each.error == pytest.approx(each.y / each.predicted - 1)
        assert [each.predicted] == pytest.approx(noisy.predict(x=[each.x["x"]]))
    assert noisy.rmse_log == pytest.approx(0.01, rel=0.3)
    assert noisy.r2_log is not None
    assert noisy.r2_log > 0.999
    assert noisy.warnings == ()


def test_a_fit_is_the_same_every_time(noisy: Fitted) -> None:
    form, names, rows = simulated("power_law", 60, 0.01)
    assert fit(form, names, rows, [number % 5 == 4 for number in range(60)]) == noisy


def test_a_fit_reads_as_text(noisy: Fitted) -> None:
    text = as_text(noisy)
    assert "power_law: y = a * x^-b + c" in text
    assert "intervals: profile" in text
    assert "held out" in text
    assert str(noisy) == text
    assert Fitted.model_validate_json(noisy.model_dump_json()) == noisy
    for form in FORMS.values():
        assert form.formula in listing(tuple(FORMS.values()))


def test_seeds_widen_what_they_share() -> None:
    random = np.random.default_rng(3)
    rows = []
    for seed in range(4):
        offset = random.normal(0, 0.03)  # shared by all points of the seed
        for x in 10.0 ** np.linspace(6, 9, 8):
            rows.append((x, (300 * x**-0.3 + 2) * math.exp(offset + random.normal(0, 0.001)), seed))
    together = fit(FORMS["power_law"], ["x", "y"], [row[:2] for row in rows])
    by_seed = fit(FORMS["power_law"], ["x", "y", "seed"], rows)
    assert by_seed.interval == "jackknife over 4 seeds"
    assert together.interval == "profile"
    assert by_seed["c"].value == pytest.approx(together["c"].value)
    assert (by_seed["c"].high or 0) - (by_seed["c"].low or 0) > 0.02 * 2
    two = fit(FORMS["power_law"], ["x", "y", "seed"], [row for row in rows if row[2] < 2])
    assert two.interval == "profile"
    assert any("2 seeds are too few" in each for each in two.warnings)


def test_what_data_can_not_tell_is_said() -> None:
    x = [100.0, 101.0, 102.0, 103.0, 104.0]
    near = fit(FORMS["power_law"], ["x", "y"], [(each, 3 - each / 1000) for each in x])
    assert any("factor of 1" in each for each in near.warnings)
    columns = places(FORMS["chinchilla"], 12, 2)
    columns["n"] = np.full(12, 1e8)
    y = curve(FORMS["chinchilla"], columns, TRUTH["chinchilla"])
    rows = [tuple(map(float, row)) for row in zip(columns["n"], columns["d"], y, strict=True)]
    flat = fit(FORMS["chinchilla"], ["n", "d", "y"], rows)
    assert any("`n` is the same everywhere" in each for each in flat.warnings)


def test_rows_without_a_value_are_counted_and_left_out() -> None:
    form, names, rows = simulated("power_law", 12)
    broken = [*rows, (1e6, math.nan), (1e6, math.inf), (None, 2.0)]
    found = fit(form, names, broken)
    assert found.left_out == 3
    assert found["b"].value == pytest.approx(0.3, rel=1e-3)


@pytest.mark.parametrize(
    ("names", "rows", "said"),
    [
        (["x"], [(1.0,)], "needs a column `y`"),
        (["x", "y"], [], "at 0 different"),
        (["x", "y"], [(1.0, 2.0), (1.0, 2.1), (2.0, 3.0)], "at 2 different"),
        (["x", "y"], [(0.0, 2.0)], "`x` is 0 in row 1"),
        (["x", "y"], [(1.0, "much")], "row 1 has something else"),
        (["x", "y"], [(1e300 * i, 2 + 1 / i) for i in range(1, 9)], "as large, or as small"),
        (["x", "y"], [(1.0 * i, 1e-320 * i) for i in range(1, 9)], "as large, or as small"),
    ],
)
def test_rows_that_do_not_suit_are_told(names: list[str], rows: list[Any], said: str) -> None:
    with pytest.raises(QueryError, match=said):
        fit(FORMS["power_law"], names, rows)


def test_an_unknown_form_has_a_neighbour() -> None:
    with pytest.raises(QueryError) as error:
        form_named("power")
    assert error.value.help == "write `power_law`"


@pytest.fixture(scope="module")
def tables() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = connect(":memory:")
    connection.execute(
        "CREATE TABLE t AS SELECT 10 ** (i / 4) AS x, 5 * x ** -0.5 + 1 AS y FROM range(20) r(i)"
    )
    yield connection
    connection.close()


def test_a_query_is_fitted_and_a_condition_holds_out(tables: Any) -> None:
    found = fit_query(
        tables, "power_law", "select x, y from t -- all\n; -- of them", hold_out="x > 1000 -- far"
    )
    assert found["b"].value == pytest.approx(0.5, rel=1e-3)
    assert {each.x["x"] > 1000 for each in found.points} == {False}
    assert len(found.held_out) == 7


def test_the_first_rows_are_fitted_in_the_order_of_the_query(tables: Any) -> None:
    found = fit_query(tables, "power_law", "select x, y from t order by x desc", first=12)
    assert [each.x["x"] for each in found.held_out] == [10 ** (i / 4) for i in range(7, -1, -1)]
    with pytest.raises(QueryError, match="not both"):
        fit_query(tables, "power_law", "select x, y from t", hold_out="x > 1", first=12)


def test_parameters_and_columns_that_are_not_there_are_told(tables: Any) -> None:
    found = fit_query(tables, "power_law", "select x, y from t")
    with pytest.raises(KeyError, match="zeta"):
        found["zeta"]
    for columns in ({}, {"z": [1.0]}, {"x": [1.0], "z": [1.0]}):
        with pytest.raises(QueryError, match="at equally many values"):
            found.predict(**columns)


def test_a_wrong_condition_is_told(tables: Any) -> None:
    with pytest.raises(QueryError, match="held out: there is no column `z`"):
        fit_query(tables, "power_law", "select x, y from t", hold_out="z > 3")
    with pytest.raises(QueryError, match="is no condition"):
        fit_query(tables, "power_law", "select x, y from t", hold_out="x + 1")


# ---- coverage, by simulation


@pytest.mark.conformance
def test_profiles_cover_what_the_data_was_made_with() -> None:
    trials, inside, ahead, predicted = 100, 0, 0, 0
    for trial in range(trials):
        form, names, rows = simulated("power_law", 20, 0.02, seed=1000 + trial)
        found = fit(form, names, rows, [number >= 16 for number in range(20)])
        low, high = found["b"].low or 0.0, found["b"].high or math.inf
        inside += low <= 0.3 <= high
        predicted += sum(bool(each.inside) for each in found.held_out)
        ahead += len(found.held_out)
    assert inside / trials >= 0.88  # 95% less three standard errors
    assert 0.88 <= predicted / ahead <= 0.99


@pytest.mark.conformance
def test_where_seeds_share_noise_only_the_jackknife_covers() -> None:
    random = np.random.default_rng(8)
    trials, by_seed, together = 80, 0, 0
    for _ in range(trials):
        rows = []
        for seed in range(5):
            shared = random.normal(0, 0.02)
            for x in 10.0 ** np.linspace(6, 11, 24):
                rows.append((x, (300 * x**-0.3 + 2) * math.exp(shared + random.normal(0, 0.002)), seed))
        for names, count in ((["x", "y", "seed"], 3), (["x", "y"], 2)):
            c = fit(FORMS["power_law"], names, [row[:count] for row in rows])["c"]
            covers = (c.low or 0) <= 2 <= (c.high or math.inf)
            by_seed, together = by_seed + (count == 3 and covers), together + (count == 2 and covers)
    assert by_seed / trials >= 0.87
    assert together <= by_seed - 8  # a profile knows nothing of seeds


@pytest.mark.conformance
@pytest.mark.parametrize("name", [name for name in FORMS if name != "power_law"])
def test_every_form_recovers_its_parameters_from_noisy_data(name: str) -> None:
    form, names, rows = simulated(name, 60, 0.01, seed=4)
    found = fit(form, names, rows)
    inside = 0
    for each, true in zip(found.parameters, TRUTH[name], strict=True):
        inside += (each.low or 0) <= true <= (each.high or math.inf)
        if each.low is not None and each.high is not None and each.high < 1.5 * each.low:
            assert each.value == pytest.approx(true, rel=0.3)
    assert inside >= len(found.parameters) - 1
