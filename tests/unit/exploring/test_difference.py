"""What `specc diff` finds, and what it says is the reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from explored import RECIPE, change, changed, difference, unknown_operations

from small_recipes import study_of
from specc.difference.compare import compare
from specc.difference.result import Difference
from specc.difference.show import as_text

SEVENTH = "recipe slower { override stage posttrain { schedule = constant(peak = 1e-4) } }\n  eval fit"


def new_keys(folder: Path, after: str, before: str = RECIPE) -> int:
    """Steps that only the second text has, counted without any matching."""
    old = {step.key for step in study_of(folder, before).steps}
    return sum(step.key not in old for step in study_of(folder, after).steps)


@pytest.mark.parametrize(
    "edit",
    [
        ("experiment small {", "# a comment\nexperiment small {"),
        ("posttrain", "later"),
        ("experiment small", "experiment large"),
        ("tiny", "minute"),
        ("25_600 tokens", "25.6K tokens"),
        ("seeds 0..1", "seeds [1, 0]"),
        ("mean(fit", "max(fit"),
    ],
)
def test_what_says_the_same_changes_no_step(edit: tuple[str, str], tmp_path: Path) -> None:
    found = difference(tmp_path, changed(edit))
    assert not found.differs
    assert found.changes == ()
    assert found.confounds == ()
    assert "no step changes" in as_text(found)


def test_a_setting_of_a_late_stage_leaves_earlier_ones_alone(tmp_path: Path) -> None:
    found = difference(tmp_path, changed(("peak = 5e-4", "peak = 1e-4")))
    (only,) = found.changes
    assert (only.subject, only.name, only.where) == ("posttrain", "schedule.peak", "line 18")
    assert [(v.before, v.after, v.points) for v in only.variants] == [("0.0005", "0.0001", "all arms")]
    assert only.steps == {"posttrain": 4, "fit after posttrain": 4}
    assert (only.retrained, only.evaluated, only.alone) == (4, 4, 8)
    assert {row.op: (row.same, row.new, row.gone) for row in found.steps} == {
        "init": (2, 0, 0), "prepare": (2, 0, 0), "train": (4, 4, 4), "eval": (4, 4, 4)
    }  # fmt: skip
    assert found.confounds == ()


def test_what_comes_after_is_put_down_to_where_the_change_begins(tmp_path: Path) -> None:
    found = difference(tmp_path, changed(("beta2 = 0.9", "beta2 = 0.95")))
    only = change(found, "pretrain", "optimizer.beta2")
    assert only.also == ("posttrain",)
    assert only.where == "line 13"
    assert only.steps["posttrain"] == 4
    assert len(found.changes) == 1
    assert [each for each in found.confounds if each.kind == "factors"] == []


def test_two_changes_count_what_they_share(tmp_path: Path) -> None:
    after = changed(("peak = 5e-4", "peak = 1e-4"), ("warmup = 10%", "warmup = 20%"))
    found = difference(tmp_path, after)
    first, second = change(found, "pretrain", "schedule.warmup"), change(found, "posttrain", "schedule.peak")
    assert (first.total, first.alone) == (16, 8)
    assert (second.total, second.alone) == (8, 0)
    (confound,) = found.confounds
    assert confound.kind == "factors"
    assert confound.text.startswith("2 factors moved at once (all arms)")


def test_more_tokens_are_told_by_stage_and_corpus_and_make_budgets_unequal(tmp_path: Path) -> None:
    found = difference(tmp_path, changed(("25_600 tokens", "38_400 tokens")))
    only = change(found, "pretrain", "data")
    assert only.where == "line 12"
    assert {(b.stage, b.corpus, b.points): (b.before, b.after) for b in found.budgets} == {
        ("pretrain", "web", "early = 25%"): (22_400, 35_200),
        ("pretrain", "web", "early = 50%"): (19_200, 32_000),
        ("pretrain", "", "all arms"): (25_600, 38_400),
        ("", "", "early = 25%"): (35_200, 48_000),
        ("", "", "early = 50%"): (32_000, 44_800),
    }
    assert [each.kind for each in found.confounds] == ["tokens", "flops"]
    assert "+36.4% to +40.0%" in found.confounds[0].text


def test_a_row_that_is_divided_otherwise_is_one_factor_in_two_stages(tmp_path: Path) -> None:
    found = difference(tmp_path, changed(("{ pretrain: early, ", "{ pretrain: 10%, ")))
    first, second = change(found, "pretrain", "data"), change(found, "posttrain", "data")
    assert [variant.before for variant in first.variants] == [
        "web 22,400, skill 3,200",
        "web 19,200, skill 6,400",
    ]
    assert first.where == "line 9"
    assert first.total > second.total > 0
    assert "factors" not in [each.kind for each in found.confounds]


def test_a_corpus_is_followed_into_the_stages_that_read_it(tmp_path: Path) -> None:
    found = difference(tmp_path, changed(("tokens = 40K tokens, held_out", "tokens = 50K tokens, held_out")))
    (only,) = found.changes
    assert (only.kind, only.subject, only.name) == ("prepare", "web", "tokens")
    assert [(v.before, v.after) for v in only.variants] == [("40,000", "50,000")]
    assert only.where == "line 5"
    assert only.total == new_keys(
        tmp_path, changed(("tokens = 40K tokens, held_out", "tokens = 50K tokens, held_out"))
    )


def test_a_model_is_called_as_the_recipe_calls_it(tmp_path: Path) -> None:
    found = difference(tmp_path, changed(("width = 16", "width = 32")))
    (only,) = found.changes
    assert (only.kind, only.subject, only.name, only.where) == ("init", "tiny", "width", "line 4")
    assert [each.kind for each in found.confounds] == ["flops"]


def test_a_new_value_of_an_axis_makes_new_arms_and_confounds_nothing(tmp_path: Path) -> None:
    found = difference(tmp_path, changed(("[25%, 50%]", "[25%, 50%, 75%]")))
    assert (found.arms_before, found.arms_after, found.arms_paired) == (4, 6, 4)
    (only,) = found.changes
    assert (only.kind, only.subject, only.variants[0].after) == ("arms", "early", "75%")
    assert found.confounds == ()


def test_a_new_axis_keeps_the_arms_that_are_as_before(tmp_path: Path) -> None:
    after = changed(
        ("seeds 0..1", "sweep rate in [5e-4, 1e-4]\n  seeds 0..1"), ("peak = 5e-4", "peak = rate")
    )
    found = difference(tmp_path, after)
    assert (found.arms_paired, found.arms_after) == (4, 8)
    (only,) = found.changes
    assert (only.subject, only.variants[0].after) == ("rate", "0.0001")
    assert only.steps == {"posttrain": 4, "fit after posttrain": 4}


def test_new_seeds_are_told_and_pair_only_where_both_have_them(tmp_path: Path) -> None:
    found = difference(tmp_path, changed(("seeds 0..1", "seeds 1..2")))
    assert (found.arms_paired, found.arms_after) == (2, 4)
    assert change(found, "seeds", "new").variants[0].after == "seed 2"
    assert [each.text for each in found.confounds] == ["the seeds differ: 1 seed in both, of 2 and 2"]


def test_a_recipe_that_is_new_has_its_line(tmp_path: Path) -> None:
    found = difference(tmp_path, changed(("eval fit", SEVENTH)))
    (only,) = found.changes
    assert (only.kind, only.subject, only.name, only.where) == ("arms", "recipe", "slower", "line 20")
    assert only.retrained == 4


def test_an_override_that_changed_is_told_for_its_recipe_alone(tmp_path: Path) -> None:
    before = changed(("eval fit", SEVENTH))
    found = difference(tmp_path, changed(("peak = 1e-4", "peak = 2e-4"), text=before), before)
    (only,) = found.changes
    assert only.variants[0].points == "recipe = slower"
    assert only.where == "line 20"


def test_an_evaluation_on_other_data_is_a_confound(tmp_path: Path) -> None:
    found = difference(tmp_path, changed(("loss(skill.held_out)", "loss(web.held_out)")))
    only = change(found, "fit", "corpus")
    assert (only.variants[0].before, only.variants[0].after) == ("skill", "web")
    assert only.retrained == 0
    assert [each.kind for each in found.confounds] == ["evaluation"]


def test_a_stage_from_another_parent_says_so(tmp_path: Path) -> None:
    found = difference(tmp_path, changed(("posttrain from pretrain", "posttrain from pretrain@50%")))
    only = change(found, "posttrain", "from")
    assert (only.variants[0].before, only.variants[0].after) == ("pretrain", "pretrain@100 steps")
    assert change(found, "pretrain", "positions").retrained == 8


def test_a_new_evaluation_in_a_stage_trains_to_new_states_but_moves_no_factor(tmp_path: Path) -> None:
    after = changed(
        ("after [pretrain, posttrain]", "after pretrain every 50%"),
        ("expect mean(fit after posttrain", "expect mean(fit after pretrain"),
    )
    found = difference(tmp_path, after)
    assert change(found, "pretrain", "positions").steps == {"pretrain": 4, "fit after pretrain": 4}
    assert [each for each in found.confounds if each.kind == "factors"] == []


def test_a_stage_in_between_is_new_and_changes_what_follows(tmp_path: Path) -> None:
    after = changed(
        (
            "  stage posttrain from pretrain",
            "  stage mid from pretrain { schedule = constant(peak = 1e-3) }\n  stage posttrain from mid",
        ),
        ("posttrain: rest }", "mid: 1_280 tokens, posttrain: rest }"),
    )
    found = difference(tmp_path, after)
    assert change(found, "mid", "new").steps["mid"] == 4
    assert change(found, "posttrain", "from").variants[0].after == "mid"
    assert change(found, "posttrain", "data").total == 8
    (confound,) = found.confounds
    assert confound.text == "2 factors moved at once (all arms): stage mid; tokens by stage and corpus"
    back = difference(tmp_path, RECIPE, after)
    assert [(each.subject, each.name) for each in back.others] == [("mid", "gone")]
    assert ("mid", "skill", 1_280, 0) in {(b.stage, b.corpus, b.before, b.after) for b in back.budgets}


@pytest.mark.parametrize(
    "edit",
    [
        ("peak = 1e-3", "peak = 2e-3"),
        ("batch     = 4", "batch     = 8"),
        ("width = 16", "width = 8"),
        ("20K tokens, seed = 1", "20K tokens, seed = 2"),
        ("[25%, 50%]", "[50%, 75%]"),
        ("held_out = 10%", "held_out = 20%"),
        ("12_800 tokens", "6_400 tokens"),
        ("early, posttrain: rest", "rest, posttrain: 10%"),
        ("adamw(beta2 = 0.9)", "sgd()"),
        ("schedule = constant(peak = 5e-4)", "schedule = constant(peak = 5e-4)\n    dropout = 0.1"),
    ],
)
def test_every_new_step_has_a_reason(edit: tuple[str, str], tmp_path: Path) -> None:
    after = changed(edit)
    found = difference(tmp_path, after)
    new = sum(row.new for row in found.steps)
    assert new == new_keys(tmp_path, after) > 0
    assert max(each.total for each in found.changes) <= new <= sum(each.total for each in found.changes)
    assert "what changed" in as_text(found)


def test_steps_of_unknown_operations_are_compared_by_what_they_are_made_of() -> None:
    found = compare(unknown_operations(), unknown_operations("1/3"))
    (only,) = found.changes
    assert (only.kind, only.subject, only.name) == ("transform", "blend", "by")
    assert (only.variants[0].before, only.variants[0].after) == ("50%", "33.333%")
    assert only.steps == {"blend": 2, "end": 2, "recall after end": 2}


def test_the_answer_survives_json(tmp_path: Path) -> None:
    found = difference(tmp_path, changed(("peak = 5e-4", "peak = 1e-4")))
    assert Difference.model_validate_json(json.dumps(found.model_dump(mode="json"))) == found


def test_finished_steps_are_not_counted_as_work(tmp_path: Path) -> None:
    after = study_of(tmp_path, changed(("peak = 5e-4", "peak = 1e-4")))
    before = study_of(tmp_path, RECIPE)
    whole = compare(before, after)
    ready = compare(before, after, {step.key for step in after.steps})
    assert whole.tokens == 2 * 9_600 + 2 * 6_400
    assert (ready.tokens, ready.flops) == (0, 0.0)
    assert "nothing to do" in as_text(ready)


def test_a_place_that_moved_is_told_as_it_is_written(tmp_path: Path) -> None:
    found = difference(tmp_path, changed(("posttrain: rest", "posttrain: rest late block")))
    (only,) = found.changes
    assert (only.subject, only.name) == ("posttrain", "data")
    assert {(v.before, v.after) for v in only.variants} == {
        ("skill 9,600", "skill 9,600 late block"),
        ("skill 6,400", "skill 6,400 late block"),
    }
    assert found.budgets == ()


def test_replay_is_put_down_to_its_setting_and_counted_apart(tmp_path: Path) -> None:
    found = difference(
        tmp_path,
        changed(
            (
                "schedule = constant(peak = 5e-4)",
                "schedule = constant(peak = 5e-4)\n    replay = past(share = 20%)",
            )
        ),
    )
    assert [(each.subject, each.name) for each in found.changes] == [("posttrain", "replay")]
    assert {row.corpus for row in found.budgets if row.stage == "posttrain"} == {
        "web again",
        "skill again",
        "",
    }
