"""The SQL functions against numpy, scipy and brute force, on random data full of ties and gaps."""

from __future__ import annotations

import math
import re
import statistics
from collections import defaultdict
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from specc.quantities.intervals import T_975
from specc.quantities.registry import FUNCTIONS, mentioned
from specc.results.connect import connect

NAN, INF = math.nan, math.inf
few = settings(max_examples=15, deadline=None, derandomize=True)

# A coarse grid: ties, duplicates and three points on a line come often.
whole = st.integers(0, 6).map(float)
odd = st.sampled_from([None, NAN, INF, -INF])
value = st.one_of(whole, whole, whole, odd)
pairs = st.lists(st.tuples(value, value), max_size=12)
cell = st.tuples(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.integers(0, 3), st.one_of(whole, whole, odd))
cells = st.lists(cell, max_size=16)
direction = st.sampled_from(["lower", "higher"])
SIGN = {"lower": 1.0, "higher": -1.0}


@pytest.fixture(scope="module")
def sql() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = connect(":memory:")
    for macro in FUNCTIONS.values():
        connection.execute(macro.ddl())
    yield connection
    connection.close()


def ask(sql: duckdb.DuckDBPyConnection, expression: str, *columns: Sequence[Any]) -> Any:
    """Value of an expression over rows with columns a, b, c."""
    lists = ", ".join(f"unnest(?::DOUBLE[]) AS {name}" for name, _ in zip("abc", columns, strict=False))
    row = sql.execute(f"SELECT {expression} FROM (SELECT {lists})", [list(each) for each in columns])
    return row.fetchall()[0][0]


def on_points(sql: duckdb.DuckDBPyConnection, call: str, points: Sequence[tuple[Any, Any]]) -> Any:
    return ask(sql, call, [x for x, _ in points], [y for _, y in points])


def good(points: Sequence[tuple[Any, Any]]) -> list[tuple[float, float]]:
    return sorted({(x, y) for x, y in points if None not in (x, y) and math.isfinite(x) and math.isfinite(y)})


def listed(answer: list[dict[str, float]]) -> list[tuple[float, float]]:
    return [(each["x"], each["y"]) for each in answer]


def same(found: float | None, expected: float | None) -> bool:
    if found is None or expected is None:
        return found is expected
    if math.isnan(expected):
        return math.isnan(found)
    return found == pytest.approx(expected, rel=1e-9, abs=1e-9)


# ---- frontiers


def front(points: Sequence[tuple[Any, Any]], sx: float, sy: float, strict: bool) -> list[tuple[float, float]]:
    def beats(a: tuple[float, float], b: tuple[float, float]) -> bool:
        u, v = (b[0] - a[0]) * sx, (b[1] - a[1]) * sy
        return (u > 0 and v > 0) if strict else (u >= 0 and v >= 0 and (u > 0 or v > 0))

    kept = good(points)
    return [p for p in kept if not any(beats(q, p) for q in kept)]


@given(pairs, direction, direction)
@few
def test_pareto_sets_are_what_the_definitions_say(sql: Any, points: Any, bx: str, by: str) -> None:
    turned = f"better_x := '{bx}', better_y := '{by}'"
    for name, strict in (("pareto", False), ("strict_pareto", True)):
        found = listed(on_points(sql, f"{name}(points(a, b), {turned})", points))
        assert found == front(points, SIGN[bx], SIGN[by], strict)


@given(pairs, direction, direction)
@few
def test_the_hull_has_the_corners_of_a_monotone_chain(sql: Any, points: Any, bx: str, by: str) -> None:
    sx, sy = SIGN[bx], SIGN[by]
    chain: list[tuple[Fraction, Fraction]] = []
    for x, y in sorted((Fraction(x * sx), Fraction(y * sy)) for x, y in front(points, sx, sy, False)):
        while len(chain) > 1 and (chain[-1][0] - chain[-2][0]) * (y - chain[-2][1]) <= (
            chain[-1][1] - chain[-2][1]
        ) * (x - chain[-2][0]):
            chain.pop()
        chain.append((x, y))
    expected = sorted((float(x * int(sx)), float(y * int(sy))) for x, y in chain)
    found = on_points(sql, f"lower_hull(points(a, b), better_x := '{bx}', better_y := '{by}')", points)
    assert listed(found) == expected


