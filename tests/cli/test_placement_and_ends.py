"""Places, replay and an early end, from the recipe to SQL: what is planned is what is counted."""

from __future__ import annotations

import json

import pytest
from recipe import Study, small_study

RECIPE = """
model tiny = llama(layers = 1, width = 16, heads = 1, context = 32 tokens)

experiment small {
  sweep edge in [50%, 75%]

  corpus web   = text("web/*.txt", held_out = 20%)
  corpus skill = markov(tokens = 8K tokens, held_out = 10%)
  corpus drift = markov(tokens = 4K tokens, seed = 1, held_out = 30%)

  allocate {
    web   { pretrain: fill }
    skill { pretrain: 960 tokens within edge..100%, posttrain: 5_120 tokens }
    drift { posttrain: 0%..10% of stage, finetune: 5_120 tokens }
  }
  stage pretrain from tiny {
    budget    = 5_120 tokens
    optimizer = adamw()
    schedule  = constant(peak = 3e-3)
    batch     = 4 sequences
  }
  stage posttrain from pretrain { replay = past(share = 20%, decay = 50%) }
  stage finetune from posttrain {
    schedule = constant(peak = 1e-2)
    until    = early_stop(fit, every = 2 steps, patience = 2, min_delta = 1)
  }
  eval fit = loss(drift.held_out) after [posttrain, finetune]
}
"""


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Study:
    study = small_study(tmp_path_factory.mktemp("study"))
    study.write(RECIPE)
    study.specc("run", "small.spec", "-j", "2")
    return study


def test_every_token_is_counted_where_it_was_planned(done: Study) -> None:
    rows = done.rows(
        "select edge, stage, corpus, replay_of, tokens_planned, tokens_counted from allocations "
        "where stage <> 'finetune'"
    )
    assert len(rows) == 2 * (2 + 2 + 2)
    assert all(row["tokens_planned"] == row["tokens_counted"] for row in rows)
    again = {row["corpus"]: row["tokens_counted"] for row in rows if row["replay_of"] and row["edge"] == 0.5}
    assert set(again) == {"web", "skill"}
    (posttrain,) = done.rows("select tokens from stages where stage = 'posttrain' and edge = 0.5")
    assert sum(again.values()) == pytest.approx(0.2 * posttrain["tokens"], abs=64)


def test_arms_share_what_lies_before_their_places_differ(done: Study) -> None:
    rows = done.rows(
        "select p.label as earlier, c.label as later from lineage l join steps p on p.step = l.parent "
        "join steps c on c.step = l.child where l.role = 'resume' order by all"
    )
    assert [(row["earlier"].split("/")[-1], row["later"].split("/")[-1]) for row in rows] == [
        ("pretrain@20 steps", "pretrain"),
        ("pretrain@20 steps", "pretrain@30 steps"),
        ("pretrain@30 steps", "pretrain"),
    ]


def test_the_tables_say_where_and_why_a_stage_ended(done: Study) -> None:
    rows = done.rows(
        "select s.steps, s.stopped_at, s.stop_reason, s.best_at, s.best_value, r.value, a.tokens_counted "
        "from stages s join results r using (arm, stage) join allocations a using (arm, stage)"
        " where s.stage = 'finetune'"
    )
    assert len(rows) == 2
    for row in rows:
        assert row["steps"] == 40
        # An improvement of a whole nat never comes again.
        assert (row["stopped_at"], row["best_at"]) == (6, 2)
        assert row["stop_reason"] == "2 results in a row were no improvement"
        assert row["tokens_counted"] == 6 * 4 * 32
        # The stage ends with its best weights: the evaluation after it finds the same.
        assert row["value"] == row["best_value"]
    others = done.rows("select stopped_at, best_at from stages where stage <> 'finetune'")
    assert {(row["stopped_at"], row["best_at"]) for row in others} == {(None, None)}


def test_the_results_on_the_way_are_metrics(done: Study) -> None:
    rows = done.rows(
        "select steps, tokens, value from metrics where name = 'until' and arm = 0 order by steps"
    )
    assert [row["steps"] for row in rows] == [2, 4, 6]
    assert [row["tokens"] for row in rows] == [256, 512, 768]
    assert all(row["value"] > 0 for row in rows)


def test_the_plan_tells_places_replay_and_the_early_end(done: Study) -> None:
    plan = done.specc("plan", "small.spec").stdout
    assert "skill in pretrain: within 75%..100%" in plan
    assert "drift in posttrain: 0%..10% of stage" in plan
    assert "web again" in plan
    assert "finetune: at most 40 steps; ends where fit, every 2 steps, is no better 2 times in a row" in plan
    (found,) = json.loads(done.specc("plan", "small.spec", "--json").stdout)
    assert {cell["place"] for cell in found["study"]["cells"]} >= {"within 50%..100%", "0%..10% of stage"}
    assert all(row["done"] for row in done.rows("select done from stages"))


def test_a_second_run_has_nothing_to_do(done: Study) -> None:
    assert "nothing to do" in done.specc("plan", "small.spec").stdout
