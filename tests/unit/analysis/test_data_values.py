"""Data sets in a recipe: what they mean, what they are counted to, and what steps make them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from small_recipes import codes_of, compiled, points_of, study_of
from specc.analysis.data_calls import DEEPEST, MOST_PARTS
from specc.diagnostics import render
from specc.study import PlannedStep, Study

RECIPE = """\
model tiny = llama(layers = 1, width = 16, heads = 2, context = 32 tokens)
corpus web   = markov(tokens = 40K tokens, held_out = 10%)
corpus skill = facts(count = 200, held_out = 10%, max_epochs = 20)

experiment small {
{items}
  allocate {
    web { pretrain: 10_240 tokens }
{rows}
  }
  stage pretrain from tiny {
    optimizer = adamw()
    schedule  = constant(peak = 1e-3)
    batch     = 4 sequences
  }
  stage posttrain from pretrain {}
{evals}
}
"""


def recipe(items: str = "", rows: str = "skill { posttrain: 512 tokens }", evals: str = "") -> str:
    return RECIPE.replace("{items}", items).replace("{rows}", rows).replace("{evals}", evals)


def data_steps(study: Study) -> list[PlannedStep]:
    return [step for step in study.steps if step.op == "dataset"]


def params_of(study: Study) -> list[dict[str, Any]]:
    return [step.params["component"] | {"data": step.params["data"]} for step in data_steps(study)]


def keys(study: Study) -> set[str]:
    return {step.key for step in study.steps}


# ---- what names mean


def test_a_corpus_as_a_whole_means_its_training_part_in_a_row(tmp_path: Path) -> None:
    whole = study_of(tmp_path, recipe("corpus n = shuffle_labels(skill)", "n { posttrain: 512 tokens }"))
    part = study_of(tmp_path, recipe("let n = shuffle_labels(skill.train)", "n { posttrain: 512 tokens }"))
    assert keys(whole) == keys(part)
    (step,) = params_of(whole)
    assert (step["name"], [data["split"] for data in step["data"]]) == ("shuffle_labels", ["train"])


def test_a_part_of_what_is_made_is_made_of_the_part(tmp_path: Path) -> None:
    items = "corpus n = shuffle_labels(corrupt(skill, share = 5%))"
    study = study_of(tmp_path, recipe(items, evals="eval fit = loss(n.held_out) after posttrain"))
    assert [[data["split"] for data in step["data"]] for step in params_of(study)] == [["held_out"], ["data"]]


def test_the_train_step_reads_the_split_of_the_data_set(tmp_path: Path) -> None:
    rows = "n { posttrain: 256 tokens }\n skill { posttrain: 256 tokens }"
    study = study_of(tmp_path, recipe("let n = corrupt(skill.train, share = 5%)", rows))
    (run,) = [run for run in study.stages if run.stage == "posttrain"]
    (step,) = [step for step in study.steps if step.key == run.segments[-1]]
    made = {data_steps(study)[0].key: "data"}
    found = {step.inputs[source["corpus"]]: source["split"] for source in step.params["sources"]}
    assert found == made | {key: "train" for key in found if key not in made}
    assert sorted(found.values()) == ["data", "train"]
    assert {cell.corpus for cell in study.cells} == {"web", "n", "skill"}


def test_a_part_that_is_cut_by_take_needs_no_step_to_be_measured(tmp_path: Path) -> None:
    evals = "eval fit = loss(take(take(web.held_out, 2K tokens), 1K tokens)) after posttrain"
    study = study_of(tmp_path, recipe(evals=evals))
    assert not data_steps(study)
    (step,) = [step for step in study.steps if step.op == "eval"]
    assert step.params["data"] == {"corpus": "corpus0", "split": "held_out", "tokens": 1000}


def test_a_part_that_is_cut_by_take_is_a_step_in_a_row(tmp_path: Path) -> None:
    study = study_of(tmp_path, recipe("let few = take(skill, 100 tokens)", "few { posttrain: 2 epochs }"))
    (step,) = params_of(study)
    assert (step["name"], step["args"]) == ("take", {"tokens": 100})
    (cell,) = [cell for cell in study.cells if cell.corpus == "few"]
    assert cell.nominal == 200


def test_equal_data_sets_are_one_step_whatever_they_are_called(tmp_path: Path) -> None:
    evals = "\n".join(
        f"eval {name} = loss({written}) after posttrain"
        for name, written in {
            "a": "one.held_out",
            "b": "corrupt(web.held_out, share = 5%)",
            "c": "two",
            "d": "corrupt(share = 5%, data = web.held_out, seed = 0)",
        }.items()
    )
    items = "corpus one = corrupt(web, share = 5%)\n"
    items += "let two = corrupt(web.held_out, share = 1%) with (share = 5%)"
    study = study_of(tmp_path, recipe(items, evals=evals))
    assert len(data_steps(study)) == 1
    assert len([step for step in study.steps if step.op == "eval"]) == 1


def test_data_sets_are_swept(tmp_path: Path) -> None:
    items = "corpus noisy = shuffle_labels(skill)\n sweep which in [skill, noisy]"
    study = study_of(tmp_path, recipe(items, "which { posttrain: 512 tokens }"))
    assert [arm.axes["which"] for arm in study.arms] == ["skill", "noisy"]
    assert len(data_steps(study)) == 1
    assert {cell.corpus for cell in study.cells} == {"web", "which"}


def test_a_corpus_that_depends_on_an_axis_is_measured_as_it_is_in_each_arm(tmp_path: Path) -> None:
    items = "sweep kept in [10%, 20%]\n corpus other = markov(tokens = 20K tokens, seed = 3, held_out = kept)"
    study = study_of(tmp_path, recipe(items, evals="eval fit = loss(other.held_out) after pretrain"))
    assert len({step.inputs["corpus0"] for step in study.steps if step.op == "eval"}) == 2


def test_what_a_used_file_makes_is_made_of_its_corpora(tmp_path: Path) -> None:
    (tmp_path / "lib.spec").write_text(
        "corpus skill = facts(count = 100, draw = 1, held_out = 10%)\nlet noisy = shuffle_labels(skill)\n"
        "corpus noise(of, much = 10%) = shuffle_labels(of, share = much)\n"
    )
    text = 'use "lib.spec" { noisy as n, noise }\n' + recipe(
        "corpus own = noise(of = skill)", "n { posttrain: 2 epochs }\n own { posttrain: 100 tokens }"
    )
    study = study_of(tmp_path, text)
    prepared = {step.key: step.params["reader"]["args"] for step in study.steps if step.op == "prepare"}
    counts = {
        step.params["component"]["args"].get("share"): prepared[step.inputs["corpus0"]]
        for step in data_steps(study)
    }
    assert counts == {None: {"count": 100, "draw": 1}, "1/10": {"count": 200}}


# ---- counts


@pytest.mark.parametrize(
    "written",
    [
        "corrupt(web, share = 5%)",
        "mask_tokens(take(web, 3K tokens), share = 5%)",
        'concat(web, take(web, 1K tokens), permute_units(skill, unit = "words"))',
        'annotate(shuffle_labels(skill), prefix = "<tag>", share = 30%)',
        'where(annotate(web, prefix = "abc"), share = 20%, part = 2)',
        'take(where(web, contains = "a"), 1K tokens)',
    ],
)
def test_a_pass_over_a_data_set_is_what_its_documents_hold(written: str, tmp_path: Path) -> None:
    from specc.analysis.datasets import _described
    from specc.corpora.datasets import documents_of
    from specc.corpora.tokens import ByteTokens

    rows = "data { posttrain: 1 epochs }"
    (point,) = points_of(tmp_path, recipe(f"let data = {written}", rows))
    (reading,) = point.stages["posttrain"].readings
    blocks = list(documents_of(_described(reading.corpus), ByteTokens()))
    assert reading.nominal == sum(len(block.tokens) for block in blocks) > 0
    assert reading.corpus.facts.train.documents == sum(block.documents for block in blocks)


def test_rows_of_the_same_documents_have_streams_of_their_own(tmp_path: Path) -> None:
    items = "let noisy = shuffle_labels(skill)"
    rows = "skill { pretrain: 256 tokens, posttrain: 256 tokens }\n noisy { posttrain: 256 tokens }"
    (point,) = points_of(tmp_path, recipe(items, rows))
    starts = {reading.corpus.name: reading.start for reading in point.stages["posttrain"].readings}
    assert starts == {"skill": 256, "noisy": 0}


def test_a_data_set_may_be_read_as_often_as_its_strictest_corpus(tmp_path: Path) -> None:
    items = "let both = concat(web, skill)"
    assert not codes_of(tmp_path, recipe(items, "both { posttrain: 100_096 tokens }"))
    assert codes_of(tmp_path, recipe(items, "both { posttrain: 200_064 tokens }")) == ["E0406"]


# ---- limits


def test_transforms_nest_to_a_limit(tmp_path: Path) -> None:
    def chain(length: int) -> str:
        lets = [f"let d{n} = corrupt({f'd{n - 1}' if n else 'skill'}, share = 1%)" for n in range(length)]
        return recipe("\n".join(lets), f"d{length - 1} {{ posttrain: 512 tokens }}")

    assert len(data_steps(study_of(tmp_path, chain(DEEPEST)))) == DEEPEST
    assert set(codes_of(tmp_path, chain(DEEPEST + 1))) == {"E0505"}
    assert set(codes_of(tmp_path, chain(3000))) == {"E0505"}


def test_a_data_set_that_doubles_is_refused_before_it_is_read(tmp_path: Path) -> None:
    lets = ["let d0 = concat(skill, skill)"] + [
        f"let d{n} = concat(d{n - 1}, d{n - 1})" for n in range(1, 60)
    ]
    report = compiled(tmp_path, recipe("\n".join(lets))).report
    assert [d.code for d in report.diagnostics] == ["E0505"]
    assert f"at most {MOST_PARTS:,}" in render(report)


# ---- keys


def test_a_corpus_without_further_splits_has_the_key_it_had(tmp_path: Path) -> None:
    plain = study_of(tmp_path, recipe())
    (before, after) = (
        {
            step.key
            for step in study.steps
            if step.op == "prepare" and "count" in step.params["reader"]["args"]
        }
        for study in (plain, study_of(tmp_path, recipe().replace("max_epochs", "splits = [], max_epochs")))
    )
    assert before == after
    split = study_of(tmp_path, recipe().replace("max_epochs", 'splits = [("dev", 5%)], max_epochs'))
    assert not before & keys(split)


def test_a_transform_that_is_not_used_makes_nothing(tmp_path: Path) -> None:
    assert keys(study_of(tmp_path, recipe("let n = corrupt(web, share = 5%)"))) == keys(
        study_of(tmp_path, recipe())
    )