@given(pairs, st.integers(0, 8), st.integers(0, 8), direction, direction)
@few
def test_hypervolume_is_the_number_of_unit_squares_dominated(
    sql: Any, points: Any, rx: int, ry: int, bx: str, by: str
) -> None:
    squares = set()
    for x, y in good(points):
        across = range(int(x), rx) if bx == "lower" else range(rx, int(x))
        along = range(int(y), ry) if by == "lower" else range(ry, int(y))
        squares |= {(i, j) for i in across for j in along}
    call = f"hypervolume(points(a, b), {rx}, {ry}, better_x := '{bx}', better_y := '{by}')"
    assert on_points(sql, call, points) == len(squares)


def curve_of(points: Sequence[tuple[Any, Any]]) -> tuple[list[float], list[float]]:
    at = defaultdict(list)
    for x, y in points:
        if None not in (x, y) and math.isfinite(x) and math.isfinite(y):
            at[x].append(y)
    return sorted(at), [statistics.mean(at[x]) for x in sorted(at)]


@given(pairs, st.floats(-1, 7))
@few
def test_a_value_is_read_off_the_curve_and_never_beyond_it(sql: Any, points: Any, x: float) -> None:
    xs, ys = curve_of(points)
    expected = float(np.interp(x, xs, ys)) if xs and xs[0] <= x <= xs[-1] else None
    assert same(on_points(sql, f"value_at(points(a, b), {x!r})", points), expected)
    for corner, height in zip(xs, ys, strict=True):
        assert same(on_points(sql, f"value_at(points(a, b), {corner!r})", points), height)


def first_reach(points: Any, goal: float, sign: float) -> float | None:
    xs, ys = curve_of(points)
    if xs and (ys[0] - goal) * sign <= 0:
        return xs[0]
    for i in range(1, len(xs)):
        if (ys[i] - goal) * sign <= 0:
            return float(np.interp(goal * -sign, [ys[i - 1] * -sign, ys[i] * -sign], [xs[i - 1], xs[i]]))
    return None


@given(pairs, st.floats(-1, 7), direction)
@few
def test_where_a_curve_first_is_as_good_as_asked(sql: Any, points: Any, goal: float, better: str) -> None:
    call = f"reached_at(points(a, b), {goal!r}, better := '{better}')"
    assert same(on_points(sql, call, points), first_reach(points, goal, SIGN[better]))


@pytest.mark.parametrize("reference", ["NULL, 5", "5, NULL"])
def test_there_is_no_area_up_to_a_point_that_is_not_there(sql: Any, reference: str) -> None:
    assert on_points(sql, f"hypervolume(points(a, b), {reference})", [(1.0, 3.0)]) is None


@pytest.mark.parametrize("goal", ["NULL", "'nan'::DOUBLE"])
@pytest.mark.parametrize("better", ["lower", "higher"])
def test_a_goal_that_is_not_there_or_diverged_is_never_reached(sql: Any, goal: str, better: str) -> None:
    call = f"reached_at(points(a, b), {goal}, better := '{better}')"
    assert on_points(sql, call, [(1.0, 3.0), (2.0, 1.0)]) is None


@given(pairs, st.integers(1, 4), direction)
@few
def test_compute_multiplier_divides_two_first_reaches(
    sql: Any, points: Any, faster: int, better: str
) -> None:
    call = f"compute_multiplier(points(a + 1, b), points((a + 1) / {faster}, 6 - b), better := '{better}')"
    base = [(x + 1, y) for x, y in points if x is not None]
    other = [((x + 1) / faster, 6 - y) for x, y in points if None not in (x, y)]
    xs, ys = curve_of(base)
    expected = None
    if xs:
        goal = (min if better == "lower" else max)(ys)
        spent = first_reach(other, goal, SIGN[better])
        expected = xs[ys.index(goal)] / spent if spent is not None else None
    assert same(on_points(sql, call, points), expected)


