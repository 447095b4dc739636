"""Comparisons of results that are not all there, not of one kind, or equal but for rounding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from made_study import EARLY, Made, make, swept
from specc.comparing import Compared, Source, compare, compare_sources, frontier
from specc.comparing.asking import Asked, asked_questions
from specc.comparing.gate import judge
from specc.comparing.model import Question
from specc.comparing.selecting import given, group_name, known_names
from specc.comparing.table import full_table, short_table
from specc.errors import QueryError
from specc.results.reader import open_results
from specc.study import Axis

BY_EARLY = Question(experiments=("points",), eval="skill", metric="loss", stage="tune", by=("early",))


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Source]:
    folder = tmp_path_factory.mktemp("left_out")
    points = [
        Made(0, {"skill": 1.0, "keep": 2.0}, axes={"early": 0.0}),
        Made(1, {"skill": 1.1, "keep": 2.1}, axes={"early": 0.0}),
        Made(0, {"skill": 0.5, "keep": 2.5}, axes={"early": 0.5}),
        Made(1, {"skill": "diverged", "keep": "diverged"}, axes={"early": 0.5}),
        Made(0, {"skill": 2.0, "keep": 1.0}, axes={"early": 1.0}),
        Made(1, {"skill": 2.2, "keep": "missing"}, axes={"early": 1.0}),
    ]
    make(folder, points, axes=(EARLY,), name="points", run=1)
    steps = {0.0: [2.1, 2.2, 2.3, 2.4, 2.7, 2.9], 0.5: [2.2, 2.3, 2.4, 2.5, 2.8, 3.0]}
    make(folder, swept(steps), axes=(EARLY,), name="equal_steps", run=2)
    even: dict[float, Sequence[float | str | None]] = {
        0.0: [2.0, 2.1, 2.2],
        0.5: ["diverged"] * 3,
        1.0: [2.05, 2.15, 2.1],
    }
    make(folder, swept(even), axes=(EARLY,), name="even", run=3)
    lost: dict[float, Sequence[float | str | None]] = {
        0.0: [2.0, 2.1],
        0.5: [1.0, "diverged"],
        1.0: [1.9, 2.05],
    }
    make(folder, swept(lost), axes=(EARLY,), name="survivors", run=4)
    two_ways = [
        Made(seed, {"skill": 1.0 + early + seed}, recipe=recipe, axes={"early": early})
        for recipe in ("base", "replay")
        for early in ((0.0, 0.5, 1.0) if recipe == "base" else (0.0, 0.5))
        for seed in (0, 1)
    ]
    make(folder, two_ways, axes=(EARLY,), name="two_ways", run=5)
    documents = {f"d{number}": (1.0 + number / 4, 2) for number in range(4)}
    lower = {name: (value - 0.5, n) for name, (value, n) in documents.items()}
    shifted = [
        Made(0, {"skill": 1.375 - 0.5 * (early > 0)}, axes={"early": early}, samples={"skill": found})
        for early, found in ((0.0, documents), (0.5, lower))
    ]
    make(folder, shifted, axes=(EARLY,), name="shifted", run=6)
    model = Axis(name="model", type="string", values=("org/tiny", "org/tiny,v2"))
    models = [Made(0, {"skill": 1.0}, axes={"model": name}) for name in model.values]
    make(folder, models, axes=(model,), name="models", run=7)
    rate = Axis(name="lr", type="float", values=(0.1, 0.2))
    rates: list[Made] = [
        Made(0, {"skill": "diverged" if early and lr == 0.2 else 1.0}, axes={"early": early, "lr": lr})
        for early in (0.0, 0.5)
        for lr in rate.values
    ]
    make(folder, rates, axes=(EARLY, rate), name="rates", run=8)
    harder = [
        Made(0, {"skill": 1.0 + shift + early}, recipe, {"early": early}, params={"digits": early})
        for recipe, shift in (("base", 0.0), ("replay", -0.25))
        for early in (0.0, 0.5)
    ]
    make(folder, harder, axes=(EARLY,), name="harder", run=9)
    lacking = [
        Made(0, {"skill": 1.0 - (early or 0.5)}, axes={"early": early}, texts={"early": text})
        for early, text in ((0.0, "0%"), (None, "none"), (1.0, "100%"))
    ]
    make(folder, lacking, axes=(EARLY,), name="lacking", run=10)
    connection = open_results(folder / ".specc")
    yield Source(connection)
    connection.close()


def answer(results: Source, experiment: str) -> Compared:
    return compare(results.connection, BY_EARLY.model_copy(update={"experiments": (experiment,)}))


def named(results: Source, *groups: str) -> Compared:
    [question] = asked_questions(Asked(groups=groups, experiments=("two_ways",)), [results])
    return compare_sources([results], question)


def test_a_frontier_tells_which_points_lost_seeds(results: Source) -> None:
    keep = BY_EARLY.model_copy(update={"eval": "keep"})
    found = frontier(results.connection, BY_EARLY, keep)
    assert {point.name: point.n for point in found.points} == {
        "early = 0%": 2,
        "early = 50%": 1,
        "early = 100%": 1,
    }
    one, other = (note for note in found.notes if "is a mean over what is left" in note)
    assert one.startswith("`early = 50%`")
    assert one.endswith(": 1 of 2 results of skill diverged; 1 of 2 results of keep diverged")
    assert other.startswith("`early = 100%`")
    assert other.endswith(": 1 of 2 results of keep missing")


def test_differences_that_are_equal_but_for_rounding_are_no_certainty(results: Source) -> None:
    """2.3 - 2.2 and 2.8 - 2.7 differ in the last bit; an interval from that would have no width."""
    [effect] = answer(results, "equal_steps").effects
    assert len({2.2 - 2.1, 2.8 - 2.7}) == 2
    assert (effect.sd, effect.interval, effect.p_t) == (0.0, None, None)
    assert effect.p_sign_flip == effect.p_holm == 2 / 2**6
    assert len({pair.difference for pair in effect.pairs}) == 1


def test_means_that_are_equal_but_for_rounding_are_the_same(results: Source) -> None:
    found = answer(results, "even")
    effect = found.effects[-1]
    assert effect.mean == 0
    assert "skill the same" in effect.sentence
    assert "of this size" not in effect.sentence
    assert found.best == ""


def test_holms_rule_counts_what_was_tested(results: Source) -> None:
    """Of two groups one diverged at all seeds: one comparison is left, which needs no correction."""
    found = answer(results, "even")
    assert found.effects[1].p_holm == found.effects[1].p_t
    assert not any("Holm" in note for note in found.notes)


def test_a_group_that_lost_a_seed_to_divergence_is_not_the_best(results: Source) -> None:
    found = answer(results, "survivors")
    assert found.groups[1].mean == 1.0
    assert found.best == "early = 100%"
    assert any("`early = 50%`: a better mean than the best, but only over" in note for note in found.notes)


def test_arms_without_a_twin_are_told(results: Source) -> None:
    found = named(results, "base", "replay")
    assert any("`replay`: 2 arms left out of its pairs" in note for note in found.notes)
    assert [pair.difference for pair in found.effects[0].pairs] == [0.0, 0.0]


def test_groups_that_differ_in_more_than_one_thing_are_told(results: Source) -> None:
    told = named(results, "base", "replay,early=50%").notes
    assert any("differ in `recipe` and `early`" in note for note in told)
    shared = named(results, "early=0%", "replay").notes
    assert any("2 arms of `replay` are in `early=0%` too" in note for note in shared)
    assert not any("differ in" in note for note in named(results, "base,early=50%", "replay,early=50%").notes)


def test_documents_that_all_differ_by_the_same_give_no_interval(results: Source) -> None:
    [effect] = answer(results, "shifted").effects
    items = effect.over_items
    assert items is not None
    assert (items.difference, items.interval, items.bootstrap) == (-0.5, None, None)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("model=org/tiny", {"model": "org/tiny"}),
        ("base, model = org/tiny,v2 , seed=0", {"recipe": "base", "model": "org/tiny,v2", "seed": 0}),
        ("models/model=org/tiny/seed=0", {"model": "org/tiny", "seed": 0}),
    ],
)
def test_values_may_hold_slashes_and_commas(results: Source, text: str, found: dict[str, object]) -> None:
    known = known_names(results, "models")
    assert given(text, known) == found
    assert group_name("model=org/tiny,v2", [known]) == "model = org/tiny,v2"


def test_the_headline_says_how_many_seeds_would_resolve_the_largest_difference(results: Source) -> None:
    headline = answer(results, "points").headline
    assert "the largest difference is of `early = 100%`" in headline
    assert "2 seeds paired, not resolvable, n = 6 would be" in headline


def test_what_became_of_arms_that_a_mean_lacks_is_told(results: Source) -> None:
    found = answer(results, "rates")
    assert found.groups[1].lost == {"diverged": 1}
    assert any("1 arm of the other seeds is left out of their means" in note for note in found.notes)
    assert any("(of all its arms: 1 diverged)" in note for note in found.notes)


def test_an_arm_that_diverged_fails_the_gate_though_others_of_its_seed_did_not(results: Source) -> None:
    [worse] = judge([answer(results, "rates")]).worse
    assert "`early = 50%` has 1 arm that diverged or failed, where `early = 0%` lacks 0" in worse
    assert (
        judge([answer(results, "even")])
        .worse[0]
        .endswith("diverged at seeds 0, 1, 2 where `early = 0%` has results")
    )


def test_the_query_of_named_groups_gives_an_arm_to_each_that_has_it(results: Source) -> None:
    found = named(results, "early=0%", "replay")
    rows = results.connection.execute(found.sql).fetchall()
    assert [(group, seed, arms) for group, seed, _, arms in rows] == [
        ("early=0%", 0, 2),
        ("early=0%", 1, 2),
        ("replay", 0, 2),
        ("replay", 1, 2),
    ]
    pairs = found.effects[0].pairs
    values = {(group, seed): value for group, seed, value, _ in rows}
    assert [(values["early=0%", pair.seed], values["replay", pair.seed]) for pair in pairs] == [
        (pair.baseline, pair.value) for pair in pairs
    ]


def test_what_is_measured_may_vary_with_an_axis_that_groups_leave_out(results: Source) -> None:
    question = BY_EARLY.model_copy(update={"experiments": ("harder",), "by": ("recipe",)})
    [effect] = compare(results.connection, question).effects
    assert (effect.refusal, effect.mean) == ("", -0.25)
    [across] = answer(results, "harder").effects
    assert "`digits` is `0.5` against `0.0`" in across.refusal


def test_a_group_without_a_name_is_refused(results: Source) -> None:
    with pytest.raises(QueryError, match="a group has no name"):
        named(results, "base", " ")


def test_tables_for_papers_show_what_a_mean_lacks_and_what_was_selected(results: Source) -> None:
    found = answer(results, "points")
    table = short_table(found)
    assert table.columns[:4] == ("group", "n", "lost", "skill")
    assert [row[:3] for row in table.rows] == [
        ("early = 0% (selected)", 2, ""),
        ("early = 50%", 1, "1 diverged"),
        ("early = 100%", 2, ""),
    ]
    assert "lost" not in short_table(answer(results, "equal_steps")).columns
    full = full_table([found])
    assert [row[-3:] for row in full.rows] == [(0, True, None), (1, False, True), (0, False, True)]


def test_a_value_that_an_import_lacks_was_not_chosen_by_results(results: Source) -> None:
    found = answer(results, "lacking")
    assert [(group.name, group.selected) for group in found.groups] == [
        ("early = 0%", False),
        ("early = none", False),
        ("early = 100%", True),
    ]
    assert not any("were chosen" in note for note in found.notes)
