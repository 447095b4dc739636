"""What changes the keys of steps, and what doesn't."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from small_recipes import RECIPE, study_of
from specc.study import PlannedStep, Study

NAMES = {
    "small": "large",
    "early": "proportion",
    "tiny": "minute",
    "web": "internet",
    "skill": "ability",
    "pretrain": "first",
    "posttrain": "second",
    "fit": "how_well",
}


def keys(folder: Path, text: str) -> set[str]:
    return {step.key for step in study_of(folder, text).steps}


def by_operation(study: Study, operation: str) -> dict[str, PlannedStep]:
    return {step.key: step for step in study.steps if step.op == operation}


def test_the_same_text_gives_the_same_keys(tmp_path: Path) -> None:
    assert keys(tmp_path, RECIPE) == keys(tmp_path, RECIPE)


@pytest.mark.parametrize("name", NAMES)
def test_a_new_name_changes_no_key(name: str, tmp_path: Path) -> None:
    renamed = re.sub(rf"\b{name}\b", NAMES[name], RECIPE)
    assert renamed != RECIPE
    assert keys(tmp_path, renamed) == keys(tmp_path, RECIPE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("experiment small {", "# a comment\nexperiment small {\n  # another"),
        ("experiment small {", 'experiment small {\n  "A description."'),
        ("25_600 tokens", "25.6K tokens"),
        ("cosine(peak = 1e-3, warmup = 10%)", "cosine(warmup = 10%, peak = 0.001, floor = 0%)"),
        ("adamw(beta2 = 0.9)", "adamw(beta1 = 0.9, beta2 = 0.9)"),
        ("schedule = constant(peak = 5e-4)", "schedule = constant(peak = 5e-4)\n    clip = 1"),
        ("[25%, 50%]", "[50%, 25%]"),
        ("seeds 0..1", "seeds [1, 0]"),
        ("  eval fit", "  check tokens(pretrain) is equal across early\n  eval fit"),
    ],
)
def test_another_way_to_say_the_same_changes_no_key(old: str, new: str, tmp_path: Path) -> None:
    assert old in RECIPE
    assert keys(tmp_path, RECIPE.replace(old, new)) == keys(tmp_path, RECIPE)


def test_the_order_of_rows_and_corpora_changes_no_key(tmp_path: Path) -> None:
    lines = RECIPE.splitlines()
    web, skill = (
        next(n for n, line in enumerate(lines) if line.strip().startswith(w)) for w in ("web ", "skill ")
    )
    lines[web], lines[skill] = lines[skill], lines[web]
    assert keys(tmp_path, "\n".join(lines)) == keys(tmp_path, RECIPE)


def test_a_moved_file_with_its_data_changes_no_key(tmp_path: Path) -> None:
    data = tmp_path / "here" / "data"
    data.mkdir(parents=True)
    for number in range(40):
        (data / f"{number}.txt").write_text(f"document {number} " * 40)
    text = RECIPE.replace("markov(tokens = 40K tokens,", 'text("data/*.txt", max_epochs = 9,')
    before = keys(tmp_path / "here", text)
    (tmp_path / "there").mkdir()
    shutil.move(data, tmp_path / "there" / "data")
    assert keys(tmp_path / "there", text) == before
    (tmp_path / "there" / "data" / "0.txt").rename(tmp_path / "there" / "data" / "renamed.txt")
    assert keys(tmp_path / "there", text) == before
    (tmp_path / "there" / "data" / "1.txt").write_text("other content")
    assert keys(tmp_path / "there", text) != before


def changed(folder: Path, old: str, new: str) -> tuple[set[str], set[str]]:
    """Operations and stages (or corpora) of the steps that a change adds."""
    assert old in RECIPE
    before = keys(folder, RECIPE)
    added = [step for step in study_of(folder, RECIPE.replace(old, new)).steps if step.key not in before]
    return {step.op for step in added}, {part for step in added for part in step.label.split("/")[1:]}


def test_a_changed_rate_retrains_its_stage_and_what_follows(tmp_path: Path) -> None:
    operations, parts = changed(tmp_path, "constant(peak = 5e-4)", "constant(peak = 6e-4)")
    assert operations == {"train", "eval"}
    assert "posttrain" in parts
    assert "pretrain" not in parts

    operations, parts = changed(tmp_path, "cosine(peak = 1e-3", "cosine(peak = 2e-3")
    assert operations == {"train", "eval"}
    assert {"pretrain", "posttrain"} <= parts


def test_a_changed_evaluation_trains_nothing(tmp_path: Path) -> None:
    assert changed(tmp_path, "eval fit = loss(", "eval fit = perplexity(")[0] == {"eval"}
    assert changed(tmp_path, "after [pretrain, posttrain]", "after posttrain") == (set(), set())


def test_one_more_seed_adds_its_own_arms_alone(tmp_path: Path) -> None:
    operations, parts = changed(tmp_path, "seeds 0..1", "seeds 0..2")
    assert operations == {"init", "train", "eval"}
    assert {part for part in parts if part.startswith("seed=")} == {"seed=2"}


def test_one_more_value_of_an_axis_adds_its_own_arms_alone(tmp_path: Path) -> None:
    operations, parts = changed(tmp_path, "[25%, 50%]", "[25%, 50%, 75%]")
    assert operations == {"train", "eval"}
    assert {part for part in parts if part.startswith("early=")} == {"early=75%"}


def test_evaluating_in_between_keeps_what_was_trained(tmp_path: Path) -> None:
    text = RECIPE.replace("after [pretrain, posttrain]", "after [pretrain, posttrain] every 25%")
    assert keys(tmp_path, RECIPE) < keys(tmp_path, text)


def test_a_longer_budget_under_wsd_goes_on_from_the_shorter_ones_plateau(tmp_path: Path) -> None:
    text = RECIPE.replace("sweep early in [25%, 50%]", "sweep long in [25_600 tokens, 51_200 tokens]")
    text = text.replace("budget    = 25_600 tokens", "budget = long").replace(
        "pretrain: early, posttrain", "posttrain"
    )
    text = text.replace(
        "cosine(peak = 1e-3, warmup = 10%)", "wsd(peak = 1e-3, warmup = 20 steps, decay = 20%)"
    )
    steps = {
        (step.params["seed"], step.params["steps"]): step
        for step in by_operation(study_of(tmp_path, text), "train").values()
        if step.params["phases"][0]["shape"] == "linear"
    }
    # 200 and 400 steps; plateaus end at 160 and 320, and a state is kept at each end.
    assert set(steps) == {(seed, end) for seed in (0, 1) for end in (160, 200, 320, 400)}
    for seed in (0, 1):
        assert steps[seed, 320].inputs["resume"] == steps[seed, 160].key
        assert steps[seed, 320].tokens == 160 * 4 * 32


def test_arms_share_the_stages_that_they_have_in_common(tmp_path: Path) -> None:
    text = RECIPE.replace("pretrain: early, posttrain: rest", "pretrain: 50%, posttrain: rest")
    text = text.replace("[25%, 50%]", "[1e-3, 2e-3]").replace(
        "constant(peak = 5e-4)", "constant(peak = early)"
    )
    study = study_of(tmp_path, text)
    trained = [step.params["phases"][0]["shape"] for step in study.steps if step.op == "train"]
    assert len(study.arms) == 4
    assert (trained.count("linear"), trained.count("constant")) == (2, 4)  # by seed, and by arm


def test_steps_come_after_what_they_need(tmp_path: Path) -> None:
    seen: set[str] = set()
    for step in study_of(tmp_path, RECIPE.replace("posttrain]", "posttrain] every 5%")).steps:
        assert set(step.inputs.values()) <= seen
        seen.add(step.key)
