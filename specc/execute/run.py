"""Run a study: one entry that takes it to an outcome, whatever happens on the way."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from specc.errors import NoDevice, SpeccError
from specc.execute.console import Console
from specc.execute.drive import Drive
from specc.execute.executor import ExecutorLost
from specc.execute.interrupts import Interrupts
from specc.execute.lanes import Lanes
from specc.execute.local import LocalExecutor, default_workers
from specc.execute.lock import Holder, WorkspaceLock, described
from specc.execute.record import RunRecord
from specc.execute.schedule import Schedule
from specc.execute.status import RunState, RunStatus, StepFailure
from specc.execute.watch import Watch
from specc.history.recipe import KeptRecipe
from specc.store import Store, open_workspace
from specc.study import Study

EXIT_CODES: dict[RunState, int] = {"done": 0, "failed": 4, "interrupted": 130}
"""Exit code of `specc run` by how the run ended."""

PREEMPTED = 75
"""Exit code of a run that a batch system interrupted: start it again (EX_TEMPFAIL of sysexits.h)."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a study is run; changes no result.

    Attributes:
        workers: steps done at once; None for one per processor.
        lanes: training steps of one shape that a worker trains together at most.
        wait: whether to wait for another run in the workspace to end.
        grace_seconds: what an interrupted run gives its steps to save a checkpoint.
        again: command that goes on with the run; "" for `specc run` on the study's recipe.
        on_change: called after steps have gone on or finished, and once at the end if any did.
        recipe: text of the recipe, to be kept with the run.
        entry, preload: what does a step in a worker, and the modules that the server of workers
            loads; None for the runtime's own.
    """

    workers: int | None = None
    lanes: Lanes = "off"
    wait: bool = True
    grace_seconds: float = 30.0
    again: str = ""
    on_change: Callable[[], None] | None = None
    recipe: KeptRecipe | None = None
    entry: str | None = None
    preload: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How a run ended.

    Attributes:
        status: its last picture; None if it was interrupted while it waited for another run.
        error: what ended the run as a whole, if not its steps.
        preempted: whether it was interrupted by SIGTERM or SIGUSR1.
    """

    state: RunState
    status: RunStatus | None = None
    error: SpeccError | None = None
    preempted: bool = False

    @property
    def exit_code(self) -> int:
        if self.state == "interrupted" and self.preempted:
            return PREEMPTED
        return EXIT_CODES[self.state]

    @property
    def failures(self) -> tuple[StepFailure, ...]:
        return self.status.failures if self.status is not None else ()


def run_study(study: Study, workspace: Path, options: RunOptions, console: Console) -> RunOutcome:
    """Do every step of a study that is not in the store.

    SIGINT, SIGTERM and SIGUSR1 end it in good order (see `Drive.run`). Steps that fail don't end it.

    Raises:
        WorkspaceError: the workspace can't be used, or is in use and `options.wait` is false.
        DiskFull: there is no room even to begin.
    """
    workspace = open_workspace(workspace, create=True)

    def waiting(holder: Holder | None) -> None:
        console.note(f"waiting for {described(holder)}, which works in {workspace}")

    with Interrupts() as interrupts, WorkspaceLock(workspace) as lock:
        if not lock.acquire(options.wait, waiting, give_up=lambda: interrupts.count > 0):
            return RunOutcome("interrupted", preempted=interrupts.preempted)
        record = RunRecord(workspace, study, options.recipe)
        try:
            lock.sign(record.run)
            return run_locked(study, Store(workspace), record, options, console, interrupts)
        finally:
            record.close()


def run_locked(
    study: Study,
    store: Store,
    record: RunRecord,
    options: RunOptions,
    console: Console,
    interrupts: Interrupts,
) -> RunOutcome:
    """Run with the lock in hand and the folder of the run made."""
    store.reclaim()
    done = {step.key for step in study.steps if store.has(step.key)}
    todo = len(study.steps) - len(done)
    processors = options.workers or default_workers()
    workers = max(1, min(processors, todo))
    schedule = Schedule(study.steps, done, workers, processors, options.lanes)
    watch = Watch(study, schedule, record, console, workers, os.getpid(), options.on_change, options.again)
    executor = LocalExecutor(store.workspace, workers, record.log, options.entry, options.preload)
    drive = Drive(schedule, executor, store, watch, interrupts, options.grace_seconds)
    first = watch.status("running")
    console.started(first)
    error: SpeccError | None = None
    state: RunState = "failed"
    try:
        if todo:
            record.status(first)
            if devices := devices_of(study, done):
                executor.require(devices, lambda: interrupts.count > 0)
            drive.run()
        error = record.trouble
        state = end_state(schedule, interrupts, error)
    except (ExecutorLost, NoDevice) as lost:
        error = lost
    finally:
        executor.close()
        watch.abandon_running()
        if watch.changed:
            watch.call_hook()
        status = watch.status(state, error)
        record.status(status)
        console.ended(status)
    return RunOutcome(state, status, error, interrupts.preempted)


def devices_of(study: Study, done: set[str]) -> list[dict[str, Any]]:
    """What the steps to do ask of the machine beside processors: each `device` with its `replicas` once."""
    asked = {
        (step.execution["device"], step.execution.get("replicas", 1))
        for step in study.steps
        if step.key not in done and step.execution.get("device", "cpu") != "cpu"
    }
    return [{"device": device, "replicas": replicas} for device, replicas in sorted(asked)]


def end_state(schedule: Schedule, interrupts: Interrupts, error: SpeccError | None) -> RunState:
    """How a run ended, by what became of its steps."""
    counts = schedule.counts
    if counts.reused + counts.done == counts.total:
        return "done"
    if interrupts.count > 0 and error is None:
        return "interrupted"
    return "failed"
