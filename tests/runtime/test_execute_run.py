"""Runs with real worker processes that do fake steps: what is done, retried, blocked and kept."""

from __future__ import annotations

import io
import json
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fake_steps import ENTRY, diary, fake_step, study_of
from specc.errors import NoDevice
from specc.execute.console import PlainConsole, SilentConsole
from specc.execute.executor import ExecutorLost
from specc.execute.local import LocalExecutor
from specc.execute.run import RunOptions, RunOutcome, run_study
from specc.execute.status import read_status
from specc.store import Store
from specc.study import PlannedStep

OPTIONS = RunOptions(workers=2, entry=ENTRY, preload=())


def run(workspace: Path, *steps: PlannedStep, **options: Any) -> RunOutcome:
    return run_study(study_of(*steps), workspace, replace(OPTIONS, **options), SilentConsole())


def labels(workspace: Path, what: str) -> list[str]:
    return [line["label"] for line in diary(workspace) if line["what"] == what]


def test_independent_steps_run_at_the_same_time_in_two_processes(tmp_path: Path) -> None:
    outcome = run(tmp_path, *(fake_step(name, ticks=10, pause=0.05) for name in "ab"))
    assert outcome.exit_code == 0
    lines = diary(tmp_path)
    assert len({line["pid"] for line in lines}) == 2
    starts = [line["at"] for line in lines if line["what"] == "start"]
    ends = [line["at"] for line in lines if line["what"] == "end"]
    assert max(starts) < min(ends)


def test_a_step_begins_after_its_inputs_are_done(tmp_path: Path) -> None:
    first = fake_step("first", ticks=1)
    second = fake_step("second", first)
    third = fake_step("third", second, first)
    assert run(tmp_path, third, second, first).exit_code == 0
    assert labels(tmp_path, "end") == ["first", "second", "third"]


def test_a_worker_stays_alive_for_further_steps(tmp_path: Path) -> None:
    assert run(tmp_path, *(fake_step(str(n)) for n in range(8)), workers=1).exit_code == 0
    assert len({line["pid"] for line in diary(tmp_path)}) == 1


def test_a_second_run_does_nothing_and_starts_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = [fake_step(str(n)) for n in range(5)]
    assert run(tmp_path, *steps).exit_code == 0
    monkeypatch.setattr("subprocess.Popen", None)
    outcome = run(tmp_path, *steps)
    assert outcome.state == "done"
    assert outcome.status is not None
    assert outcome.status.counts.reused == 5
    assert len(labels(tmp_path, "end")) == 5


def test_a_failed_step_blocks_only_what_needs_it(tmp_path: Path) -> None:
    bad = fake_step("bad", fail="data")
    outcome = run(tmp_path, bad, fake_step("child", bad), fake_step("other", ticks=3))
    assert outcome.exit_code == 4
    assert labels(tmp_path, "end") == ["other"]
    (failure,) = outcome.failures
    assert (failure.label, failure.error, failure.help) == ("bad", "DataError", "mend the line")
    assert failure.message == "line 3 of `facts.jsonl` is no JSON"
    assert failure.arms == ("arm-bad", "arm-child")
    assert outcome.status is not None
    assert (outcome.status.counts.failed, outcome.status.counts.blocked) == (1, 1)


def test_a_bug_in_a_step_names_the_file_with_its_traceback(tmp_path: Path) -> None:
    step = fake_step("broken", fail="bug")
    (failure,) = run(tmp_path, step).failures
    path = Store(tmp_path).work(step.key) / "traceback.txt"
    assert failure.error == "InternalError"
    assert str(path) in failure.message
    assert "ZeroDivisionError: division by zero" in path.read_text()


def test_a_step_that_finds_no_memory_is_told_so(tmp_path: Path) -> None:
    (failure,) = run(tmp_path, fake_step("big", fail="memory")).failures
    assert (failure.error, failure.message) == ("OutOfMemory", "no memory left for big")


def test_workers_that_can_not_load_what_they_need_end_the_run_with_the_place_to_look(tmp_path: Path) -> None:
    outcome = run(tmp_path, fake_step("a"), entry="no_such_module:run_step")
    assert outcome.exit_code == 4
    assert isinstance(outcome.error, ExecutorLost)
    log = tmp_path / "runs/000001/workers.log"
    assert str(log) in outcome.error.message
    assert "No module named 'no_such_module'" in log.read_text()


