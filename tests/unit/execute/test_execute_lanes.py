"""Which steps are trained together, and how they are divided among slots."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from specc.execute.lanes import Lanes, LaneShapes
from specc.execute.schedule import Schedule
from specc.study import PlannedStep

SMALL = 6.0 * 300_000
"""Floating-point operations for a token of a model of 0.3M parameters."""


def model(key: str, seed: int = 0, width: int = 64) -> PlannedStep:
    params = {"architecture": {"name": "llama", "args": {"width": width}}, "vocab": 257, "seed": seed}
    return PlannedStep(key=key, op="init", inputs={}, params=params, execution={}, label=key)


def train(
    key: str, parent: str, each: float = SMALL, seconds: float = 1.0, device: str = "cpu", **changes: Any
) -> PlannedStep:
    params = {
        "steps": 100,
        "sequence": 32,
        "batch": 8,
        "sources": [],
        "phases": [],
        "optimizer": {"name": "adamw", "args": {"weight_decay": 0.1}},
        "seed": 0,
    } | changes
    return PlannedStep(
        key=key,
        op="train",
        inputs={"parent": parent},
        params=params,
        execution={"device": device},
        label=key,
        tokens=25_600,
        flops=25_600 * each,
        seconds=seconds,
    )


def shapes(*steps: PlannedStep, lanes: Lanes = "auto") -> list[str | None]:
    """Shapes of the training steps among these."""
    found = LaneShapes({step.key: step for step in steps}, lanes)
    return [found.of(step.key) for step in steps if step.op == "train"]


def test_steps_share_a_shape_though_seed_data_rates_and_length_differ() -> None:
    found = shapes(
        model("m0"),
        model("m1", seed=1),
        train("a", "m0"),
        train("b", "m1", seed=1, steps=50, clip=1.0, optimizer={"name": "adamw", "args": {}}),
        train("c", "a", phases=[{"shape": "constant", "start": 0, "stop": 9, "first": 1.0, "last": 1.0}]),
    )
    assert found[0] is not None
    assert len(set(found)) == 1


@pytest.mark.parametrize(
    "changes",
    [{"batch": 4}, {"sequence": 16}, {"dtype": "bfloat16"}, {"dropout": 0.1}, {"device": "cuda"}],
    ids=str,
)
def test_steps_of_other_batches_numbers_or_dropout_have_another_shape(changes: dict[str, Any]) -> None:
    one, other = shapes(model("m"), train("a", "m"), train("b", "m", **changes))
    assert one is not None
    assert other is not None
    assert one != other


def test_models_of_another_architecture_have_another_shape() -> None:
    one, other = shapes(model("m"), model("n", width=32), train("a", "m"), train("b", "n"))
    assert one != other


def test_imported_models_share_a_shape_with_what_comes_from_the_same_import_alone() -> None:
    imports = [
        PlannedStep(key=key, op="import", inputs={}, params={"fingerprint": key}, execution={}, label=key)
        for key in "mn"
    ]
    a, b, c = shapes(*imports, train("a", "m"), train("b", "a"), train("c", "n"))
    assert a == b
    assert a != c


def test_an_imported_model_that_lanes_do_not_know_is_trained_by_itself() -> None:
    imported = PlannedStep(
        key="m",
        op="import",
        inputs={},
        params={"fingerprint": "m"},
        execution={"stackable": False},
        label="m",
    )
    assert shapes(imported, train("a", "m"), train("b", "a")) == [None, None]


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": {"name": "sgd"}},
        {"optimizer": {"name": "adamw", "plugin": "specc-other 1.0"}},
        {"until": {"every": 1}},
        {"adapter": {"name": "lora"}},
        {"something_new": 1},
        {"batch": 64},
        {"each": 10 * SMALL},
    ],
    ids=str,
)
def test_what_lanes_do_not_know_or_are_no_faster_at_is_trained_by_itself(changes: dict[str, Any]) -> None:
    assert shapes(model("m"), train("a", "m", **changes)) == [None]


@pytest.mark.parametrize("setting", ["implementation", "compiled", "micro_batch", "replicas", "threads"])
def test_a_step_that_is_to_be_computed_in_some_way_is_no_lane(setting: str) -> None:
    asked = {"implementation": "plain", "compiled": "on"}.get(setting, 2)
    step = train("a", "m")
    assert shapes(model("m"), replace(step, execution=step.execution | {setting: asked})) == [None]


@pytest.mark.parametrize(
    ("changes", "alike"),
    [
        ({"batch": 3, "sequence": 15}, False),
        ({"batch": 3, "sequence": 16}, True),
        ({"batch": 2, "sequence": 16, "dtype": "bfloat16"}, False),
        ({"batch": 2, "sequence": 32, "dtype": "bfloat16"}, True),
        ({"batch": 3, "sequence": 15, "device": "cuda"}, True),
    ],
    ids=str,
)
def test_on_a_cpu_only_steps_whose_bits_do_not_depend_on_company_are_lanes(
    changes: dict[str, Any], alike: bool
) -> None:
    assert [shape is not None for shape in shapes(model("m"), train("a", "m", **changes))] == [alike]


def test_a_number_takes_large_steps_too_and_off_takes_none() -> None:
    steps = (model("m"), train("a", "m"), train("b", "m", batch=512))
    assert None not in shapes(*steps, lanes=2)
    assert shapes(*steps, lanes="off") == [None, None]


def groups(schedule: Schedule, slots: int) -> list[list[str]]:
    """What so many idle slots are given."""
    sizes: dict[str, int] = {}
    return [[step.key for step in schedule.take_group((), sizes)] for _ in range(slots)]


def ready(count: int, lanes: Lanes, slots: int, **changes: Any) -> Schedule:
    steps = [model("m"), *(train(f"t{number}", "m", seed=number, **changes) for number in range(count))]
    return Schedule(steps, {"m"}, slots, lanes=lanes)


@pytest.mark.parametrize(
    ("count", "lanes", "slots", "expected"),
    [
        (4, "auto", 2, [2, 2]),
        (5, 4, 2, [3, 2]),
        (8, 4, 2, [4, 4]),
        (10, 4, 2, [3, 3]),  # two rounds of four groups
        (3, 4, 4, [1, 1, 1, 0]),
        (20, 8, 2, [5, 5]),
        (6, 4, 1, [3]),
        (4, "off", 2, [1, 1]),
        (4, 1, 2, [1, 1]),
    ],
)
def test_ready_steps_are_divided_evenly_among_idle_slots(
    count: int, lanes: Lanes, slots: int, expected: list[int]
) -> None:
    given = groups(ready(count, lanes, slots), slots)
    assert [len(group) for group in given] == expected
    assert len({key for group in given for key in group}) == sum(expected)


@pytest.mark.parametrize(("batch", "expected"), [(8, 8), (16, 4), (24, 2), (32, 2)])
def test_lanes_of_larger_steps_are_fewer(batch: int, expected: int) -> None:
    assert len(ready(expected * 10, "auto", 1, batch=batch).take_group((), {})) == expected


def test_lanes_are_computed_alike_alone_and_in_company_and_others_as_before() -> None:
    [lone] = ready(1, "auto", 1).take_group((), {})
    assert lone.execution["implementation"] == "stacked"
    [unstacked] = ready(1, "off", 1).take_group((), {})
    assert "implementation" not in unstacked.execution


def test_steps_that_were_done_failed_or_wait_again_are_in_no_group() -> None:
    steps = [
        model("m"),
        train("root", "m"),
        *(train(f"t{number}", "root") for number in range(4)),
        *(train(f"u{number}", "m", seed=1) for number in range(4)),
    ]
    schedule = Schedule(steps, {"m", "root"}, 1, lanes=8)
    schedule.remake("root")
    assert sorted(step.key for step in schedule.take_group((), {})) == ["root", "u0", "u1", "u2", "u3"]
    for number in range(3):
        schedule.finish(f"u{number}")
    schedule.retry("u3")
    schedule.finish("root")
    assert sorted(step.key for step in schedule.take_group((), {})) == ["t0", "t1", "t2", "t3", "u3"]
    assert schedule.take_group((), {}) == []


def test_a_step_that_was_parted_is_in_no_group_of_those_it_was_with() -> None:
    later = [train(f"u{number}", "n", seconds=5.0) for number in range(3)]
    steps = [model("m"), model("n"), train("t0", "m"), train("t1", "m"), *later]
    schedule = Schedule(steps, {"m"}, 2, lanes=4)
    assert [step.key for step in schedule.take_group((), {})] == ["n"]
    assert [
        step.key for step in schedule.take_group((), dict.fromkeys([schedule.lanes.of("t0") or ""], 2))
    ] == ["t0", "t1"]
    for key in ("t0", "t1"):
        schedule.lanes.part(key)
        schedule.retry(key)
    schedule.finish("n")
    assert groups(schedule, 2) == [["u0", "u1"], ["u2"]]
    assert groups(schedule, 2) == [["t0"], ["t1"]]


def test_models_are_made_before_the_first_is_trained_so_that_there_is_company() -> None:
    steps = [one for n in range(3) for one in (model(f"m{n}", seed=n), train(f"t{n}", f"m{n}"))]
    schedule = Schedule(steps, (), lanes=4)
    for number in range(3):
        [made] = schedule.take_group((f"m{number - 1}",), {})
        assert made.key == f"m{number}"
        schedule.finish(made.key)
    assert [step.key for step in schedule.take_group(("m2",), {})] == ["t0", "t1", "t2"]


def test_the_longest_paths_are_trained_together() -> None:
    steps = [model("m"), *(train(f"t{number}", "m", seconds=number) for number in range(1, 7))]
    assert groups(Schedule(steps, {"m"}, 2, lanes=3), 2) == [["t6", "t5", "t4"], ["t3", "t2", "t1"]]
