"""What `specc why` finds out about a step."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from explored import RECIPE, changed, unknown_operations

from small_recipes import study_of
from specc.errors import QueryError
from specc.store import Store
from specc.study import PlannedStep, Study
from specc.why.answer import answer
from specc.why.find import find, guess, the_one
from specc.why.needs import comparisons_of, expectations_of
from specc.why.show import as_text


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return study_of(tmp_path, RECIPE)


def key_of(study: Study, name: str) -> str:
    return the_one(find(study, name), name)


def test_a_step_is_found_by_key_beginning_label_and_end_of_a_label(study: Study) -> None:
    label = "small/early=50%/seed=1/posttrain"
    key = next(step.key for step in study.steps if step.label == label)
    for name in (key, key[:12], label, "early=50%/seed=1/posttrain"):
        assert key_of(study, name) == key


def test_a_shared_step_is_found_by_the_name_that_it_has_in_any_arm(tmp_path: Path) -> None:
    text = changed(("seeds 0..1", "sweep rate in [5e-4, 1e-4]\n  seeds 0..1"), ("peak = 5e-4", "peak = rate"))
    study = study_of(tmp_path, text)
    first = key_of(study, "early=25%/rate=0.0005/seed=0/pretrain")
    assert key_of(study, "early=25%/rate=0.0001/seed=0/pretrain") == first
    assert answer(study, first, Store(tmp_path)).points == "early = 25%; seed = 0"


def test_a_name_that_fits_several_is_refused_with_a_list(study: Study) -> None:
    with pytest.raises(QueryError, match="`posttrain` fits 4 steps") as refused:
        the_one(find(study, "posttrain"), "posttrain")
    assert "small/early=25%/seed=0/posttrain" in (refused.value.help or "")


def test_a_misspelt_name_is_guessed_part_by_part(study: Study) -> None:
    assert find(study, "early=50%/seed=1/postrain") == {}
    assert guess(study, "early=50%/seed=1/postrain") == "early=50%/seed=1/posttrain"
    assert guess(study, "something else") is None


def test_what_a_step_is_for_reaches_to_evaluations_and_expectations(study: Study, tmp_path: Path) -> None:
    early = answer(study, key_of(study, "early=50%/seed=1/pretrain"), Store(tmp_path))
    assert (early.arms, early.arms_total, early.points) == (1, 4, "early = 50%, seed = 1")
    assert early.users == {"posttrain": 1, "fit after pretrain": 1}
    assert early.evaluations == {"fit after pretrain": 1, "fit after posttrain": 1}
    assert early.expectations == ("mean(fit after posttrain given early = 50%) < 10",)
    other = answer(study, key_of(study, "early=25%/seed=1/pretrain"), Store(tmp_path))
    assert other.expectations == ()


def test_only_expectations_whose_terms_find_the_result_need_it(study: Study) -> None:
    measures = [m for m in study.measures if m.stage == "pretrain"]
    assert expectations_of(study, measures) == []
    assert expectations_of(study, []) == []
    assert len(expectations_of(study, list(study.measures))) == 1


def test_comparisons_are_read_by_the_names_in_their_queries(tmp_path: Path) -> None:
    compares = (
        "  compare fits = ```sql\n select avg(value) as v from results where eval = 'fit' ```\n"
        "  compare others = ```sql\n select avg(value) as v from results where eval = 'other' ```\n"
        "  compare all_of_them = ```sql\n select avg(value) as v from results ```\n"
        "  eval other = loss(web.held_out) after pretrain\n"
    )
    study = study_of(tmp_path, changed(("  expect", compares + "  expect")))
    assert comparisons_of(study, {"fit"}) == ["fits", "all_of_them"]
    assert comparisons_of(study, set()) == []


def test_what_a_step_comes_from_goes_down_to_its_roots(study: Study, tmp_path: Path) -> None:
    found = answer(study, key_of(study, "early=50%/seed=1/posttrain"), Store(tmp_path))
    assert [(link.role, link.of, link.op) for link in found.chain] == [
        ("", "", "train"),
        ("parent", "posttrain", "train"),
        ("corpus skill", "posttrain", "prepare"),
        ("parent", "pretrain", "init"),
        ("corpus web", "pretrain", "prepare"),
    ]
    assert found.chain[0].parameters["schedule"] == "constant(peak = 0.0005)"
    assert found.waits == ("small/early=50%/seed=1/pretrain", "small/skill")
    assert "to do" in as_text(found)


def test_going_on_from_an_earlier_state_is_no_need_of_it(tmp_path: Path) -> None:
    text = changed(("after [pretrain, posttrain]", "after pretrain every 50%"),
                   ("expect mean(fit after posttrain", "expect mean(fit after pretrain"))  # fmt: skip
    study = study_of(tmp_path, text)
    half = answer(study, key_of(study, "early=25%/seed=0/pretrain@100 steps"), Store(tmp_path))
    assert half.users == {"fit after pretrain@100 steps": 1}
    last = answer(study, key_of(study, "early=25%/seed=0/pretrain"), Store(tmp_path))
    assert last.resumes == "small/early=25%/seed=0/pretrain@100 steps"
    assert half.chain[0].parameters["tokens"] == "12,800"


def test_steps_of_unknown_operations_are_explained(tmp_path: Path) -> None:
    study = unknown_operations()
    found = answer(study, key_of(study, "seed=1/blend"), Store(tmp_path))
    assert found.users == {"end": 1}
    assert found.evaluations == {"recall after end": 1}
    assert found.chain[0].parameters == {"component": "lerp", "component.by": "50%"}
    assert [link.op for link in found.chain] == ["transform", "train", "prepare"]


@pytest.mark.conformance
def test_a_long_chain_is_answered_without_recursion(tmp_path: Path) -> None:
    steps = tuple(
        PlannedStep(
            key=f"{n:064x}",
            op="transform",
            inputs={"from": f"{n - 1:064x}"} if n else {},
            params={"n": n},
            execution={},
            label=f"chain/{n}",
        )
        for n in range(100_000)
    )
    study = Study(experiment="chain", steps=steps)
    started = time.process_time()
    found = answer(study, key_of(study, "chain/99999"), Store(tmp_path))
    assert len(found.chain) == 100_000
    text = as_text(found)
    assert time.process_time() - started < 20
    assert "99,984 more, down to chain/0" in text
    assert len(text.splitlines()) < 60
