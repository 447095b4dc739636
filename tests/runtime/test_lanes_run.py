"""Whole runs with lanes: results do not depend on grouping, and survive a worker that is killed."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest
from safetensors.torch import load_file

from small_study import STEPS, small_study
from specc.execute.console import SilentConsole
from specc.execute.lanes import Lanes
from specc.execute.run import RunOptions, run_study
from specc.store import Store
from specc.study import Study
from specc.verify.again import do_again
from test_execute_real import children, contents

pytestmark = pytest.mark.conformance


def run(workspace: Path, study: Study, lanes: Lanes, workers: int = 1) -> Store:
    outcome = run_study(study, workspace, RunOptions(workers=workers, lanes=lanes), SilentConsole())
    assert outcome.failures == ()
    assert outcome.exit_code == 0
    return Store(workspace)


def test_results_depend_on_whether_lanes_are_on_and_not_on_how_steps_were_grouped(tmp_path: Path) -> None:
    study = small_study(seeds=3)
    grouped = run(tmp_path / "grouped", study, "auto")
    run(tmp_path / "divided", study, 2, workers=2)
    run(tmp_path / "single", study, 1)
    apart = run(tmp_path / "apart", study, "off")
    assert contents(tmp_path / "grouped", study) == contents(tmp_path / "divided", study)
    assert contents(tmp_path / "grouped", study) == contents(tmp_path / "single", study)
    lanes = []
    for step in study.steps:
        if step.op == "train":
            lanes.append(grouped.manifest(step.key).provenance.computed["lanes"])
            assert "lanes" not in apart.manifest(step.key).provenance.computed
            if step.params["steps"] == STEPS:  # later, this stage multiplies every rounding
                weights = [
                    load_file(store.path(step.key) / "model.safetensors") for store in (grouped, apart)
                ]
                for name, mine in weights[0].items():
                    assert float((mine - weights[1][name]).norm()) <= 1e-5 * float(mine.norm())
    assert lanes == [3] * 6
    trained = [step.key for step in study.steps if step.op == "train"]
    assert [one.state for one in do_again(grouped, trained[:1])] == ["same"]


def test_lanes_whose_worker_was_killed_end_in_the_same_bits(tmp_path: Path) -> None:
    study = small_study(seeds=3, segments=1, length=200, checkpoint_seconds=0.2)
    workspace = tmp_path / "killed"
    trained = [step.key for step in study.steps if step.op == "train"]

    def kill() -> None:
        folders = [Store(workspace).work(key) / "checkpoints" for key in trained]
        until = time.monotonic() + 60
        while not all(list(folder.glob("0*")) for folder in folders) and time.monotonic() < until:
            time.sleep(0.01)
        for server in children(os.getpid()):
            for worker in children(server):
                os.kill(worker, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    killed = run(workspace, study, "auto")
    killer.join()
    assert [killed.manifest(key).provenance.resumed for key in trained] == [1, 1, 1]
    run(tmp_path / "calm", study, "auto")
    assert contents(workspace, study) == contents(tmp_path / "calm", study)