@given(pairs, st.lists(st.tuples(whole, whole), max_size=8))
@few
def test_the_area_between_curves_is_that_of_trapezoids(sql: Any, first: Any, second: Any) -> None:
    (xa, ya), (xb, yb) = curve_of(first), curve_of(second)
    low, high = (max(xa[0], xb[0]), min(xa[-1], xb[-1])) if xa and xb else (1, 0)
    area = gap = None
    if low < high:
        grid = np.linspace(low, high, int(12 * (high - low)) + 1)  # has every corner: they are whole
        height = np.interp(grid, xb, yb) - np.interp(grid, xa, ya)
        area = float(np.trapezoid(height, grid))
        gap = area / (high - low)
    for name, expected in (("signed_area", area), ("mean_gap", gap)):
        query = (
            f"SELECT {name}((SELECT points(x, y) FROM (SELECT unnest(?::DOUBLE[]) x, unnest(?::DOUBLE[]) y)),"
            "(SELECT points(x, y) FROM (SELECT unnest(?::DOUBLE[]) x, unnest(?::DOUBLE[]) y)))"
        )
        columns = [[p[i] for p in each] for each in (first, second) for i in (0, 1)]
        assert same(sql.execute(query, columns).fetchall()[0][0], expected)


def test_a_vertical_piece_is_kept_by_the_strict_rule_and_averaged_when_read(sql: Any) -> None:
    points = [(1.0, 3.0), (1.0, 2.0), (2.0, 2.0), (3.0, 1.0)]
    assert listed(on_points(sql, "strict_pareto(points(a, b))", points)) == sorted(points)
    assert listed(on_points(sql, "pareto(points(a, b))", points)) == [(1, 2), (3, 1)]
    assert on_points(sql, "value_at(points(a, b), 1)", points) == 2.5


def test_what_has_no_points_gives_nothing(sql: Any) -> None:
    for call in ("pareto(points(a, b))", "strict_pareto(points(a, b))", "lower_hull(points(a, b))"):
        assert on_points(sql, call, []) == []
        assert on_points(sql, call, [(NAN, 1.0), (None, 2.0)]) == []
    assert on_points(sql, "hypervolume(points(a, b), 1, 1)", []) == 0
    for call in ("value_at(points(a, b), 1)", "compute_multiplier(points(a, b), points(a, b))"):
        assert on_points(sql, call, []) is None
    assert on_points(sql, "signed_area(points(a, b), points(a, b))", [(1.0, 1.0)]) is None


def test_names_of_a_query_do_not_meet_those_inside_a_function(sql: Any) -> None:
    query = """
        SELECT p, x, value_at(p, x) AS found, pareto(p) AS y
        FROM (SELECT g AS x, points(u, v) AS p
              FROM (VALUES (1, 0, 5), (1, 2, 9), (2, 2, 8)) t(g, u, v) GROUP BY g) ORDER BY x"""
    assert [row[2] for row in sql.execute(query).fetchall()] == [7.0, 8.0]


def test_a_direction_that_is_none_is_refused(sql: Any) -> None:
    with pytest.raises(duckdb.Error, match="'lower' or 'higher'"):
        on_points(sql, "pareto(points(a, b), better_x := 'less')", [(1.0, 2.0)])


# ---- intervals


def test_quantiles_are_those_of_students_t(sql: Any) -> None:
    assert pytest.approx([stats.t.ppf(0.975, df) for df in range(1, 31)], rel=1e-12) == list(T_975)
    for df in (1, 2, 30, 31, 40, 100, 1000, 10**6):
        found = sql.execute("SELECT t_quantile(?)", [df]).fetchall()[0][0]
        assert found == pytest.approx(stats.t.ppf(0.975, df), abs=3e-7)
    assert sql.execute("SELECT t_quantile(0)").fetchall() == [(None,)]


@given(st.lists(st.one_of(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), odd), max_size=12))
@few
def test_a_mean_has_the_interval_of_scipy(sql: Any, values: list[float | None]) -> None:
    there = [each for each in values if each is not None]
    broken = [each for each in there if not math.isfinite(each)]
    found = ask(sql, "mean_ci(a)", values)
    assert (found["n"], found["diverged"]) == (len(there), len(broken))
    mean = None if not there else NAN if broken else statistics.mean(there)
    assert same(found["mean"], mean)
    half = ask(sql, "half_width(a)", values)
    if len(there) < 2 or broken:
        assert found["low"] is found["high"] is half is None
        return
    expected = stats.t.ppf(0.975, len(there) - 1) * statistics.stdev(there) / math.sqrt(len(there))
    assert half == pytest.approx(expected, rel=1e-6, abs=1e-6)
    assert found["high"] - found["low"] == pytest.approx(2 * expected, rel=1e-6, abs=1e-6)


