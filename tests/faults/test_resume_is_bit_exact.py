"""A training that is killed anywhere goes on to the same bits: each step, each operation on a file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from forked import FORKS, Operations, forked, places
from specc import faults
from specc.errors import SpeccError
from specc.faults import Fault, FaultKind
from specc.steps import Step
from specc.store import Store
from training import ALL, AXES, STEPS, Bench, Case, covering, do_all, left_over, outcome

pytestmark = pytest.mark.skipif(not FORKS, reason="autograd can't be forked where there is a GPU")

SHORT = 4
"""Training steps of the step whose every file operation fails: so many that a checkpoint is dropped."""

PARTS = 4
"""Tests over which the operations are dealt out, for machines that run several at once."""

HARD = Case(epoch=1, parts=3, dropout=0.1, cut="segment", optimizer="sam", engine="plain")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("bench"))


def undisturbed(bench: Bench, steps: Sequence[Step]) -> dict[str, Any]:
    store = bench.workspace()
    end = forked(lambda: do_all(store, steps))
    assert (end.status, end.error) == (0, "")
    found = outcome(store, steps)
    assert left_over(store) == []
    return found


def check_kills(bench: Bench, case: Case, places: Sequence[int]) -> None:
    """Kill a training before each of these training steps, one after the other, and let it end."""
    steps = bench.steps(case)
    expected = undisturbed(bench, steps)
    store = bench.workspace()
    for step in steps:
        first = STEPS // 2 if "resume" in step.inputs else 0
        inside = [place for place in places if first < place <= step.params["steps"]]
        for place in inside:
            fault = Fault("kill", step=place, rank=place % case.world)
            end = forked(lambda: do_all(store, [step]), fault)  # noqa: B023
            assert end.killed if fault.rank == 0 else end.error == "WorkerLost", case
        end = forked(lambda: do_all(store, [step]))  # noqa: B023
        assert (end.status, end.error) == (0, ""), case
        # The first kill comes before there is a checkpoint, if it comes before the first step.
        lost = sum(1 for place in inside if place == first + 1)
        assert store.manifest(step.key).provenance.resumed == len(inside) - lost
    assert outcome(store, steps) == expected, case
    assert left_over(store) == []


def test_F02_a_training_killed_on_the_way_ends_in_the_same_bits(bench: Bench) -> None:
    check_kills(bench, HARD, (1, 4, 7, 12))


@pytest.mark.conformance
def test_F02_a_training_killed_before_every_step_ends_in_the_same_bits(bench: Bench) -> None:
    check_kills(bench, HARD, range(1, STEPS + 1))


@pytest.mark.conformance
@pytest.mark.parametrize("case", covering(ALL, 2), ids=str)
def test_F02_every_kind_of_training_killed_before_every_step_ends_in_the_same_bits(
    bench: Bench, case: Case
) -> None:
    check_kills(bench, case, range(1, STEPS + 1))


ON_THE_WAY = {"": (8,), "segment": (3, 8), "stage": (3,)}
"""By where a training is cut: before which steps it is killed, so that each part of it is once."""


@pytest.mark.conformance
@pytest.mark.parametrize("part", range(PARTS))
def test_F02_kinds_in_which_any_three_properties_meet_end_in_the_same_bits(bench: Bench, part: int) -> None:
    for case in covering(ALL, 3)[part::PARTS]:
        check_kills(bench, case, ON_THE_WAY[case.cut])


@pytest.mark.conformance
@pytest.mark.parametrize("cut", AXES["cut"])
def test_F02_a_lane_killed_on_the_way_ends_in_the_same_bits(bench: Bench, cut: Any) -> None:
    check_kills(bench, Case(epoch=1, dropout=0.1, cut=cut, engine="stacked"), ON_THE_WAY[cut])


def check_log(bench: Bench, case: Case) -> None:
    """Kill a training that has logged steps behind its last checkpoint: they are done and logged again."""
    steps = bench.steps(case)
    expected = undisturbed(bench, steps)
    store = bench.workspace()
    for step in steps:
        end = step.params["steps"]
        rarely = step.model_copy(update={"execution": step.execution | {"checkpoint_seconds": 1e9}})
        for attempt, place in (step, end - 4), (rarely, end):
            fault = Fault("kill", step=place, rank=0)
            assert forked(lambda: do_all(store, [attempt]), fault).killed, case  # noqa: B023
        logged = (store.work(step.key) / "metrics.jsonl").read_text().splitlines()
        assert json.loads(logged[-1])["step"] > end - 5, case  # what is checked here would else be nothing
        assert forked(lambda: do_all(store, [rarely])).status == 0, case  # noqa: B023
        assert store.manifest(step.key).provenance.resumed == 1
    assert outcome(store, steps) == expected, case


def test_F02_what_was_logged_behind_the_last_checkpoint_is_cut_off(bench: Bench) -> None:
    check_log(bench, HARD)


@pytest.mark.conformance
@pytest.mark.parametrize("case", [*covering(ALL, 1), Case(cut="stage", engine="stacked")], ids=str)
def test_F02_what_any_kind_of_training_logged_behind_its_last_checkpoint_is_cut_off(
    bench: Bench, case: Case
) -> None:
    check_log(bench, case)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(24))
def test_F02_all_kinds_of_training_killed_on_the_way_end_in_the_same_bits(bench: Bench, part: int) -> None:
    for case in ALL[part::24]:
        check_kills(bench, case, ON_THE_WAY[case.cut])


@pytest.mark.conformance
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("kind", ["kill", "torn"])
def test_F03_F04_a_training_killed_in_every_operation_on_a_file_ends_in_the_same_bits(
    bench: Bench, kind: FaultKind, part: int
) -> None:
    steps, expected, seen = bench_of_operations(bench)
    for number in places(kind, seen)[part::PARTS]:
        store = bench.workspace()
        assert forked(lambda: do_all(store, steps), Fault(kind, number)).killed  # noqa: B023
        check_recovery(store, steps, expected, f"{kind}@{number}")


@pytest.mark.conformance
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize(("kind", "error"), [("enospc", "DiskFull"), ("eio", "DiskFailed")])
def test_F07_F08_a_disk_that_fails_in_any_operation_fails_the_step_and_nothing_else(
    bench: Bench, kind: FaultKind, error: str, part: int
) -> None:
    steps, expected, seen = bench_of_operations(bench)
    for number in places(kind, seen)[part::PARTS]:
        store = bench.workspace()
        end = forked(lambda: fail_and_go_on(store, steps), Fault(kind, number))  # noqa: B023
        assert (end.status, end.error) == (0, ""), f"{kind}@{number}"
        # A scratch folder that can't be removed fails no step.
        met = (store.workspace / "met").read_text()
        assert met == error or (met == "" and number == len(seen)), f"{kind}@{number}"
        assert outcome(store, steps) == expected, f"{kind}@{number}"
        assert left_over(store) == [], f"{kind}@{number}"


def fail_and_go_on(store: Store, steps: Sequence[Step]) -> None:
    """Do steps in spite of a fault: what it leads to goes into a file, then there is none."""
    try:
        do_all(store, steps)
        met = ""
    except SpeccError as error:
        met = type(error).__name__
    for key in store.done():
        store.verify(key)
    faults.install(None)
    do_all(store, steps)
    (store.workspace / "met").write_text(met)


def bench_of_operations(bench: Bench) -> tuple[list[Step], dict[str, Any], Operations]:
    """A short training, what it ends in, and its operations on files."""
    step = bench.steps(Case(epoch=1, dropout=0.1))[0]
    params = step.params | {"steps": SHORT}
    short = bench.template.step("train", params, step.inputs, step.execution, step.label)
    store = bench.workspace()
    end = forked(lambda: do_all(store, [short]))
    assert {kind for kind, _ in end.seen} == {"write", "append", "sync", "rename", "folder", "remove"}
    return [short], outcome(store, [short]), end.seen


def check_recovery(store: Store, steps: Sequence[Step], expected: dict[str, Any], what: str) -> None:
    """All that counts as done is whole, and the next run ends as an undisturbed one."""
    for key in store.done():
        store.verify(key)
    end = forked(lambda: do_all(store, steps))
    assert (end.status, end.error) == (0, ""), what
    assert outcome(store, steps) == expected, what
    assert left_over(store) == [], what
