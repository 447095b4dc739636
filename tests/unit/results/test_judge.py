"""Expectations are met, not met, or not run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fake_workspace import FakeWorkspace, exposure
from specc.results.judge import MET, NOT_MET, NOT_RUN, Verdict, compare, verdicts
from specc.results.reader import open_results
from specc.study import Expectation, Term


def term(early: float, expected: int = 2) -> Term:
    return Term(
        text=f"mean(skill after tune given early = {early})",
        sql="select case when bool_or(isnan(value)) then 'nan'::double else avg(value) end as value, "
        f"count(value) as n from results where stage = 'tune' and early = {early}",
        expected=expected,
    )


def condition(relation: str, margin: list[Any] | None = None) -> Expectation:
    """The mean at early = 0.5 against the mean at early = 0."""
    tree = [relation, ["term", 0], ["term", 1], *([margin] if margin else [])]
    return Expectation(name="order", text="a < b", tree=tree, terms=(term(0.5), term(0.0)))


def judged(tmp_path: Path, expectation: Expectation, values: list[float | None]) -> Verdict:
    """The verdict when the arms, early = 0, 0, 0.5, 0.5, have these values after `tune`."""
    workspace = FakeWorkspace(tmp_path)
    workspace.plan(1, exposure(expectations=(expectation,)))
    for arm, value in enumerate(values):
        workspace.measure(f"{arm}/skill/tune", value)
    connection = open_results(workspace.path)
    [verdict] = verdicts(connection)
    connection.close()
    return verdict


def test_an_expectation_is_met_by_its_margin_and_not_by_less(tmp_path: Path) -> None:
    # Means are 1.5 at early = 0.5 and 2.0 at early = 0.
    exact = condition("<", ["number", 0.5])
    verdict = judged(tmp_path / "a", exact, [1.5, 2.5, 1.0, 2.0])
    assert verdict == Verdict("order", "a < b", MET, 1.5, 2.0, 0.5)
    more = condition("<", ["number", 0.625])
    verdict = judged(tmp_path / "b", more, [1.5, 2.5, 1.0, 2.0])
    assert verdict == Verdict("order", "a < b", NOT_MET, 1.5, 2.0, 0.625)


def test_margins_are_trees_too(tmp_path: Path) -> None:
    quarter_of_the_right = ["*", ["number", 0.25], ["term", 1]]
    verdict = judged(tmp_path, condition("<", quarter_of_the_right), [1.5, 2.5, 1.0, 2.0])
    assert (verdict.outcome, verdict.margin) == (MET, 0.5)


def test_an_expectation_waits_for_all_of_its_results(tmp_path: Path) -> None:
    verdict = judged(tmp_path, condition("<"), [1.5, 2.5, 1.0])
    assert verdict.outcome == NOT_RUN
    assert verdict.reason == "1 of 2 results are there"
    assert verdict.line() == "not run: 1 of 2 results are there  a < b"


def test_a_diverged_arm_meets_nothing(tmp_path: Path) -> None:
    for relation in ("<", ">", "=="):
        verdict = judged(tmp_path / relation.replace("=", "e"), condition(relation), [1.5, None, 1.0, 2.0])
        assert (verdict.outcome, verdict.reason) == (NOT_MET, "diverged")


def test_dividing_by_zero_meets_nothing(tmp_path: Path) -> None:
    tree = ["<", ["/", ["term", 0], ["number", 0.0]], ["number", 1.0]]
    expectation = Expectation(name="ratio", text="a / 0 < 1", tree=tree, terms=(term(0.5),))
    verdict = judged(tmp_path, expectation, [1.0, 1.0, 1.0, 1.0])
    assert (verdict.outcome, verdict.reason) == (NOT_MET, "not a finite number")


@pytest.mark.parametrize(
    ("sql", "outcome"),
    [
        ("select avg(value) = 1.75 from results", MET),
        ("select avg(value) < 1 from results", NOT_MET),
        ("select null::boolean", NOT_RUN),
        ("select value > 0 from results", NOT_RUN),
        ("select true where false", NOT_RUN),
        ("select 1", NOT_RUN),
        ("select cast('x' as boolean)", NOT_RUN),
        ("delete from recorded.steps returning true", NOT_RUN),
        ("create table main.mine as select true", NOT_RUN),
    ],
)
def test_a_query_says_true_or_false_in_one_row_and_changes_nothing(
    tmp_path: Path, sql: str, outcome: str
) -> None:
    expectation = Expectation(name="query", text=sql, sql=sql)
    assert judged(tmp_path, expectation, [1.5, 2.5, 1.0, 2.0]).outcome == outcome


def test_verdicts_are_a_table(tmp_path: Path) -> None:
    workspace = FakeWorkspace(tmp_path)
    workspace.plan(1, exposure(expectations=(condition("<"),)))
    connection = open_results(workspace.path)
    assert connection.execute("select name, outcome from expectations").fetchall() == [("order", NOT_RUN)]
    connection.close()
    for arm, value in enumerate([1.5, 2.5, 1.0, 2.0]):
        workspace.measure(f"{arm}/skill/tune", value)
    connection = open_results(workspace.path)
    assert connection.execute(
        "select outcome, left_value, right_value from main.expectations"
    ).fetchall() == [(MET, 1.5, 2.0)]
    connection.close()


@pytest.mark.parametrize(
    ("relation", "left", "right", "margin", "holds"),
    [
        ("<", 1.0, 2.0, 0.0, True),
        ("<", 2.0, 2.0, 0.0, False),
        ("<=", 2.0, 2.0, 0.0, True),
        (">", 2.0, 1.0, 1.0, True),
        (">", 2.0, 1.0, 1.5, False),
        (">=", 2.0, 2.0, 0.0, True),
        ("==", 2.0, 2.25, 0.25, True),
        ("==", 2.25, 2.0, 0.125, False),
    ],
)
def test_comparisons(relation: str, left: float, right: float, margin: float, holds: bool) -> None:
    assert compare(relation, left, right, margin) == holds


def test_a_verdict_is_one_line_that_cannot_steer_a_terminal() -> None:
    line = Verdict("order", 'mean(a given tag = "\x1b[31m\u202ered\n") < 1', MET, 0.5, 1.0).line()
    assert line.isprintable()
    assert line.endswith("(0.5 against 1)")