@given(st.lists(value, max_size=9), direction)
@few
def test_wins_are_counted_and_ties_are_half_of_one(sql: Any, values: Any, better: str) -> None:
    turned = [(each - 3) * SIGN[better] for each in values if each is not None and math.isfinite(each)]
    wins, ties = sum(d < 0 for d in turned), sum(d == 0 for d in turned)
    assert ask(sql, f"wins(a - 3, better := '{better}')", values) == wins
    rate = ask(sql, f"win_rate(a - 3, better := '{better}')", values)
    assert same(rate, (wins + ties / 2) / len(turned) if turned else None)


def test_gains_and_gaps_are_shares(sql: Any) -> None:
    one = [0.0]
    assert ask(sql, "relative_gain(1.96, 2)", one) == pytest.approx(2)
    assert ask(sql, "relative_gain(0.55, 0.5, better := 'higher')", one) == pytest.approx(10)
    assert ask(sql, "relative_gain(1, 0)", one) is None
    assert ask(sql, "gap_closed(2, 1, 3)", one) == 0.5  # whole numbers too
    assert ask(sql, "gap_closed(2, 3, 3)", one) is None
    assert math.isnan(ask(sql, "relative_gain('nan'::double, 2)", one))


# ---- along an axis


class Profile:
    """What the rows say about an axis, in loops."""

    def __init__(self, rows: Sequence[tuple[float, int, float | None]], sign: float) -> None:
        grouped = defaultdict(list)
        for axis, seed, number in rows:
            if number is not None:
                grouped[axis, seed].append(number)
        with np.errstate(invalid="ignore"):
            self.cells = {place: float(np.mean(numbers)) for place, numbers in grouped.items()}
        self.axis = sorted({axis for axis, _ in self.cells})
        seeds = sorted({seed for _, seed in self.cells})
        self.seeds = [s for s in seeds if all((a, s) in self.cells for a in self.axis)]
        self.left_out = len(seeds) - len(self.seeds)
        self.sign = sign
        self.mean = {}
        if self.seeds:
            for a in self.axis:
                numbers = [self.cells[a, s] for s in self.seeds]
                self.mean[a] = statistics.mean(numbers) if all(map(math.isfinite, numbers)) else NAN

    def best(self, among: Sequence[float]) -> float | None:
        known = [(self.mean[a] * self.sign, a) for a in among if math.isfinite(self.mean.get(a, NAN))]
        # Means that are equal but for rounding are equal here: the sums are of small whole numbers.
        return min(known)[1] if known else None

    def counts(self) -> tuple[int, int, int]:
        """Seeds that are whole, seeds that are not, and cells that are not finite."""
        diverged = sum(not math.isfinite(each) for each in self.cells.values())
        return len(self.seeds), self.left_out, diverged

    def wins(self, at: float) -> int:
        count = 0
        for s in self.seeds:
            own = [self.cells[a, s] * self.sign for a in self.axis if math.isfinite(self.cells[a, s])]
            count += bool(own) and self.cells[at, s] * self.sign == min(own)
        return count

    def less(self, other: float, at: float) -> tuple[float, float | None]:
        """Mean and half-width of other less at, turned so that above 0 is worse."""
        found = [(self.cells[other, s] - self.cells[at, s]) * self.sign for s in self.seeds]
        if not all(map(math.isfinite, found)):
            return NAN, None
        if len(found) < 2:
            return found[0], None
        half = stats.t.ppf(0.975, len(found) - 1) * statistics.stdev(found) / math.sqrt(len(found))
        return statistics.mean(found), float(half)


def on_axis(sql: Any, name: str, rows: Any, better: str) -> Any:
    return ask(sql, f"{name}(a, b, c, better := '{better}')", *([row[i] for row in rows] for i in range(3)))


