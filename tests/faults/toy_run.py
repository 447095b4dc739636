"""A whole run in one process: the schedule, steps that train nothing, their publication, the index.

Every operation on a file is then one of this process, so all of them can be counted and killed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fake_steps import fake_step, study_of
from specc import errors
from specc.errors import SpeccError
from specc.execute.console import SilentConsole
from specc.execute.executor import Done, Event, Failed
from specc.execute.run import RunOptions, run_study
from specc.files import write_file
from specc.results.reader import open_results
from specc.results.storage import OF_WORKSPACE, TABLES
from specc.steps import Step
from specc.store import Manifest, Store
from specc.study import PlannedStep, Study
from specc_runtime.attempt import Attempt

DoStep = Callable[[Step, Store, Callable[[dict[str, Any]], None], Callable[[], bool]], Manifest]

VOLATILE = {
    "stamp",
    "started",
    "wall_seconds",
    "cpu_seconds",
    "seconds",
    "resumed",
    "run",
    "folder",
    "outputs",
    "generation",
    "failures",
}
"""Columns that tell when and how often something was done, or with what speed (`outputs`)."""


def write_label(
    step: Step, store: Store, report: Callable[[dict[str, Any]], None], stopping: Callable[[], bool]
) -> Manifest:
    """A step whose artifact holds its label."""
    with errors.disk_errors(store.workspace):
        attempt = Attempt(step, store, report, stopping)
        for role in step.inputs:
            attempt.input(role)
        write_file(attempt.artifact / "label.txt", step.label)
        return attempt.publish({})


class HereExecutor:
    """Does each step in this process, when it is polled."""

    def __init__(self, do: DoStep, workspace: Path) -> None:
        self.do = do
        self.store = Store(workspace)
        self.held: dict[int, PlannedStep] = {}

    def idle(self) -> list[int]:
        return [] if self.held else [0]

    def submit(self, slot: int, *steps: PlannedStep) -> None:
        (self.held[slot],) = steps

    def poll(self, timeout: float) -> list[Event]:
        events: list[Event] = []
        for slot, step in self.held.items():
            description = {name: getattr(step, name) for name in Step.model_fields}
            try:
                self.do(Step.model_validate(description), self.store, lambda report: None, lambda: False)
                events.append(Done(slot, step.key, 0.0))
            except SpeccError as error:
                key = getattr(error, "key", None)
                events.append(Failed(slot, step.key, type(error).__name__, error.message, error.help, key))
        self.held.clear()
        return events

    def stop(self) -> None: ...

    def close(self) -> None: ...


def toy_study() -> Study:
    first = fake_step("first")
    study = study_of(first, fake_step("second", first))
    return study.model_copy(update={"stages": tuple(replace(stage, ends=(1,)) for stage in study.stages)})


def run_here(study: Study, workspace: Path, do: DoStep = write_label) -> None:
    """Run a study in this process.

    Raises:
        SpeccError: what ended the run, or else its first failed step.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("specc.execute.run.LocalExecutor", lambda *given, **named: HereExecutor(do, workspace))
        options = RunOptions(workers=1)
        outcome = run_study(study, workspace, options, SilentConsole())
        if outcome.error is not None:
            raise outcome.error
        for failure in outcome.failures:
            raise getattr(errors, failure.error)(failure.message, failure.help)
        assert outcome.state == "done"


def rows(workspace: Path) -> dict[str, list[str]]:
    """What the index stores, in order, without the columns of `VOLATILE`, the list of runs and
    what is known of folders."""
    connection = open_results(workspace)
    try:
        found = {}
        for table in TABLES:
            columns = [
                column
                for column, *_ in connection.execute(f"DESCRIBE {table}").fetchall()
                if column not in VOLATILE
            ]
            if not columns or table in (*OF_WORKSPACE, "recorded.folders"):
                continue
            chosen = ", ".join(f"{column}::VARCHAR" for column in columns)
            stored = map(str, connection.execute(f"SELECT {chosen} FROM {table}").fetchall())
            found[table] = sorted(row for row in stored if "metrics.jsonl" not in row)  # it holds times
        return found
    finally:
        connection.close()
