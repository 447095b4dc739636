"""The allocation table, against sums and bounds that hold whatever the numbers are."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specc.analysis.allocation import Solver, split_row
from specc.analysis.evaluate import Evaluator
from specc.analysis.members import define
from specc.analysis.scope import Scope
from specc.analysis.table import Table
from specc.diagnostics import Report, Source
from specc.language import ast
from specc.language.parse import parse

STAGES = ("first", "second", "third", "fourth")
TOKENS = st.integers(1, 10**12)


def solve(
    rows: str, sizes: Mapping[str, int] | None = None, budgets: Mapping[str, int] | None = None
) -> tuple[Table | None, list[str]]:
    """The table of some rows, and the codes of what is wrong with it."""
    stages = "\n".join(f"stage {name} from m {{}}" for name in STAGES)
    report = Report()
    tree = parse(Source("case.spec", f"experiment e {{\nallocate {{\n{rows}\n}}\n{stages}\n}}"), report)
    assert not report.failed, report.diagnostics
    (experiment,) = tree.items
    assert isinstance(experiment, ast.Experiment)
    definition = define(experiment, Scope(), report)
    solver = Solver(
        definition,
        Evaluator(definition.scope, report),
        lambda corpus, point: (sizes or {}).get(corpus),
        lambda stage, point: (budgets or {}).get(stage),
    )
    table, findings = solver.solve({})
    return table, [finding.code for finding in findings]


def solved(
    rows: str, sizes: Mapping[str, int] | None = None, budgets: Mapping[str, int] | None = None
) -> Table:
    """The table of rows with which nothing is wrong."""
    table, wrong = solve(rows, sizes, budgets)
    assert table is not None
    assert wrong == []
    return table


@st.composite
def whole_percentages(draw: st.DrawFn) -> list[int]:
    """Percentages of four stages that sum to 100."""
    cuts = sorted(draw(st.lists(st.integers(0, 100), min_size=3, max_size=3)))
    return [high - low for low, high in zip([0, *cuts], [*cuts, 100], strict=True)]


@given(total=TOKENS, weights=st.lists(st.integers(1, 10**6), min_size=1, max_size=8))
def test_a_split_row_loses_no_token_and_is_off_by_less_than_one(total: int, weights: list[int]) -> None:
    shares = {str(place): Fraction(weight, sum(weights)) for place, weight in enumerate(weights)}
    tokens = split_row(total, shares)
    assert sum(tokens.values()) == total
    assert all(abs(tokens[stage] - total * share) < 1 for stage, share in shares.items())


def test_left_over_tokens_go_to_the_largest_remainders_first_in_source_order() -> None:
    thirds = dict.fromkeys(("a", "b", "c"), Fraction(1, 3))
    assert split_row(11, thirds) == {"a": 4, "b": 4, "c": 3}
    halves = {"a": Fraction(1, 4), "b": Fraction(3, 4)}
    assert split_row(10, halves) == {"a": 3, "b": 7}  # 2.5 and 7.5: the first gets the token


def test_shares_above_the_whole_are_refused() -> None:
    with pytest.raises(ValueError, match="more than 1"):
        split_row(10, {"a": Fraction(2, 3), "b": Fraction(2, 3)})


@given(total=TOKENS, parts=whole_percentages())
def test_shares_of_a_row_spend_it_to_the_token(total: int, parts: list[int]) -> None:
    cells = ", ".join(f"{stage}: {part}%" for stage, part in zip(STAGES, parts, strict=True))
    table = solved(f"web {total} tokens {{ {cells} }}")
    assert table.row_total("web") == total
    for stage, part in zip(STAGES, parts, strict=True):
        assert abs(table.tokens["web", stage] - Fraction(total * part, 100)) < 1


@given(total=TOKENS, share=st.integers(0, 100), fixed=TOKENS)
def test_rest_takes_what_the_row_has_left(total: int, share: int, fixed: int) -> None:
    whole = total + fixed
    table, wrong = solve(f"web {whole} tokens {{ first: {share}%, second: {fixed} tokens, third: rest }}")
    spent = int(Fraction(whole * share, 100)) + fixed
    if spent > whole:
        assert wrong == ["E0401"]
    else:
        assert table is not None
        assert table.tokens["web", "third"] == whole - spent
        assert table.row_total("web") == whole


@given(budget=TOKENS, other=TOKENS)
def test_fill_takes_what_the_stage_has_left(budget: int, other: int) -> None:
    table, wrong = solve(f"web {{ first: fill }}\nskill {{ first: {other} tokens }}", {}, {"first": budget})
    if other > budget:
        assert wrong == ["E0405"]
    else:
        assert table is not None
        assert table.stage_total("first") == budget
        assert table.tokens["web", "first"] == budget - other


@given(own=TOKENS, share=st.integers(0, 99))
def test_a_share_of_a_stage_without_a_budget_is_added_to_it(own: int, share: int) -> None:
    table = solved(f"web {{ first: {share}% of stage }}\nskill {{ first: {own} tokens }}")
    added = table.tokens["web", "first"]
    # x = s (own + x), rounded down to a whole token
    exact = Fraction(share, 100) * own / (1 - Fraction(share, 100))
    assert added == int(exact)
    assert table.tokens["skill", "first"] == own


@given(budget=TOKENS, share=st.integers(0, 100))
def test_a_share_of_a_stage_with_a_budget_replaces_what_fills_it(budget: int, share: int) -> None:
    table = solved(f"web {{ first: {share}% of stage }}\nskill {{ first: fill }}", {}, {"first": budget})
    assert table.tokens["web", "first"] == budget * share // 100
    assert table.stage_total("first") == budget


@given(first=st.integers(0, 49), second=st.integers(0, 50), own=TOKENS)
def test_two_shares_of_one_stage_are_both_of_the_whole_stage(first: int, second: int, own: int) -> None:
    table = solved(
        f"a {{ first: {first}% of stage }}\nb {{ first: {second}% of stage }}\nc {{ first: {own} tokens }}"
    )
    whole = Fraction(own * 100, 100 - first - second)
    assert abs(table.tokens["a", "first"] - whole * first / 100) < 1
    assert abs(table.tokens["b", "first"] - whole * second / 100) < 1


@given(size=st.integers(1, 10**9), passes=st.integers(1, 20))
def test_epochs_are_passes_over_the_corpus(size: int, passes: int) -> None:
    table = solved(f"web {{ first: {passes} epochs }}", {"web": size})
    assert table.tokens["web", "first"] == passes * size


@given(size=st.integers(2, 10**9))
def test_shares_of_a_row_without_a_total_are_of_one_pass(size: int) -> None:
    table = solved("web { first: 50%, second: rest }", {"web": size})
    assert table.row_total("web") == size
    assert abs(table.tokens["web", "first"] - Fraction(size, 2)) < 1


def test_a_chain_of_rest_and_fill_is_worked_out_in_the_order_it_can_be() -> None:
    rows = """
    a 100 tokens { second: rest, first: 40 tokens }
    b            { second: fill, third: 10% of stage }
    c 30 tokens  { second: 5 tokens, third: rest }
    """
    table = solved(rows, {}, {"second": 90})
    assert table.tokens["a", "second"] == 60
    assert table.tokens["b", "second"] == 90 - 60 - 5
    assert table.tokens["c", "third"] == 25
    assert table.tokens["b", "third"] == 2  # 25 is 90% of 27.8


@pytest.mark.parametrize(
    ("rows", "codes"),
    [
        ("web 10 tokens { first: 50%, second: 60% }", ["E0401"]),
        ("web 10 tokens { first: 50% }", ["E0401"]),
        ("web { first: -1% }", ["E0402"]),
        ("web 10 tokens { first: rest, second: rest }", ["E0403"]),
        ("web { first: fill }", ["E0404"]),
        ("web { first: 100% of stage }", ["E0404"]),
        ("a 9 tokens { first: 5% of stage, second: rest }\nb 9 tokens { first: rest, second: 5% of stage }",
         ["E0407"]),
        ("web { first: 3 steps }", ["E0301"]),
        ("web 5 { first: 100% }", ["E0301"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_once(rows: str, codes: list[str]) -> None:
    assert solve(rows, {"web": 10})[1] == codes
