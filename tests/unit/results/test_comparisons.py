"""Comparisons of groups of arms: what pairs, what is told, what is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from made_study import EARLY, Made, Result, make, swept
from specc.comparing import (
    Compared,
    Question,
    Source,
    compare,
    compare_sources,
    frontier,
    frontiers,
    questions,
)
from specc.comparing.model import Effect
from specc.errors import QueryError
from specc.results.reader import open_results
from specc.study import Axis, Study

BASE = [2.0, 2.4, 1.9, 2.2, 2.3, 2.1]
SHIFTS = {0.5: [0.02, 0.3, 0.25, 0.01, 0.33, 0.1], 1.0: [0.1, -0.1, 0.2, -0.2, 0.1, -0.05]}
NOISE = np.random.default_rng(0).normal(0.0, 0.1, (2, 8))

SWEPT: dict[str, dict[float, list[Result]]] = {
    "paired": {0.0: [2.0, 2.4, 1.9, 2.2], 0.5: [1.8, 2.3, 1.6, 2.1]},
    "three_seeds": {0.0: [2.0, 2.4, 1.9], 0.5: [1.9, 2.1, 1.95]},
    "one_seed": {0.0: [2.0], 0.5: [1.0]},
    "equal_steps": {0.0: [0.5, 0.25], 0.5: [0.25, 0.0]},
    "same": {0.0: [0.5, 0.25], 0.5: [0.5, 0.25]},
    "tiny": {
        0.0: [float(value) for value in NOISE[0]],
        0.5: [float(value) for value in NOISE[0] + NOISE[1] - NOISE[1].mean() + 0.002],
    },
    "not_finite": {0.0: [2.0, 2.4, 1.9, 2.1], 0.5: [1.5, 1.8, None, 1.7]},
    "missing": {0.0: [2.0, 2.4, 1.9, 2.1], 0.5: [1.5, 1.8, "missing", 1.7]},
    "all_gone": {0.0: [2.0, 2.2], 0.5: [None, None], 1.0: [2.5, 2.6]},
    "half_gone": {0.0: [2.0, 2.4], 0.5: [1.0, None], 1.0: ["missing", "missing"]},
    "holm": {0.0: [*BASE], **{e: [float(v) for v in np.array(BASE) + s] for e, s in SHIFTS.items()}},
    "alone": {0.0: [*BASE], 0.5: [float(value) for value in np.array(BASE) + SHIFTS[0.5]]},
    "best_of_three": {0.0: [2.0, 2.2], 0.5: [1.9, 2.0], 1.0: [2.5, 2.6]},
    "best_of_two": {0.0: [2.0, 2.2], 0.5: [1.9, 2.0]},
    "odd": {0.0: [2.0, 2.4, 1.9, 2.0, 2.1, 2.2], 0.5: [1.0, 1.41, 0.9, 1.1, 1.0, 1.2]},
    "ties": {0.0: [2.0, 2.4, 1.9, 2.0, 2.1, 2.2], 0.5: [1.9, 2.3, 1.8, 1.9, 2.1, 2.2]},
}
"""Evaluations of the experiment `made`, by the axis `early`: results of seeds 0, 1, 2, ..."""

LR = Axis(name="lr", type="float", values=(0.1, 0.2))
RATES: dict[tuple[float, float, int], Result] = {
    (0.0, 0.1, 0): 1.0,
    (0.0, 0.2, 0): 3.0,
    (0.5, 0.1, 0): 1.5,
    (0.5, 0.2, 0): 3.1,
    (0.0, 0.1, 1): 2.0,
    (0.0, 0.2, 1): 9.0,  # no twin: lr = 0.2 of early = 50% diverged at seed 1
    (0.5, 0.1, 1): 2.2,
    (0.5, 0.2, 1): "diverged",
}
DOCUMENTS = {
    (0.0, 0): [2.0, 2.5, 1.0, 3.0],
    (0.0, 1): [2.2, 2.4, 1.1, 3.2],
    (0.5, 0): [1.9, 2.2, 1.0, 2.5],
    (0.5, 1): [2.1, 2.2, 1.2, 2.6],
}
RIGHT = {0.0: [0, 0, 0, 0, 0, 1, 1, 0], 0.5: [1, 1, 1, 1, 1, 0, 1, 0]}
MEANS = {0.0: (2.0, 0.9), 0.5: (1.0, 0.5), 1.0: (2.5, 0.6)}

BY_EARLY = Question(experiments=("made",), eval="skill", metric="loss", stage="tune", by=("early",))
BY_RECIPE = BY_EARLY.model_copy(update={"by": ("recipe",)})


def weighted(values: Sequence[float]) -> float:
    return sum(value * (n + 1) for n, value in enumerate(values)) / sum(n + 1 for n in range(len(values)))


def samples(*values: float) -> dict[str, tuple[float, int]]:
    return {f"document {number}": (value, number + 1) for number, value in enumerate(values)}


def experiments() -> Iterator[dict[str, Any]]:
    """All experiments of these tests; most cost nothing but rows."""
    results: dict[tuple[float, int], dict[str, Result]] = {}
    read: dict[tuple[float, int], dict[str, dict[str, tuple[float, int]]]] = {}

    def add(early: float, seed: int, name: str, value: Result, **documents: tuple[float, int]) -> None:
        results.setdefault((early, seed), {})[name] = value
        read.setdefault((early, seed), {})[name] = documents

    for name, by_early in SWEPT.items():
        for early, values in by_early.items():
            for seed, value in enumerate(values):
                add(early, seed, name, value)
    for early, seeds in ((0.0, {0: 2.0, 1: 2.2, 2: 2.1}), (0.5, {5: 1.0, 6: 1.1})):
        for seed, number in seeds.items():
            add(early, seed, "other_seeds", number)
    for (early, seed), losses in DOCUMENTS.items():
        add(early, seed, "documents", weighted(losses), **samples(*losses))
        add(early, seed, "no_mean", 30.0, **samples(1.0, 2.0, 3.0))
    for early, right in RIGHT.items():
        add(early, 0, "answers", sum(right) / 8, **{f"p{n}": (float(x), 1) for n, x in enumerate(right)})
    made = [
        Made(s, found, axes={"early": e}, samples=read[e, s]) for (e, s), found in sorted(results.items())
    ]
    yield {"name": "made", "arms": made, "metrics": {"odd": "odd", "answers": "exact_match"}}
    lost: dict[float, list[Result]] = {
        0.0: [2.0, 2.4, 1.9, 2.1],
        0.5: [1.5, 1.8, "diverged", 1.7],
        1.0: [1.5, 1.8, "failed", 1.7],
    }
    yield {"name": "lost", "arms": swept(lost)}
    yield {"name": "base_gone", "arms": swept({0.0: ["diverged", "diverged"], 0.5: [1.5, 1.8]})}
    rates = [
        Made(seed, {"skill": v}, axes={"early": early, "lr": lr}) for (early, lr, seed), v in RATES.items()
    ]
    yield {"name": "rates", "arms": rates, "axes": (EARLY, LR)}
    recipes = {"replay": [1.0, 1.2], "base": [2.0, 2.1], "dropout": [3.0, 3.3]}
    yield {
        "name": "recipes",
        "axes": (),
        "arms": [
            Made(s, {"skill": v}, recipe=name) for name, found in recipes.items() for s, v in enumerate(found)
        ],
    }
    chosen = [
        Made(s, {"skill": 1.0 + s}, name, {"early": e})
        for name, e in (("base", 0.0), ("tuned", None))
        for s in (0, 1)
    ]
    yield {"name": "chosen", "arms": chosen}
    few, many = ({"data": {"tokens": tokens}} for tokens in (25_000, 50_000))
    other = swept({0.5: [1.0, 1.1]}, params=many)
    later = [replace(each, seed=each.seed + 5) for each in swept({1.0: [1.0, 1.1]}, params=many)]
    yield {"name": "other_data", "arms": [*swept({0.0: [2.0, 2.2]}, params=few), *other, *later]}
    yield {"name": "budgets", "arms": [*swept({0.0: [2.0, 2.2]}), *swept({0.5: [1.0, 1.1]}, tokens=680)]}
    yield {
        "name": "two_ways",
        "metrics": {"recall": "exact_match"},
        "arms": [
            Made(0, {"skill": 1.0, "recall": 0.5}, recipe=recipe, axes={"early": early})
            for recipe in ("base", "replay")
            for early in (0.0, 0.5)
        ],
    }
    yield {
        "name": "frontier",
        "metrics": {"recall": "exact_match"},
        "arms": [
            Made(seed, {"skill": x + shift, "recall": y + shift / 10}, axes={"early": early})
            for early, (x, y) in MEANS.items()
            for seed, shift in ((0, -0.1), (1, 0.1))
        ],
    }
    yield {"name": "second", "arms": swept({0.0: [1.0, 1.3, 1.2]}, eval="three_seeds")}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compared")
    for run, each in enumerate(experiments(), 1):
        make(folder, run=run, **{"axes": (EARLY,), **each})
    return folder / ".specc"


@pytest.fixture(scope="module")
def results(workspace: Path) -> Iterator[Source]:
    connection = open_results(workspace)
    yield Source(connection)
    connection.close()


def answer(results: Source, experiment: str = "made", eval: str = "skill", **more: Any) -> Compared:
    question = BY_EARLY.model_copy(update={"experiments": (experiment,), "eval": eval, **more})
    return compare(results.connection, question)


def only(found: Compared) -> Effect:
    [effect] = found.effects
    return effect


def study_of(workspace: Path, experiment: str) -> Study:
    plans = (workspace / "runs").glob("*/plan.json")
    studies = (Study.model_validate_json(path.read_bytes()) for path in plans)
    return next(study for study in studies if study.experiment == experiment)


def test_an_effect_is_the_paired_t_interval_of_its_differences(results: Source) -> None:
    base, other = [2.0, 2.4, 1.9, 2.2], [1.8, 2.3, 1.6, 2.1]
    found = answer(results, eval="paired")
    effect = only(found)
    theirs = stats.ttest_rel(other, base)
    interval = theirs.confidence_interval(0.95)
    assert effect.interval is not None
    assert (effect.interval.low, effect.interval.high) == pytest.approx((interval.low, interval.high))
    assert effect.interval.method == "paired t, 3 degrees of freedom"
    assert effect.p_t == pytest.approx(theirs.pvalue)
    assert (effect.p_sign_flip, effect.smallest_p) == (0.125, 0.125)
    assert effect.mean == pytest.approx(-0.175)
    assert effect.relative == pytest.approx(-0.175 / np.mean(base))
    assert (effect.wins, effect.losses) == (4, 0)
    assert effect.verdict == "not resolvable"
    assert [(pair.seed, round(pair.difference, 9)) for pair in effect.pairs] == [
        (0, -0.2),
        (1, -0.1),
        (2, -0.3),
        (3, -0.1),
    ]
    first, second = found.groups
    assert (first.name, first.n, first.arms) == ("early = 0%", 4, 1)
    assert first.mean == pytest.approx(2.125)
    assert first.interquartile_mean == pytest.approx(2.1)
    assert second.sd == pytest.approx(np.std(other, ddof=1))
    assert found.question.baseline == "early = 0%"
    assert found.question.better == "lower"
    assert found.headline == effect.sentence
    assert "not resolvable with 4 seeds, n = 6 would be" in effect.sentence
    assert "which the exact test can't confirm: it reaches p = 0.125 at best" in effect.sentence
    assert any("`early = 0%` is the baseline: the first" in note for note in found.notes)


def test_the_query_gives_the_value_of_each_group_and_seed(results: Source) -> None:
    rows = results.connection.execute(answer(results, eval="best_of_two").sql).fetchall()
    assert rows == [(0.0, 0, 2.0, 1), (0.0, 1, 2.2, 1), (0.5, 0, 1.9, 1), (0.5, 1, 2.0, 1)]


def test_an_answer_survives_json(results: Source) -> None:
    found = answer(results, eval="half_gone")
    text = found.model_dump_json()
    assert Compared.model_validate_json(text) == found
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_too_few_seeds_are_told_and_how_many_would_do(results: Source) -> None:
    base, other = [2.0, 2.4, 1.9], [1.9, 2.1, 1.95]
    effect = only(answer(results, eval="three_seeds"))
    assert effect.verdict == "not resolvable"
    differences = np.array(other) - base
    ratio = abs(differences.mean()) / differences.std(ddof=1)
    n = effect.n_needed
    assert n is not None

    def power(pairs: int) -> float:
        critical = stats.t.ppf(0.975, pairs - 1)
        return float(stats.nct.sf(critical, pairs - 1, ratio * math.sqrt(pairs)))

    assert power(n) >= 0.8 > power(n - 1) - 1e-3
    assert f"not resolvable with 3 seeds, n = {n} would be" in effect.sentence


def test_six_seeds_show_a_difference_and_ties_do_not_count(results: Source) -> None:
    shown = only(answer(results, eval="odd", metric="odd", better="lower"))
    assert (shown.verdict, shown.p_sign_flip) == ("better", 2 / 64)
    assert "`early = 50%` is better than `early = 0%`: odd 0.998 lower" in shown.sentence
    tied = only(answer(results, eval="ties"))
    assert tied.p_holm is not None
    assert tied.p_holm < 0.05
    assert tied.smallest_p == 2 / 16
    assert (tied.verdict, tied.n_needed) == ("not resolvable", 8)


def test_one_seed_has_a_difference_and_no_interval(results: Source) -> None:
    effect = only(answer(results, eval="one_seed"))
    assert (effect.mean, effect.interval, effect.p_t, effect.verdict) == (-1.0, None, None, "not resolvable")
    assert "not resolvable with 1 seed" in effect.sentence


def test_equal_differences_are_not_taken_for_certainty(results: Source) -> None:
    """Recall of 96 facts can well be one fact more at both of two seeds."""
    effect = only(answer(results, eval="equal_steps"))
    assert (effect.interval, effect.p_t, effect.verdict) == (None, None, "not resolvable")
    assert effect.n_needed == 6
    same = only(answer(results, eval="same"))
    assert same.verdict == "no difference shown"
    assert "the same results at 2 seeds" in same.sentence


def test_a_difference_that_no_study_would_find_is_called_none(results: Source) -> None:
    effect = only(answer(results, eval="tiny"))
    assert effect.verdict == "no difference shown"
    assert effect.n_needed is not None
    assert effect.n_needed > 100


@pytest.mark.parametrize(
    ("experiment", "eval", "told"),
    [
        ("lost", "skill", "diverged"),
        ("lost", "skill", "failed"),
        ("made", "missing", "missing"),
        ("made", "not_finite", "diverged"),
    ],
)
def test_a_seed_that_is_not_there_is_shown_and_counted(
    results: Source, experiment: str, eval: str, told: str
) -> None:
    found = answer(results, experiment, eval)
    group = found.groups[2 if told == "failed" else 1]
    assert [seed.state for seed in group.seeds] == ["done", "done", told, "done"]
    assert group.seeds[2].value is None
    assert (group.n, group.left_out) == (3, 1)
    effect = next(each for each in found.effects if each.group == group.name)
    assert [pair.seed for pair in effect.pairs] == [0, 1, 3]
    assert len(effect.unpaired) == 1
    assert told in effect.sentence
    assert any(f"seed 2 {told}" in note and "3 of 4 seeds done" in note for note in found.notes)


def test_a_baseline_that_diverged_is_told_like_a_group(results: Source) -> None:
    found = answer(results, "base_gone")
    effect = only(found)
    assert (effect.verdict, effect.mean) == ("diverged", None)
    assert "`early = 0%` has diverged" in effect.sentence
    assert found.groups[0].mean is None
    assert any("`early = 0%`: seeds 0, 1 diverged; 0 of 2 seeds done" in note for note in found.notes)


def test_a_diverged_arm_never_is_the_best(results: Source) -> None:
    found = answer(results, eval="all_gone")
    assert found.best == "early = 0%"


def test_a_seed_is_the_mean_over_arms_that_both_sides_have(results: Source) -> None:
    """Swept over `early` and `lr`, compared by `early`: arms with equal `lr` pair."""
    found = answer(results, "rates")
    effect = only(found)
    assert [(p.seed, p.baseline, round(p.difference, 9)) for p in effect.pairs] == [
        (0, 2.0, 0.3),
        (1, 2.0, 0.2),
    ]
    assert [group.arms for group in found.groups] == [2, 2]
    assert found.groups[1].left_out == 1
    assert any("2 arms left out of its pairs" in note for note in found.notes)
    held = only(answer(results, "rates", given={"lr": 0.2}))
    assert [pair.seed for pair in held.pairs] == [0]


def test_the_recipe_as_written_is_the_baseline_of_recipes(results: Source) -> None:
    found = answer(results, "recipes", by=("recipe",))
    assert found.question.baseline == "base"
    assert [effect.group for effect in found.effects] == ["replay", "dropout"]
    named = answer(results, "recipes", by=("recipe",), baseline="dropout")
    assert named.question.baseline == "dropout"
    with pytest.raises(QueryError, match="no group `dropot`") as caught:
        answer(results, "recipes", by=("recipe",), baseline="dropot")
    assert caught.value.help == "write `dropout`"


def test_several_groups_are_judged_by_holms_p(results: Source) -> None:
    """An interval of its own that leaves out 0 is not enough among several."""
    found = answer(results, eval="holm")
    p = [stats.ttest_rel(SWEPT["holm"][early], BASE).pvalue for early in SHIFTS]
    assert p[0] < 0.05 < 2 * p[0]
    first, second = found.effects
    assert first.p_holm == pytest.approx(2 * p[0])
    assert second.p_holm == pytest.approx(max(2 * p[0], p[1]))
    assert first.verdict == "not resolvable"
    assert "Holm's p over all comparisons" in first.sentence
    alone = only(answer(results, eval="alone"))
    assert alone.verdict == "worse"


def test_the_best_of_several_is_called_selected(results: Source) -> None:
    found = answer(results, eval="best_of_three")
    assert found.best == "early = 50%"
    assert [group.selected for group in found.groups] == [False, True, False]
    assert any("selected as the best of 3" in note for note in found.notes)
    two = answer(results, eval="best_of_two")
    assert not any(group.selected for group in two.groups)


def test_what_best_has_chosen_is_called_selected(results: Source) -> None:
    found = answer(results, "chosen", by=("recipe",))
    assert [group.selected for group in found.groups] == [False, True]


def test_results_on_other_data_do_not_pair_and_the_difference_is_named(results: Source) -> None:
    """Nor are they compared unpaired, at other seeds."""
    found = answer(results, "other_data")
    for effect in found.effects:
        assert effect.verdict == "not comparable"
        assert effect.mean is effect.p_t is effect.p_holm is None
        assert "`data.tokens` is `50000` against `25000`" in effect.refusal
    assert "at seed 0" in found.effects[0].refusal
    assert found.best == ""


def test_budgets_that_differ_are_told(results: Source) -> None:
    found = answer(results, "budgets")
    assert [group.tokens for group in found.groups] == [1500, 1680]
    assert any(
        "`early = 50%` reads 12.0% more tokens in training than `early = 0%`: 1.68K against 1.5K" in note
        for note in found.notes
    )
    assert any("12.0% more FLOPs" in note for note in found.notes)
    even = answer(results, eval="best_of_two")
    assert not any("tokens" in note for note in even.notes)


def test_seeds_that_are_not_shared_are_compared_unpaired_and_it_is_said(results: Source) -> None:
    effect = only(answer(results, eval="other_seeds"))
    theirs = stats.ttest_ind([1.0, 1.1], [2.0, 2.2, 2.1], equal_var=False)
    assert not effect.paired
    assert effect.pairs == ()
    assert effect.p_t == pytest.approx(theirs.pvalue)
    assert effect.interval is not None
    assert "unpaired" in effect.interval.method
    assert "the seeds are not the same, so nothing is paired" in effect.sentence


def test_the_difference_over_documents_has_errors_clustered_by_document(results: Source) -> None:
    effect = only(answer(results, eval="documents"))
    items = effect.over_items
    assert items is not None
    assert (items.items, items.clusters, items.mcnemar_p) == (8, 4, None)
    assert items.difference == pytest.approx(effect.mean)
    sums = [sum((n + 1) * (DOCUMENTS[0.5, s][n] - DOCUMENTS[0.0, s][n]) for s in (0, 1)) for n in range(4)]
    weights = [2.0 * (n + 1) for n in range(4)]
    center = sum(sums) / sum(weights)
    error = math.sqrt(sum((a - center * w) ** 2 for a, w in zip(sums, weights, strict=True)) * 4 / 3) / 20
    assert items.stderr == pytest.approx(error)


def test_right_and_wrong_answers_get_mcnemars_test(results: Source) -> None:
    effect = only(answer(results, eval="answers", metric="exact_match"))
    assert effect.over_items is not None
    assert effect.over_items.mcnemar_p == pytest.approx(stats.binomtest(5, 6, 0.5).pvalue)
    assert effect.wins == 1  # of recall, more is better


def test_documents_that_do_not_add_up_to_the_result_say_nothing(results: Source) -> None:
    assert only(answer(results, eval="no_mean")).over_items is None


def test_experiments_are_compared_on_shared_seeds(results: Source) -> None:
    found = answer(
        results,
        "made",
        "three_seeds",
        experiments=("made", "second"),
        by=("experiment",),
        given={"early": 0.0},
    )
    effect = only(found)
    assert (effect.group, effect.baseline) == ("second", "made")
    assert [round(pair.difference, 9) for pair in effect.pairs] == [-1.0, -1.1, -0.7]


def test_workspaces_are_compared_on_shared_seeds(results: Source, tmp_path: Path) -> None:
    elsewhere = make(tmp_path, swept({0.0: [1.5, 1.6], 0.5: [1.0, 1.1]}, eval="three_seeds"), (EARLY,))
    connection = open_results(elsewhere)
    sources = [Source(results.connection, "old"), Source(connection, "new")]
    question = BY_EARLY.model_copy(
        update={"eval": "three_seeds", "by": ("workspace",), "given": {"early": 0.0}}
    )
    found = only(compare_sources(sources, question))
    connection.close()
    assert (found.baseline, found.group) == ("old", "new")
    assert [round(pair.difference, 9) for pair in found.pairs] == [-0.5, -0.8]
    assert found.unpaired == ("seed 2: `new` does not have it",)


@pytest.mark.parametrize(
    ("change", "message", "help"),
    [
        ({"experiments": ("mad",)}, "no experiment `mad`", "write `made`"),
        ({"eval": "pared"}, "no evaluation `pared`", "write `paired`"),
        ({"by": ("erly",)}, "no axis `erly`", "write `early`"),
        ({"by": ("seed",)}, "seeds are replicates", "leave `seed` out"),
        ({"given": {"early": 0.25}}, "no value of `early = 0.25`", "early = "),
    ],
)
def test_names_that_are_not_there_are_refused(
    results: Source, change: dict[str, Any], message: str, help: str
) -> None:
    with pytest.raises(QueryError, match=message) as caught:
        compare(results.connection, BY_EARLY.model_copy(update={"eval": "paired", **change}))
    assert help in (caught.value.help or "")


def test_an_unknown_direction_is_higher_or_lower_not_better(results: Source) -> None:
    effect = only(answer(results, eval="odd", metric="odd"))
    assert (effect.verdict, effect.improvement) == ("lower", None)


def test_questions_come_by_recipe_and_by_axis_with_units(results: Source, workspace: Path) -> None:
    found = questions(results.connection, study_of(workspace, "two_ways"))
    assert [(q.eval, q.by, q.given, q.better) for q in found] == [
        ("skill", ("recipe",), {}, "lower"),
        ("skill", ("early",), {"recipe": "base"}, "lower"),
        ("recall", ("recipe",), {}, "higher"),
        ("recall", ("early",), {"recipe": "base"}, "higher"),
    ]
    assert found[0].unit


def test_a_frontier_tells_what_is_dominated_in_means(results: Source, workspace: Path) -> None:
    """Lower loss and higher recall are better."""
    [(x, y)] = frontiers(results.connection, study_of(workspace, "frontier"))
    found = frontier(results.connection, x, y)
    assert {(p.name, round(p.x, 9), round(p.y, 9), p.dominated) for p in found.points} == {
        ("early = 0%", 2.0, 0.9, False),
        ("early = 50%", 1.0, 0.5, False),
        ("early = 100%", 2.5, 0.6, True),
    }
    worst = (2.5 + 0.15, 0.5 - 0.04)
    assert found.reference == pytest.approx(worst)
    area = (worst[0] - 1.0) * (0.5 - worst[1]) + (worst[0] - 2.0) * (0.9 - 0.5)
    assert found.hypervolume[""] == pytest.approx(area)
    turned = frontier(results.connection, y, x)  # recall across, of which more is better
    assert turned.hypervolume[""] == pytest.approx(area)
    assert {point.name: point.dominated for point in turned.points} == {
        point.name: point.dominated for point in found.points
    }
