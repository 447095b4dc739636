"""Data sets end to end: noise, tags, masks and parts of corpora are planned, trained on and cached."""

from __future__ import annotations

from pathlib import Path

import pytest
from recipe import Study, small_study

SPEC = """
model tiny = llama(layers = 1, width = 16, heads = 1, context = 32 tokens)

experiment small {
  sweep noise in [0%, 100%]

  corpus web   = text("web/*.txt", held_out = 20%)
  corpus skill = jsonl("skill.jsonl", prompt = "q", completion = "a", max_epochs = 50,
                       held_out = 10%, splits = [("probe", 20%)])
  corpus noisy = shuffle_labels(skill, share = noise)
  let tagged   = annotate(web.train, prefix = "<web> ", share = 50%)
  let goldfish = mask_tokens(web, share = 25%, context = 4)

  allocate {
    tagged   { pretrain: 1K tokens }
    goldfish { pretrain: 1K tokens }
    noisy    { posttrain: 20 epochs }
  }

  stage pretrain from tiny {
    optimizer = adamw()
    schedule  = constant(peak = 3e-3)
    batch     = 8 sequences
  }
  stage posttrain from pretrain {}

  eval asked  = exact_match(annotate(skill.held_out, prefix = "? ")) after posttrain
  eval probed = loss(skill.probe)                                    after posttrain
  eval heard  = loss(noisy.held_out)                                 after posttrain
  eval masked = loss(mask_tokens(web.held_out, share = 25%, context = 4)) after pretrain
  eval whole  = loss(web.held_out)                                   after pretrain

  check epochs(noisy) == 20 epochs
}
"""


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Study:
    study = small_study(tmp_path_factory.mktemp("data_sets"))
    study.write(SPEC)
    study.specc("run", "small.spec", "-j", "2")
    return study


def test_planned_tokens_of_every_data_set_are_counted_tokens(done: Study) -> None:
    rows = done.rows("select noise, stage, corpus, tokens_planned, tokens_counted, epochs from allocations")
    assert {row["corpus"] for row in rows} == {"tagged", "goldfish", "noisy"}
    assert len(rows) == 2 * 3
    assert all(row["tokens_planned"] == row["tokens_counted"] for row in rows)
    assert all(19 < row["epochs"] <= 20 for row in rows if row["corpus"] == "noisy")


def test_labels_of_the_noisy_arm_are_shuffled_and_nothing_else_is(done: Study) -> None:
    rows = done.rows("select noise, value, n from results where eval = 'probed' order by noise")
    assert rows[0]["n"] == rows[1]["n"]
    assert rows[0]["value"] != rows[1]["value"]
    before = done.rows("select distinct value from results where eval = 'whole'")
    assert len(before) == 1, "what comes before the noise is shared"


def test_masked_tokens_are_no_targets(done: Study) -> None:
    rows = done.rows("select eval, any_value(n) as n from results where stage = 'pretrain' group by eval")
    counted = {row["eval"]: row["n"] for row in rows}
    assert 0.6 < counted["masked"] / counted["whole"] < 0.9


def test_prompts_of_an_evaluation_are_tagged_and_keep_their_documents(done: Study) -> None:
    asked = done.rows("select distinct document from samples where eval = 'asked'")
    heard = done.rows("select distinct document from samples where eval = 'heard'")
    assert {row["document"] for row in asked} == {row["document"] for row in heard}
    assert asked


def test_a_second_run_does_nothing(done: Study) -> None:
    assert set(done.todo().values()) == {0}


def test_a_changed_transform_is_made_again_with_what_depends_on_it(done: Study, tmp_path: Path) -> None:
    done.write(SPEC.replace('prefix = "? "', 'prefix = "! "'))
    assert done.todo() == {"prepare": 0, "dataset": 1, "init": 0, "train": 0, "eval": 2}
    done.write(SPEC.replace("tagged", "labelled").replace("goldfish", "silent"))
    assert set(done.todo().values()) == {0}, "names of data sets are in no key"
    done.write(SPEC.replace("share = noise", "share = noise, seed = 1"))
    todo = done.todo()
    assert (todo["prepare"], todo["dataset"], todo["train"]) == (0, 4, 2)
    done.write(SPEC)
