"""Points of a sweep: products, tables, and what is left out of them."""

from __future__ import annotations

from itertools import product
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from small_recipes import RECIPE, compiled, study_of

SWEEP = "sweep early in [25%, 50%]"


def points(folder: Path, sweeps: str) -> list[tuple[object, ...]]:
    """Values of all axes but `early`, which stays at 25%, at the points of a sweep in their order."""
    text = RECIPE.replace(SWEEP, f"sweep early in [25%]\n  {sweeps}").replace("seeds 0..1", "seeds 0..0")
    return [tuple(arm.axes.values())[1:] for arm in study_of(folder, text).arms]


def test_an_axis_takes_the_values_of_its_entry(tmp_path: Path) -> None:
    sweeps = "sweep a in [1, 2]\n  sweep b by a in { 1: 10, 2: [20, 21] }\n  sweep c in [5, 6]"
    assert points(tmp_path, sweeps) == [
        (1, 10, 5),
        (1, 10, 6),
        (2, 20, 5),
        (2, 20, 6),
        (2, 21, 5),
        (2, 21, 6),
    ]


def test_a_table_may_depend_on_an_axis_with_a_table(tmp_path: Path) -> None:
    sweeps = (
        "sweep a in [1, 2]\n  sweep b by a in { 1: [3, 4], 2: 4 }\n"
        "  sweep c by (a, b) in { (1, 3): 7, (1, 4): [8, 9], (2, 4): 10 }"
    )
    assert points(tmp_path, sweeps) == [(1, 3, 7), (1, 4, 8), (1, 4, 9), (2, 4, 10)]


def test_what_is_left_out_needs_no_entry(tmp_path: Path) -> None:
    sweeps = (
        "sweep a in [1, 2]\n  sweep b in [3, 4]\n  except a = 1, b = 4\n"
        "  sweep c by (a, b) in { (1, 3): 5, (2, 3): 6, (2, 4): 7 }"
    )
    assert points(tmp_path, sweeps) == [(1, 3, 5), (2, 3, 6), (2, 4, 7)]


def test_an_overridden_axis_takes_along_what_was_left_out_of_it(tmp_path: Path) -> None:
    base = RECIPE.replace(SWEEP, "sweep early in [25%]\n  sweep a in [1, 2]\n  except a = 1")
    text = (
        base.replace("small", "base(x)")
        + "experiment small extends base(x = 1) { override sweep a in [3, 4] }\n"
    )
    assert {arm.axes["a"] for arm in study_of(tmp_path, text).arms} == {3, 4}


def test_axes_that_are_swept_together_may_lose_points(tmp_path: Path) -> None:
    sweeps = "sweep (a, b) in [(1, 2), (3, 4), (5, 6)]\n  except b in [2, 6]"
    assert points(tmp_path, sweeps) == [(3, 4)]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    left_out=st.lists(
        st.tuples(st.sets(st.integers(0, 2), min_size=1), st.sets(st.integers(0, 3), min_size=1)),
        max_size=3,
    ),
    table=st.dictionaries(st.integers(0, 2), st.lists(st.integers(0, 4), min_size=1, unique=True)),
)
def test_the_points_are_those_of_three_loops(
    tmp_path: Path, left_out: list[tuple[set[int], set[int]]], table: dict[int, list[int]]
) -> None:
    entries = {a: table.get(a, [a]) for a in range(3)}
    wanted = [
        (a, b, c)
        for a, b in product(range(3), range(4))
        for c in entries[a]
        if not any(a in one and b in other for one, other in left_out)
    ]
    written = ", ".join(f"{a}: {values}" for a, values in entries.items())
    sweeps = f"sweep a in [0, 1, 2]\n  sweep b in [0, 1, 2, 3]\n  sweep c by a in {{ {written} }}\n  "
    sweeps += "\n  ".join(f"except a in {sorted(one)}, b in {sorted(other)}" for one, other in left_out)
    if wanted:
        assert points(tmp_path, sweeps) == wanted
    else:
        text = RECIPE.replace(SWEEP, sweeps).replace("pretrain: early", "pretrain: 25%")
        assert [d.code for d in compiled(tmp_path, text).report.diagnostics] == ["E0304"]


def test_an_expectation_counts_the_points_that_are_there(tmp_path: Path) -> None:
    sweeps = (
        "sweep a in [1, 2]\n  sweep b in [3, 4, 5]\n  except a = 1, b in [4, 5]\n"
        "  expect mean(fit after posttrain given a = 1) < mean(fit after posttrain given b in [4, 5])"
    )
    study = study_of(tmp_path, RECIPE.replace(SWEEP, f"sweep early in [25%]\n  {sweeps}"))
    assert [term.expected for term in study.expectations[0].terms] == [2, 4]


def test_a_check_across_an_axis_compares_arms_whose_other_axes_move_with_it(tmp_path: Path) -> None:
    sweeps = "sweep a in [1, 2]\n  sweep size by a in { 1: 6_400 tokens, 2: 12_800 tokens }"
    text = RECIPE.replace(SWEEP, f"sweep early in [25%]\n  {sweeps}").replace("12_800 tokens {", "size {")
    check = "  check tokens(posttrain) is equal across a\n}"
    found = compiled(tmp_path, text.rstrip().removesuffix("}") + check).report.diagnostics
    assert [diagnostic.code for diagnostic in found if diagnostic.code.startswith("E")] == ["E0409"]


def test_too_many_points_are_refused_before_they_are_made(tmp_path: Path) -> None:
    axes = [f"sweep a{n} in {list(range(100))}" for n in range(12)]
    sweeps = "\n  ".join([*axes, "except a0 = 0"])
    found = compiled(tmp_path, RECIPE.replace(SWEEP, f"{SWEEP}\n  {sweeps}")).report.diagnostics
    assert [diagnostic.code for diagnostic in found] == ["E0505"]
