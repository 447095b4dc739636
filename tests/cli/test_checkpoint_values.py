"""Merged, rounded, chosen and kept checkpoints, from the recipe to SQL."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from recipe import Study, small_study

SPEC = """
model tiny = llama(layers = 1, width = 16, heads = 1, context = 32 tokens)

experiment small {
  sweep lr in [1e-3, 1e-2]
  seeds 0..1

  corpus web   = text("web/*.txt", held_out = 20%)
  corpus skill = jsonl("skill.jsonl", prompt = "q", completion = "a", max_epochs = 10)

  allocate {
    web   { pretrain: 5_120 tokens, finetune: 2_560 tokens }
    skill { posttrain: 2_560 tokens }
  }

  stage pretrain from tiny {
    optimizer = adamw()
    schedule  = constant(peak = 3e-3)
    batch     = 8 sequences
  }
  stage posttrain from pretrain {
    schedule = constant(peak = lr)
  }
  let chosen = best(posttrain, by = skill_loss, over = lr)
  stage finetune from chosen {
    schedule        = constant(peak = 1e-3)
    optimizer_state = "kept"
  }
  let rounded = quantize(finetune, bits = 3)

  eval web_loss   = loss(web.held_out) after [pretrain, finetune, rounded, mean(pretrain, finetune)]
  eval skill_loss = loss(skill.train)  after [posttrain, chosen, rounded]

  expect mean(web_loss after quantize(finetune, bits = 3)) < 100
  expect mean(web_loss after lerp(pretrain, finetune, 50%)) < 100
}
"""


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """The study, run once."""
    study = small_study(tmp_path_factory.mktemp("study"))
    study.write(SPEC)
    study.specc("run", "small.spec", "-j", "2")
    return study


def test_what_was_done_is_not_done_again(done: Study) -> None:
    assert set(done.todo().values()) == {0}
    assert "nothing to do" in done.specc("plan", "small.spec").stdout


def test_expectations_find_a_checkpoint_by_any_expression_for_it(done: Study) -> None:
    rows = done.rows("select outcome, left_value from expectations order by number")
    assert [row["outcome"] for row in rows] == ["met", "met"]


def test_results_name_the_checkpoint_and_stand_once_after_the_choice(done: Study) -> None:
    rows = done.rows("select stage, eval, lr, count(*) as n from results group by all")
    found = {(row["stage"], row["eval"], row["lr"]): row["n"] for row in rows}
    assert found == {
        ("pretrain", "web_loss", 0.001): 2,
        ("pretrain", "web_loss", 0.01): 2,
        ("pretrain", "web_loss", None): 2,
        ("posttrain", "skill_loss", 0.001): 2,
        ("posttrain", "skill_loss", 0.01): 2,
        ("chosen", "skill_loss", None): 2,
        ("finetune", "web_loss", None): 2,
        ("rounded", "web_loss", None): 2,
        ("rounded", "skill_loss", None): 2,
        ("mean(pretrain, finetune)", "web_loss", None): 2,
    }


def test_the_chosen_one_is_the_best(done: Study) -> None:
    chosen = {row["seed"]: row["value"] for row in done.rows("from results where stage = 'chosen'")}
    best = done.rows("select seed, min(value) as best from results where stage = 'posttrain' group by seed")
    assert chosen == {row["seed"]: row["best"] for row in best}
    steps = done.rows("select outputs from steps where op = 'select'")
    outputs = [
        row["outputs"] if isinstance(row["outputs"], dict) else json.loads(row["outputs"]) for row in steps
    ]
    assert {len(each["results"]) for each in outputs} == {2}
    assert {min(each["results"].values()) for each in outputs} == set(chosen.values())


def test_what_rounding_forgets_is_in_the_view(done: Study) -> None:
    rows = done.rows("select * from forgetting where after = 'finetune' and stage = 'rounded'")
    assert {row["eval"] for row in rows} == {"web_loss"}
    assert len(rows) == 2
    assert all(row["change"] == pytest.approx(row["value"] - row["value_after"]) for row in rows)
    outputs = done.rows("select outputs ->> '$.relative_change' as moved from steps where op = 'transform'")
    assert all(float(row["moved"]) > 0.01 for row in outputs)


def test_the_plan_agrees_with_the_steps(done: Study) -> None:
    (plan,) = json.loads(done.specc("plan", "small.spec", "--json").stdout)
    counts = {count["op"]: count["distinct"] for count in plan["counts"]}
    # Of each seed: a choice, a sum, a rounded checkpoint.
    assert (counts["select"], counts["combine"], counts["transform"]) == (2, 2, 2)


def test_a_changed_transform_leaves_the_training_alone(done: Study, tmp_path: Path) -> None:
    changed = SPEC.replace("bits = 3", "bits = 4")
    before = done.spec.read_text()
    try:
        done.write(changed)
        todo = done.todo()
    finally:
        done.write(before)
    assert {op: count for op, count in todo.items() if count} == {"transform": 2, "eval": 4}


@pytest.mark.conformance
def test_a_candidate_that_diverged_never_wins(tmp_path: Path) -> None:
    study = small_study(tmp_path)
    study.write(
        SPEC.replace("[1e-3, 1e-2]", "[1e-3, 9e18]")
        .replace("optimizer = adamw()", "optimizer = sgd()\n    clip = 0")
        .replace("constant(peak = 3e-3)", "constant(peak = 1e-2)")
    )
    told = study.specc("run", "small.spec", "-j", "2", code=4)
    assert "diverged" in told.stderr
    values = study.rows("select stage, lr, value from results where seed = 0")
    assert [row["value"] for row in values if row["lr"] == 9e18 and row["stage"] == "posttrain"] == [None]
    assert all(row["value"] is not None for row in values if row["lr"] is None)
    (label,) = {
        row["l"] for row in study.rows("select outputs ->> '$.label' as l from steps where op = 'select'")
    }
    assert label == "lr = 0.001"
    assert study.rows("select state, count(*) as n from steps where op = 'select' group by state") == [
        {"state": "done", "n": 2}
    ]
