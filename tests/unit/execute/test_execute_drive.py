"""Decisions of the loop, with an executor that plays a script instead of running anything."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from specc.errors import DiskFull
from specc.execute.console import SilentConsole
from specc.execute.drive import Drive
from specc.execute.executor import WORKER_LOST, Done, Event, Failed
from specc.execute.interrupts import Interrupts
from specc.execute.lanes import Lanes
from specc.execute.record import RunRecord
from specc.execute.schedule import Schedule, State
from specc.execute.watch import Watch
from specc.store import Store, open_workspace
from specc.study import PlannedStep, Study

Script = Callable[[int, PlannedStep], Event]


def step(key: str, *parents: str, seconds: float = 1.0) -> PlannedStep:
    inputs = {"parent" if number == 0 else f"corpus{number}": made for number, made in enumerate(parents)}
    return PlannedStep(
        key=key, op="train", inputs=inputs, params={}, execution={}, label=key, seconds=seconds
    )


class ScriptedExecutor:
    """Ends each step at the next poll as the script says; keeps who ran where."""

    def __init__(self, slots: int, script: Script) -> None:
        self.slots = slots
        self.script = script
        self.held: dict[int, tuple[PlannedStep, ...]] = {}
        self.log: list[tuple[int, str]] = []
        self.polls = 0
        self.company: dict[str, int] = {}

    def idle(self) -> list[int]:
        return [slot for slot in range(self.slots) if slot not in self.held]

    def submit(self, slot: int, *steps: PlannedStep) -> None:
        self.held[slot] = steps
        self.log += [(slot, step.key) for step in steps]

    def poll(self, timeout: float) -> list[Event]:
        self.polls += 1
        self.company = {step.key: len(held) for held in self.held.values() for step in held}
        events = [self.script(slot, step) for slot, held in self.held.items() for step in held]
        self.held.clear()
        return events

    def stop(self) -> None: ...

    def close(self) -> None: ...


class Bench:
    """A drive over scripted slots in a real workspace."""

    def __init__(self, workspace: Path) -> None:
        self.store = Store(open_workspace(workspace, create=True))

    def drive(
        self,
        steps: list[PlannedStep],
        script: Script,
        slots: int = 1,
        done: set[str] | None = None,
        lanes: Lanes = "off",
    ) -> Drive:
        study = Study(experiment="scripted", steps=tuple(steps))
        schedule = Schedule(steps, done or set(), slots, lanes=lanes)
        self.executor = ScriptedExecutor(slots, script)
        self.record = RunRecord(self.store.workspace, study)
        self.watch = Watch(study, schedule, self.record, SilentConsole(), slots, 1, None)
        drive = Drive(schedule, self.executor, self.store, self.watch, Interrupts(), 1.0)
        drive.run()
        return drive

    def close(self) -> None:
        self.record.close()


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr("specc.execute.retry.FIRST_SECONDS", 0.0)
    bench = Bench(tmp_path)
    yield bench
    bench.close()


def done(slot: int, step: PlannedStep) -> Event:
    return Done(slot, step.key, 1.0)


def test_evaluations_of_a_checkpoint_stay_on_the_slot_that_made_it(bench: Bench) -> None:
    steps = [step("a"), step("b"), *(step(f"{of}{n}", of) for n in range(3) for of in "ab")]
    bench.drive(steps, done, slots=2)
    slots = {key: slot for slot, key in bench.executor.log}
    assert all(slots[f"a{n}"] == slots["a"] and slots[f"b{n}"] == slots["b"] for n in range(3))


def test_10_000_steps_take_one_poll_for_each_round_of_slots(bench: Bench) -> None:
    steps = [step("root"), *(step(str(n), "root") for n in range(9_999))]
    drive = bench.drive(steps, done, slots=4)
    assert drive.schedule.counts.done == 10_000
    assert bench.executor.polls == 1 + 2_500
    assert len(bench.executor.log) == 10_000


def corrupt(culprit: str) -> Callable[[int, PlannedStep], Event]:
    def event(slot: int, step: PlannedStep) -> Event:
        return Failed(slot, step.key, "CorruptArtifact", f"{culprit} differs", None, culprit)

    return event


def test_an_input_that_stays_damaged_fails_its_user_after_one_repair(bench: Bench) -> None:
    bench.store.path("aa").mkdir(parents=True)
    damaged = corrupt("aa")

    def script(slot: int, step: PlannedStep) -> Event:
        return damaged(slot, step) if step.key == "bb" else done(slot, step)

    drive = bench.drive([step("aa"), step("bb", "aa")], script, done={"aa"})
    assert [key for _, key in bench.executor.log] == ["bb", "aa", "bb"]
    assert drive.schedule.state["bb"] is State.FAILED


def test_steps_that_find_the_same_damage_late_are_tried_again_without_a_second_repair(bench: Bench) -> None:
    bench.store.path("aa").mkdir(parents=True)
    seen: set[str] = set()
    damaged = corrupt("aa")

    def script(slot: int, step: PlannedStep) -> Event:
        if step.key != "aa" and step.key not in seen:
            seen.add(step.key)
            return damaged(slot, step)
        return done(slot, step)

    drive = bench.drive([step("aa"), *(step(name, "aa") for name in "bcd")], script, slots=3, done={"aa"})
    assert [key for _, key in bench.executor.log].count("aa") == 1
    assert drive.schedule.counts.done == 4


def test_damage_outside_of_the_study_fails_the_step(bench: Bench) -> None:
    drive = bench.drive([step("b")], corrupt("elsewhere"))
    assert drive.schedule.counts.failed == 1


@pytest.mark.parametrize("error", ["DiskFull", "WorkspaceError"])
def test_trouble_that_meets_every_step_halts_the_run(bench: Bench, error: str) -> None:
    drive = bench.drive([step("a"), step("b")], lambda slot, step: Failed(slot, step.key, error, "no room"))
    assert [key for _, key in bench.executor.log] == ["a"]
    assert drive.schedule.counts.todo == 1


def test_a_status_that_can_not_be_written_halts_the_run(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: str) -> None:
        raise DiskFull("no space left")

    def script(slot: int, step: PlannedStep) -> Event:
        monkeypatch.setattr("specc.execute.record.write_atomic", full)
        return done(slot, step)

    drive = bench.drive([step("a"), step("b"), step("c")], script)
    assert [key for _, key in bench.executor.log] == ["a"]
    assert isinstance(bench.record.trouble, DiskFull)
    assert drive.schedule.counts.done == 1


@pytest.mark.parametrize("seed", range(20))
def test_every_step_comes_to_an_end_whatever_fails(bench: Bench, seed: int) -> None:
    """Random graphs, failures, lost workers and damaged inputs; then the counts are those of the states."""
    draw = random.Random(seed)
    steps: list[PlannedStep] = []
    for number in range(60):
        parents = draw.sample([made.key for made in steps], k=min(len(steps), draw.randrange(4)))
        steps.append(step(f"{number:02d}", *parents, seconds=draw.random()))
    present = {made.key for made in steps if draw.random() < 0.3}
    for key in present:
        bench.store.path(key).mkdir(parents=True)

    def script(slot: int, step: PlannedStep) -> Event:
        luck = draw.random()
        if luck < 0.05:
            return Failed(slot, step.key, "DataError", "bad data")
        if luck < 0.15:
            return Failed(slot, step.key, "WorkerLost", "killed")
        if luck < 0.4 and step.inputs:
            return corrupt(draw.choice(sorted(step.inputs.values())))(slot, step)
        bench.store.path(step.key).mkdir(parents=True, exist_ok=True)
        return done(slot, step)

    drive = bench.drive(steps, script, slots=3, done=present)
    states = Counter(drive.schedule.state.values())
    counts = drive.schedule.counts
    assert set(states) <= {State.DONE, State.FAILED, State.BLOCKED}
    assert (counts.done + counts.reused, counts.failed, counts.blocked) == (
        states[State.DONE],
        states[State.FAILED],
        states[State.BLOCKED],
    )
    assert (counts.todo, counts.running) == (0, 0)
    assert drive.schedule.seconds_todo == pytest.approx(0, abs=1e-9)
    assert len(bench.watch.failures) == counts.failed


def test_time_left_is_scaled_by_what_finished_steps_took(bench: Bench) -> None:
    left = []

    def script(slot: int, step: PlannedStep) -> Event:
        left.append(bench.watch.seconds_left(bench.watch.began))
        return Done(slot, step.key, 3.0)

    bench.drive([step("a", seconds=1), step("b", "a", seconds=10)], script)
    assert left[0] == pytest.approx(11, abs=0.1)
    assert left[1] == pytest.approx(30, abs=0.1)


def lane(number: int) -> PlannedStep:
    params = {"sequence": 8, "batch": 2, "optimizer": {"name": "adamw"}, "seed": number}
    return PlannedStep(
        key=f"lane{number}", op="train", inputs={"parent": "m"}, params=params, execution={}, label=""
    )


def model() -> PlannedStep:
    params = {"architecture": {"name": "llama"}, "vocab": 2}
    return PlannedStep(key="m", op="init", inputs={}, params=params, execution={}, label="")


def test_each_lane_of_a_group_ends_by_itself(bench: Bench) -> None:
    def script(slot: int, step: PlannedStep) -> Event:
        if step.key == "lane1":
            return Failed(slot, step.key, "Diverged", "the loss is nan")
        return done(slot, step)

    drive = bench.drive([model(), *map(lane, range(3))], script, done={"m"}, lanes=4)
    assert bench.executor.polls == 1, "they were given to the slot together"
    assert (drive.schedule.counts.done, drive.schedule.counts.failed) == (2, 1)
    assert [failure.key for failure in bench.watch.failures] == ["lane1"]


def test_lanes_without_memory_are_tried_again_one_by_one(bench: Bench) -> None:
    def script(slot: int, step: PlannedStep) -> Event:
        if bench.executor.company[step.key] > 1 or step.key == "lane2":
            return Failed(slot, step.key, "OutOfMemory", "no memory left")
        return done(slot, step)

    drive = bench.drive([model(), *map(lane, range(3))], script, done={"m"}, lanes=4)
    assert (drive.schedule.counts.done, drive.schedule.counts.failed) == (2, 1)
    assert bench.executor.polls == 4


def test_a_lane_that_ends_its_worker_takes_no_other_down_with_it(bench: Bench) -> None:
    def script(slot: int, step: PlannedStep) -> Event:
        if "lane1" in {other.key for other in bench.executor.held[slot]}:
            return Failed(slot, step.key, WORKER_LOST, "killed")
        return done(slot, step)

    drive = bench.drive([model(), *map(lane, range(3))], script, done={"m"}, lanes=4)
    assert [failure.key for failure in bench.watch.failures] == ["lane1"]
    assert drive.schedule.counts.done == 2
