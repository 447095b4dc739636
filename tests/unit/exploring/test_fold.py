"""Which steps are drawn as one, and what is said of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from explored import RECIPE, changed, unknown_operations

from small_recipes import study_of
from specc.drawing.fold import Node, Picture, fold
from specc.errors import QueryError


def node(picture: Picture, title: str) -> Node:
    (found,) = (each for each in picture.nodes if each.title == title)
    return found


def test_arms_and_seeds_are_one_node(tmp_path: Path) -> None:
    picture = fold(study_of(tmp_path, RECIPE), ())
    assert {each.title for each in picture.nodes} == {
        "tiny", "web", "skill", "pretrain", "posttrain", "fit after pretrain", "fit after posttrain"
    }  # fmt: skip
    assert node(picture, "pretrain").size_text == "2 early x 2 seeds = 4 steps"
    assert node(picture, "tiny").size_text == "2 seeds"
    assert node(picture, "web").size_text == ""
    assert picture.folded == ("early", "seed")


def test_edges_lead_from_what_is_read_to_what_reads_it(tmp_path: Path) -> None:
    picture = fold(study_of(tmp_path, RECIPE), ())
    titles = [each.title for each in picture.nodes]
    edges = {(titles[edge.source], titles[edge.target], edge.kind): edge.steps for edge in picture.edges}
    assert edges["pretrain", "posttrain", "flow"] == 4
    assert edges["skill", "fit after posttrain", "data"] == 4
    assert ("web", "posttrain", "data") not in edges


def test_an_axis_that_is_unfolded_has_a_node_for_each_value(tmp_path: Path) -> None:
    picture = fold(study_of(tmp_path, RECIPE), (), ["early"])
    points = [each.point for each in picture.nodes if each.title == "pretrain"]
    assert points == [("early = 25%",), ("early = 50%",)]
    assert node(picture, "web").point == ()


def test_unfolding_all_gives_every_step_a_node(tmp_path: Path) -> None:
    study = study_of(tmp_path, RECIPE)
    picture = fold(study, (), ["all"])
    assert [each.keys for each in picture.nodes if len(each.keys) != 1] == []
    assert len(picture.nodes) == len(study.steps)


def test_what_is_done_is_counted_and_told_in_words(tmp_path: Path) -> None:
    study = study_of(tmp_path, RECIPE)
    done = {step.key for step in study.steps if step.op == "prepare" or "seed=0/pretrain" in step.label}
    picture = fold(study, done)
    assert (node(picture, "web").state, node(picture, "web").state_text) == ("done", "done")
    assert (node(picture, "pretrain").state, node(picture, "pretrain").state_text) == ("part", "2 of 4 done")
    assert (node(picture, "posttrain").state, node(picture, "posttrain").state_text) == ("todo", "4 to do")


def test_states_and_evaluations_in_a_stage_are_folded_over_positions(tmp_path: Path) -> None:
    text = changed(
        ("after [pretrain, posttrain]", "after pretrain every 25%"),
        ("fit after posttrain", "fit after pretrain"),
    )
    picture = fold(study_of(tmp_path, text), ())
    assert node(picture, "pretrain").size_text == "2 early x 2 seeds x 4 positions = 16 steps"
    assert not [edge for edge in picture.edges if edge.source == edge.target]
    opened = fold(study_of(tmp_path, text), (), ["position"])
    assert "pretrain@50 steps" in {each.title for each in opened.nodes}


def test_many_evaluations_of_a_stage_are_one_node_unless_unfolded(tmp_path: Path) -> None:
    evals = "".join(
        f"  eval e{n} = loss(take(skill.held_out, {n + 100} tokens)) after posttrain\n" for n in range(60)
    )
    text = changed(("  eval fit", evals + "  eval fit"))
    study = study_of(tmp_path, text)
    picture = fold(study, ())
    assert len(picture.nodes) < 10
    assert "eval" in picture.folded
    merged = node(picture, "after posttrain")
    assert len(merged.names) == 61
    assert len(fold(study, (), ["eval"]).nodes) > 60


def test_parameters_of_a_node_list_the_values_of_its_steps(tmp_path: Path) -> None:
    picture = fold(study_of(tmp_path, RECIPE), ())
    assert node(picture, "pretrain").parameters["schedule"] == ("cosine(peak = 0.001, warmup = 10%)",)
    assert node(picture, "pretrain").parameters["reads"] == (
        "web 22,400, skill 3,200",
        "web 19,200, skill 6,400",
    )
    assert node(picture, "tiny").parameters["seed"] == ("0", "1")


def test_a_name_that_is_no_axis_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(QueryError) as refused:
        fold(study_of(tmp_path, RECIPE), (), ["erly"])
    assert refused.value.help == "write `early`"


def test_operations_that_nobody_has_heard_of_are_drawn() -> None:
    picture = fold(unknown_operations(), ())
    assert node(picture, "blend").op == "transform"
    assert node(picture, "blend").size_text == "2 seeds"
    assert node(picture, "shuffled").op == "dataset"
    assert len(picture.nodes) == 6
