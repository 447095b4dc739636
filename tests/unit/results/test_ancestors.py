"""From whose end each checkpoint of an arm descends, along the steps."""

from __future__ import annotations

from specc.results.plans import ancestors
from specc.study import Measure, PlannedStep, StageRun, Study


def step(key: str, op: str = "train", **inputs: str) -> PlannedStep:
    return PlannedStep(key=key, op=op, inputs=inputs, params={}, execution={}, label=key)


def stage(arm: int, name: str, checkpoint: str, parent: str = "") -> StageRun:
    return StageRun(
        arm=arm,
        stage=name,
        parent=parent,
        steps=1,
        tokens=1,
        flops=1.0,
        segments=(checkpoint,),
        ends=(1,),
        checkpoint=checkpoint,
    )


def measure(arm: int, name: str, key: str) -> Measure:
    return Measure(arm=arm, eval="fit", metric="loss", stage=name, position=1.0, steps=0, tokens=0, key=key)


def test_a_sum_descends_from_its_parts_and_what_comes_from_it_descends_from_it() -> None:
    steps = (
        step("init", "init"),
        step("a", parent="init"),
        step("b", parent="a"),
        step("soup", "combine", checkpoint0="a", checkpoint1="b"),
        step("q", "transform", checkpoint="soup"),
        step("c", parent="soup"),
        step("e1", "eval", checkpoint="soup", corpus0="data"),
        step("e2", "eval", checkpoint="q", corpus0="data"),
    )
    study = Study(
        experiment="x",
        stages=(stage(0, "a", "a"), stage(0, "b", "b"), stage(0, "c", "c")),
        measures=(measure(0, "soup", "e1"), measure(0, "rounded", "e2")),
        steps=steps,
    )
    found = {(name, before) for _, name, before in ancestors(study)}
    assert found == {
        ("b", "a"),
        ("c", "a"),
        ("c", "b"),
        ("c", "soup"),
        ("soup", "a"),
        ("soup", "b"),
        ("rounded", "a"),
        ("rounded", "b"),
        ("rounded", "soup"),
    }


def test_a_choice_descends_from_what_its_candidates_share_and_not_from_one_of_them() -> None:
    steps = (
        step("init", "init"),
        step("pre", parent="init"),
        step("post1", parent="pre"),
        step("post2", parent="pre"),
        step("r1", "eval", checkpoint="post1", corpus0="data"),
        step("r2", "eval", checkpoint="post2", corpus0="data"),
        step("best", "select", candidate0="post1", result0="r1", candidate1="post2", result1="r2"),
        step("fine", parent="best"),
        step("e", "eval", checkpoint="best", corpus0="data"),
    )
    study = Study(
        experiment="x",
        stages=(
            stage(0, "pretrain", "pre"),
            stage(0, "posttrain", "post1"),
            stage(0, "finetune", "fine"),
            stage(1, "pretrain", "pre"),
            stage(1, "finetune", "fine"),
        ),
        measures=(measure(1, "chosen", "e"),),
        steps=steps,
    )
    assert {row for row in ancestors(study) if row[0] == 0} == {
        (0, "posttrain", "pretrain"),
        (0, "finetune", "pretrain"),
    }
    assert {row for row in ancestors(study) if row[0] == 1} == {
        (1, "finetune", "pretrain"),
        (1, "finetune", "chosen"),
        (1, "chosen", "pretrain"),
    }


def test_a_sum_that_is_one_stage_descends_from_it_and_not_the_other_way_round() -> None:
    """`lerp(a, b, 0%)` is the checkpoint of `a`, with a name of its own."""
    steps = (step("init", "init"), step("a", parent="init"), step("e", "eval", checkpoint="a", corpus0="d"))
    study = Study(
        experiment="x", stages=(stage(0, "a", "a"),), measures=(measure(0, "soup", "e"),), steps=steps
    )
    assert ancestors(study) == [(0, "soup", "a")]
