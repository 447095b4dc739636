"""The argument of `--lanes`, and what goes on with a run that had one."""

from __future__ import annotations

import click
import pytest

from specc.cli.lane_count import LaneCount
from specc.cli.machine import Machine
from specc.study import PlannedStep, Study


@pytest.mark.parametrize(("text", "expected"), [("off", "off"), ("auto", "auto"), ("1", 1), ("12", 12)])
def test_lanes_are_off_auto_or_a_number(text: str, expected: object) -> None:
    assert LaneCount().convert(text, None, None) == expected


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", "", "²"])
def test_anything_else_is_told(text: str) -> None:
    with pytest.raises(click.BadParameter, match="none of `off`, `auto` and a number from 1"):
        LaneCount().convert(text, None, None)


def test_a_run_goes_on_with_its_lanes_and_no_step_is_told_of_them() -> None:
    machine = Machine(lanes=2)
    assert machine.arguments() == ["--lanes", "2"]
    assert Machine().arguments() == []
    step = PlannedStep(key="a", op="train", inputs={}, params={}, execution={}, label="")
    [placed] = machine.run_by(Study(experiment="e", steps=(step,))).steps
    assert placed.execution == {}


@pytest.mark.parametrize(
    ("machine", "told"),
    [
        (Machine(lanes=4, replicas=2), "--replicas 2"),
        (Machine(lanes=4, micro_batch=3), "--micro-batch 3"),
        (Machine(lanes=4, implementation="plain"), "--implementation plain"),
        (Machine(lanes=4, compiled="on"), "--compile on"),
        (Machine(sharding="shard"), "add --replicas"),
    ],
)
def test_an_option_without_effect_beside_another_is_told(machine: Machine, told: str) -> None:
    assert told in (machine.contradiction() or "")


@pytest.mark.parametrize(
    "machine",
    [Machine(), Machine(lanes="off", replicas=2), Machine(lanes=2), Machine(sharding="shard", replicas=2)],
)
def test_options_that_go_together_are_taken(machine: Machine) -> None:
    assert machine.contradiction() is None
