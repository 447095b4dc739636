"""Runs of real steps in workers forked from a server that has torch loaded."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from small_study import BATCH, SEQUENCE, small_study
from specc.execute.console import SilentConsole
from specc.execute.run import RunOptions, run_study
from specc.steps import Step
from specc.store import Store, open_workspace
from specc.study import Study
from specc_runtime.run import run_step


def run_here(workspace: Path, study: Study) -> None:
    """Do all steps in this process, one after another, undisturbed."""
    store = Store(open_workspace(workspace, create=True))
    for step in study.steps:
        description = {name: getattr(step, name) for name in Step.model_fields}
        run_step(Step.model_validate(description), store, lambda report: None, lambda: False)


def contents(workspace: Path, study: Study) -> dict[str, dict[str, str]]:
    """Checksums of what the steps made, except for logs, which hold times."""
    store = Store(workspace)
    return {
        step.key: {
            name: record.sha256
            for name, record in store.manifest(step.key).files.items()
            if name != "metrics.jsonl"
        }
        for step in study.steps
    }


def children(pid: int) -> list[int]:
    return [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_study_trains_and_measures_in_workers_as_it_does_in_one_process(tmp_path: Path) -> None:
    study = small_study()
    outcome = run_study(study, tmp_path / "workers", RunOptions(workers=2), SilentConsole())
    assert outcome.failures == ()
    assert outcome.exit_code == 0
    store = Store(tmp_path / "workers")
    losses = {}
    for step in study.steps:
        manifest = store.manifest(step.key)
        if step.op == "train":
            assert manifest.outputs["tokens"] == {"corpus0": manifest.params["steps"] * BATCH * SEQUENCE}
            assert manifest.provenance.threads == 1
        if step.op == "eval":
            losses[step.label] = manifest.outputs["value"]
    assert losses["seed=0/60 steps/loss"] < losses["seed=0/30 steps/loss"] < 5.6
    run_here(tmp_path / "here", study)
    assert contents(tmp_path / "workers", study) == contents(tmp_path / "here", study)


@pytest.mark.conformance
def test_F02_F17_a_run_whose_worker_was_killed_and_that_was_preempted_ends_in_the_same_bits(
    tmp_path: Path,
) -> None:
    study = small_study(seeds=1, segments=1, length=600, checkpoint_seconds=0.3)
    trained = next(step for step in study.steps if step.op == "train")
    workspace = tmp_path / "disturbed"
    checkpoints = Store(workspace).work(trained.key) / "checkpoints"

    def await_checkpoint_after(step: int) -> int:
        while not (found := [int(path.name) for path in checkpoints.glob("0*")]) or max(found) <= step:
            time.sleep(0.01)
        return max(found)

    def disturb() -> None:
        first = await_checkpoint_after(0)
        for server in children(os.getpid()):
            for worker in children(server):
                os.kill(worker, signal.SIGKILL)
        await_checkpoint_after(first)
        os.kill(os.getpid(), signal.SIGUSR1)  # as a batch system does

    disturber = threading.Thread(target=disturb)
    disturber.start()
    options = RunOptions(workers=1)
    preempted = run_study(study, workspace, options, SilentConsole())
    assert (preempted.state, preempted.exit_code) == ("interrupted", 75)
    disturber.join()
    assert run_study(study, workspace, options, SilentConsole()).state == "done"
    assert Store(workspace).manifest(trained.key).provenance.resumed == 2
    run_here(tmp_path / "calm", study)
    assert contents(workspace, study) == contents(tmp_path / "calm", study)
