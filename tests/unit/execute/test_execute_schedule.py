"""Order, blocking and repair in the schedule; and that its work grows with the graph only."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from heapq import heappop, heappush
from typing import Any

import pytest

from specc.execute import schedule as module
from specc.execute.schedule import Schedule, State
from specc.study import PlannedStep


def step(key: str, *parents: str, seconds: float = 1.0) -> PlannedStep:
    inputs = {"parent" if number == 0 else f"corpus{number - 1}": made for number, made in enumerate(parents)}
    return PlannedStep(
        key=key, op="train", inputs=inputs, params={}, execution={}, label=key, seconds=seconds
    )


def taken(schedule: Schedule, *warm: str) -> str | None:
    found = schedule.take(warm)
    return None if found is None else found.key


def drain(schedule: Schedule) -> list[str]:
    """Run everything on one slot."""
    order = []
    warm: tuple[str, ...] = ()
    while (found := schedule.take(warm)) is not None:
        order.append(found.key)
        schedule.finish(found.key)
        warm = (found.key, *(key for role, key in found.inputs.items() if role in ("parent", "checkpoint")))
    return order


def test_the_longest_remaining_path_goes_first() -> None:
    steps = [
        step("short", seconds=5),
        step("root", seconds=1),
        step("middle", "root", seconds=1),
        step("leaf", "middle", seconds=3.5),
    ]
    schedule = Schedule(steps, ())
    order = []
    while (key := taken(schedule)) is not None:
        order.append(key)
        schedule.finish(key)
    assert order == ["root", "short", "middle", "leaf"]


def test_ties_fall_to_the_order_of_the_study() -> None:
    names = [f"s{number}" for number in range(20)]
    random.Random(0).shuffle(names)
    assert drain(Schedule([step(name) for name in names], ())) == names


def test_a_slot_goes_on_with_the_checkpoint_it_has_loaded() -> None:
    steps = [step("a"), step("b"), *(step(f"{of}{n}", of) for n in range(3) for of in "ab")]
    schedule = Schedule(steps, {"a", "b"})
    assert [taken(schedule, "b") for _ in range(4)] == ["b0", "b1", "b2", "a0"]


def test_a_loaded_checkpoint_does_not_hold_up_a_path_twice_as_long() -> None:
    steps = [step("a"), step("near", "a", seconds=1), step("far", seconds=3)]
    assert taken(Schedule(steps, {"a"}), "a") == "far"


def test_with_plenty_to_do_a_slot_measures_what_it_made_before_it_goes_on() -> None:
    chain = [step("a0"), step("a1", "a0"), step("a2", "a1"), step("loss", "a0", seconds=0.1)]
    others = [step(f"b{number}", seconds=4) for number in range(9)]
    plenty, short = Schedule([*chain, *others], {"a0"}), Schedule([*chain, *others[:1]], {"a0"})
    assert [taken(plenty, "a0") for _ in range(3)] == ["loss", "a1", "b0"]
    assert [taken(short, "a0") for _ in range(3)] == ["b0", "a1", "loss"]


def test_done_steps_are_not_run_again() -> None:
    steps = [step("a"), step("b", "a"), step("c", "b")]
    schedule = Schedule(steps, {"a"})
    assert drain(schedule) == ["b", "c"]
    assert (schedule.counts.reused, schedule.counts.done, schedule.counts.todo) == (1, 2, 0)


def test_a_failure_blocks_all_below_it_once_and_nothing_else() -> None:
    steps = [step("a"), step("b", "a"), step("c", "b"), step("d", "b", "c"), step("e"), step("f", "e")]
    schedule = Schedule(steps, ())
    while taken(schedule) != "a":
        pass
    assert sorted(schedule.fail("a")) == ["b", "c", "d"]
    assert (schedule.counts.failed, schedule.counts.blocked) == (1, 3)
    assert schedule.state["f"] is State.WAITING
    schedule.finish("e")
    assert drain(schedule) == ["f"]


def test_a_step_made_again_holds_back_its_users_until_it_is_done() -> None:
    steps = [step("a"), step("b", "a"), step("c", "a")]
    schedule = Schedule(steps, {"a"})
    assert taken(schedule) == "b"
    schedule.remake("a")
    schedule.retry("b")
    assert taken(schedule) == "a"
    assert taken(schedule) is None
    schedule.finish("a")
    assert drain(schedule) == ["b", "c"]
    assert (schedule.counts.reused, schedule.counts.done) == (0, 3)


def test_a_step_that_can_not_be_made_again_blocks_who_asked_for_it() -> None:
    steps = [step("source"), step("a", "source"), step("b", "a")]
    schedule = Schedule(steps, {"a"})
    assert [taken(schedule), taken(schedule)] == ["source", "b"]
    schedule.fail("source")
    schedule.remake("a")
    schedule.retry("b")
    assert schedule.state["a"] is schedule.state["b"] is State.BLOCKED
    assert (schedule.counts.blocked, schedule.counts.todo, schedule.counts.running) == (2, 0, 0)


def test_predicted_seconds_are_those_of_steps_that_have_not_begun() -> None:
    schedule = Schedule([step("a", seconds=2), step("b", "a", seconds=3), step("c", seconds=4)], ())
    assert (schedule.seconds_todo, schedule.longest_path()) == (9, 5)
    assert taken(schedule) == "a"
    assert (schedule.seconds_todo, schedule.longest_path()) == (7, 4)
    schedule.retry("a")
    assert schedule.seconds_todo == 9
    taken(schedule)
    schedule.fail("a")
    assert schedule.seconds_todo == 4


def test_an_input_that_no_step_makes_is_a_bug() -> None:
    with pytest.raises(ValueError, match="no step of the study makes x"):
        Schedule([step("a", "x")], ())


def test_a_circle_is_a_bug() -> None:
    with pytest.raises(ValueError, match="circle"):
        Schedule([step("a", "b"), step("b", "a")], ())


def test_a_chain_of_100_000_steps_is_an_ordinary_graph() -> None:
    steps = [step("0"), *(step(str(n), str(n - 1)) for n in range(1, 100_000))]
    schedule = Schedule(steps, ())
    assert taken(schedule) == "0"
    assert len(schedule.fail("0")) == 99_999


@pytest.mark.parametrize("shape", ["one parent of all", "random parents", "many leaves of few"])
def test_heap_operations_grow_with_steps_and_edges_only(shape: str, monkeypatch: pytest.MonkeyPatch) -> None:
    count = 10_000
    draw = random.Random(1)
    steps = [step("0", seconds=0.5)]
    for number in range(1, count):
        parent = {
            "one parent of all": 0,
            "random parents": draw.randrange(number),
            "many leaves of few": draw.randrange(min(number, 10)),
        }[shape]
        steps.append(step(str(number), str(parent), seconds=draw.random()))
    operations = 0

    def counted(operation: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            nonlocal operations
            operations += 1
            return operation(*arguments)

        return call

    monkeypatch.setattr(module, "heappush", counted(heappush))
    monkeypatch.setattr(module, "heappop", counted(heappop))
    order = drain(Schedule(steps, ()))
    position = {key: number for number, key in enumerate(order)}
    assert len(order) == count
    assert all(position[made] < position[each.key] for each in steps for made in each.inputs.values())
    assert operations <= 4 * count


def selection(count: int) -> list[PlannedStep]:
    """Candidates c0, c1, ..., their evaluations e0, e1, ..., the choice among them and what needs it."""
    steps = []
    inputs: dict[str, str] = {}
    for number in range(count):
        steps += [step(f"c{number}"), step(f"e{number}", f"c{number}")]
        inputs |= {f"candidate{number}": f"c{number}", f"result{number}": f"e{number}"}
    chosen = PlannedStep(key="chosen", op="select", inputs=inputs, params={}, execution={}, label="")
    return [*steps, chosen, step("after", "chosen")]


def test_a_selection_does_without_what_diverged() -> None:
    schedule = Schedule(selection(3), (), slots=3)
    for _ in range(3):
        taken(schedule)
    schedule.finish("c0")
    assert schedule.fail("c1", diverged=True) == ["e1"]
    assert schedule.state["chosen"] is State.WAITING
    schedule.finish("c2")
    for number in (0, 2):
        taken(schedule)
        schedule.finish(f"e{number}")
    found = schedule.take()
    assert found is not None
    assert found.inputs == {"candidate0": "c0", "result0": "e0", "candidate2": "c2", "result2": "e2"}
    schedule.finish("chosen")
    assert taken(schedule) == "after"
    assert (schedule.counts.failed, schedule.counts.blocked, schedule.counts.todo) == (1, 1, 0)


def test_a_selection_is_asked_even_if_all_diverged() -> None:
    schedule = Schedule(selection(2), (), slots=2)
    taken(schedule), taken(schedule)
    schedule.fail("c0", diverged=True)
    schedule.fail("c1", diverged=True)
    found = schedule.take()
    assert found is not None
    assert (found.key, found.inputs) == ("chosen", {})


@pytest.mark.parametrize("diverged_first", [True, False])
def test_a_selection_does_not_do_without_what_failed(diverged_first: bool) -> None:
    schedule = Schedule(selection(2), (), slots=2)
    taken(schedule), taken(schedule)
    for key, diverged in sorted({"c0": True, "c1": False}.items(), reverse=not diverged_first):
        schedule.fail(key, diverged)
    assert schedule.state["chosen"] is schedule.state["after"] is State.BLOCKED
    assert schedule.take() is None
    assert schedule.counts.todo == 0


def test_corpora_are_given_the_processors_that_no_other_step_has_a_use_for() -> None:
    steps = [replace(step("a"), op="prepare"), replace(step("b"), op="prepare"), step("c"), step("d", "c")]
    alone = Schedule(steps[:1], (), slots=1, processors=8)
    together = Schedule(steps, (), slots=4, processors=8)
    many = Schedule(steps, (), slots=2, processors=2)
    threads = [
        taken.execution["threads"]
        for schedule in (alone, together, many)
        for _ in range(3)
        if (taken := schedule.take()) is not None and taken.op == "prepare"
    ]
    # One step for 8; then three that can start, on 8; then three on 2.
    assert threads == [8, 2, 2, 1, 1]
    assert steps[0].execution == {}