def test_F02_a_killed_worker_is_replaced_and_its_step_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    step = fake_step("unlucky", ticks=3, kill=int(signal.SIGKILL), kills=1)
    assert run(tmp_path, step, fake_step("after", step)).exit_code == 0
    assert labels(tmp_path, "start") == ["unlucky", "unlucky", "after"]
    events = [
        json.loads(line)["event"] for line in (tmp_path / "runs/000001/events.jsonl").read_text().splitlines()
    ]
    assert events == ["started", "retried", "started", "finished", "started", "finished"]


def test_F23_a_step_whose_worker_is_killed_each_time_fails_with_the_signal_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("specc.execute.retry.FIRST_SECONDS", 0.01)
    step = fake_step("doomed", ticks=5, kill=int(signal.SIGKILL), kills=4)
    outcome = run(tmp_path, step, fake_step("other", ticks=2))
    (failure,) = outcome.failures
    assert failure.error == "WorkerLost"
    assert "SIGKILL" in failure.message
    assert labels(tmp_path, "start").count("doomed") == 4
    assert labels(tmp_path, "end") == ["other"]


def test_F07_a_full_disk_stops_the_start_of_further_steps(tmp_path: Path) -> None:
    steps = [fake_step("full", fail="disk", seconds=9.0), *(fake_step(str(n)) for n in range(5))]
    outcome = run(tmp_path, *steps, workers=1)
    assert outcome.exit_code == 4
    assert outcome.failures[0].error == "DiskFull"
    assert labels(tmp_path, "start") == ["full"]


def test_F14_a_damaged_input_is_set_aside_and_made_again_in_the_same_run(tmp_path: Path) -> None:
    base = fake_step("base")
    assert run(tmp_path, base).exit_code == 0
    store = Store(tmp_path)
    (store.path(base.key) / "label.txt").write_text("flipped")
    outcome = run(tmp_path, base, *(fake_step(f"user{n}", base) for n in range(4)))
    assert outcome.exit_code == 0
    assert labels(tmp_path, "end").count("base") == 2
    assert len(list((tmp_path / "quarantine").iterdir())) == 1
    assert (store.path(base.key) / "label.txt").read_text() == "base"


def test_the_folder_of_a_run_holds_its_plan_and_how_it_ended(tmp_path: Path) -> None:
    steps = [fake_step("a"), fake_step("b", fail="data")]
    run(tmp_path, *steps)
    run(tmp_path, steps[0])
    plan = json.loads((tmp_path / "runs/000001/plan.json").read_text())
    assert [step["key"] for step in plan["steps"]] == [step.key for step in steps]
    first, last = read_status(tmp_path, 1), read_status(tmp_path)
    assert first is not None
    assert first.state == "failed"
    assert last is not None
    assert (last.run, last.state) == (2, "done")


def test_the_hook_is_called_after_work_and_its_errors_end_nothing(tmp_path: Path) -> None:
    calls = []

    def index() -> None:
        calls.append(len(labels(tmp_path, "end")))
        raise RuntimeError("no index today")

    stream = io.StringIO()
    options = replace(OPTIONS, on_change=index)
    assert run_study(study_of(fake_step("a")), tmp_path, options, PlainConsole(stream)).exit_code == 0
    assert calls[-1] == 1
    assert stream.getvalue().count("no index today") == 1
    calls.clear()
    assert run(tmp_path, fake_step("a"), on_change=index).exit_code == 0
    assert calls == []


def test_a_device_that_is_not_here_is_one_message_before_any_step(tmp_path: Path) -> None:
    steps = [
        replace(step, execution={"device": "gpu"}) for step in (fake_step("a"), fake_step("b", seconds=2.0))
    ]
    outcome = run(tmp_path, fake_step("first"), *steps)
    assert isinstance(outcome.error, NoDevice)
    assert outcome.error.message == "there is no device `gpu` here"
    assert (outcome.error.help or "").startswith("give `--device` one of `cpu`")
    assert (outcome.state, outcome.failures) == ("failed", ())
    assert labels(tmp_path, "start") == []
    status = read_status(tmp_path)
    assert status is not None
    assert status.error == outcome.error.message


def test_a_run_without_anything_to_do_asks_for_no_device(tmp_path: Path) -> None:
    step = fake_step("a")
    assert run(tmp_path, step).exit_code == 0
    assert run(tmp_path, replace(step, execution={"device": "gpu"})).exit_code == 0


def test_a_worker_that_was_asked_for_a_device_that_is_here_ends_and_frees_its_slot(tmp_path: Path) -> None:
    executor = LocalExecutor(tmp_path, 1, tmp_path / "log", ENTRY, ())
    try:
        executor.require([{"device": "cpu:0", "replicas": 1}], give_up=lambda: False)
        assert executor.idle() == [0]
        assert executor.in_slot == {}
    finally:
        executor.close()