@given(cells, direction)
@few
def test_the_best_on_an_axis_is_of_whole_seeds_and_never_diverged(sql: Any, rows: Any, better: str) -> None:
    known = Profile(rows, SIGN[better])
    at = known.best(known.axis)
    found = on_axis(sql, "best_on_axis", rows, better)
    assert found["at"] == at
    assert known.counts() == (found["seeds"], found["left_out"], found["diverged"])
    assert found["wins"] == (known.wins(at) if at is not None else 0)
    if at is not None:
        assert same(found["mean"], known.mean[at])
        numbers = [known.cells[at, s] for s in known.seeds]
        assert same(found["sd"], statistics.stdev(numbers) if len(numbers) > 1 else None)
    profile = on_axis(sql, "axis_profile", rows, better) or []
    assert [each["at"] for each in profile] == (known.axis if known.seeds else [])
    for each in profile:
        assert same(each["mean"], known.mean[each["at"]])
        assert (each["n"], each["wins"]) == (len(known.seeds), known.wins(each["at"]))


@given(cells, direction)
@few
def test_an_optimum_inside_is_paired_with_the_better_end(sql: Any, rows: Any, better: str) -> None:
    known = Profile(rows, SIGN[better])
    found = on_axis(sql, "interior_optimum", rows, better)
    assert known.counts() == (found["seeds"], found["left_out"], found["diverged"])
    at = end = None
    if len(known.axis) > 1:
        at, end = known.best(known.axis[1:-1]), known.best([known.axis[0], known.axis[-1]])
    if at is None or end is None:
        assert found["at"] is found["end_at"] is found["gain"] is None
        assert found["verdict"] == "not shown"
        return
    gain, within = known.less(end, at)
    assert (found["at"], found["end_at"]) == (at, end)
    assert same(found["gain"], gain)
    assert same(found["within"], within)
    if within is None:
        assert found["verdict"] == "not shown"
    elif abs(abs(gain) - within) > 1e-9:
        expected = "interior" if gain > within else "end" if gain < -within else "not shown"
        assert found["verdict"] == expected


@given(cells, direction)
@few
def test_a_u_turn_falls_and_rises_beyond_its_intervals(sql: Any, rows: Any, better: str) -> None:
    known = Profile(rows, SIGN[better])
    found = on_axis(sql, "u_turn", rows, better)
    assert known.counts() == (found["seeds"], found["left_out"], found["diverged"])
    at = known.best(known.axis)
    assert found["at"] == at
    if at is None:
        assert found["turns"] is None
        return
    fall, rise = known.less(known.axis[0], at), known.less(known.axis[-1], at)
    assert same(found["fall"], fall[0])
    assert same(found["rise"], rise[0])
    assert same(found["fall_within"], fall[1])
    assert same(found["rise_within"], rise[1])
    if at in (known.axis[0], known.axis[-1]):
        assert found["turns"] is False
    elif None not in (fall[1], rise[1]):
        margins = [mean - (within or 0) for mean, within in (fall, rise)]
        assert any(abs(margin) < 1e-9 for margin in margins) or found["turns"] == (min(margins) > 0)


def test_an_axis_may_have_one_point_one_seed_or_words(sql: Any) -> None:
    found = on_axis(sql, "u_turn", [(0.5, 1, 2.0)], "lower")
    assert (found["at"], found["turns"], found["fall"]) == (0.5, False, 0)
    query = """SELECT interior_optimum(a, s, v) FROM (VALUES
        ('a', 0, 3), ('b', 0, 1), ('c', 0, 2), ('a', 1, 3), ('b', 1, 1), ('c', 1, 2.5)) t(a, s, v)"""
    found = sql.execute(query).fetchall()[0][0]
    assert (found["at"], found["end_at"], found["gain"]) == ("b", "c", 1.25)
    assert on_axis(sql, "best_on_axis", [], "lower")["at"] is None


# ---- the registry


def test_functions_are_found_by_their_names_in_a_query() -> None:
    assert [each.name for each in mentioned("select PARETO(points(a, b)) from results")] == [
        "points",
        "pareto",
    ]
    assert mentioned("select avg(value) from results") == []


def test_every_function_says_what_it_means_and_uses_no_other() -> None:
    names = set(FUNCTIONS)
    for macro in FUNCTIONS.values():
        assert macro.doc
        assert f"{macro.name}(" in macro.example.lower()
        called = [name for name in names if re.search(rf"\b{name}\(", macro.sql)]
        assert not called, f"{macro.name} uses {called}"
