"""What the system costs a small step beyond its training, and a run of which everything is reused.

    python tests/benchmarks/step_overhead.py [--steps 40] [--workers 2]

Runs `--steps` training segments of 20 training steps each, and as many evaluations, in workers.
Overhead of a step is the workers' time, from the first step's start to the last one's end, minus
the time that training loops took by their own logs, over the number of steps; evaluations count as
overhead in full. Goals: below 100 ms a step, and below 2 s for the run that has nothing to do.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "runtime"), str(ROOT / "tests" / "runtime")]

from small_study import small_study  # noqa: E402 - its folder was added above
from specc.execute.console import SilentConsole  # noqa: E402 - as above
from specc.execute.run import RunOptions, run_study  # noqa: E402 - as above
from specc.store import Store  # noqa: E402 - as above
from specc.study import Study  # noqa: E402 - as above


def span(workspace: Path) -> float:
    """Seconds from the first step's start in a worker to the last one's end."""
    lines = [json.loads(line) for line in (workspace / "runs/000001/events.jsonl").read_text().splitlines()]
    ends = [line for line in lines if line["event"] == "finished"]
    first = min(datetime.fromisoformat(line["time"]).timestamp() - line["seconds"] for line in ends)
    return max(datetime.fromisoformat(line["time"]).timestamp() for line in ends) - first


def training_seconds(workspace: Path, study: Study) -> float:
    """Seconds that the training loops took, from the logs of their training steps."""
    store = Store(workspace)
    total = 0.0
    for step in study.steps:
        if step.op == "train":
            log = store.path(step.key) / "metrics.jsonl"
            total += json.loads(log.read_text().splitlines()[-1])["seconds"]
    return total


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    study = small_study(seeds=4, segments=options.steps // 4, length=20)
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder)
        run_options = RunOptions(workers=options.workers)
        began = time.monotonic()
        outcome = run_study(study, workspace, run_options, SilentConsole())
        whole = time.monotonic() - began
        assert outcome.state == "done", outcome.failures
        busy = span(workspace) * options.workers
        training = training_seconds(workspace, study)
        overhead = (busy - training) / len(study.steps)
        print(f"{len(study.steps)} steps, {options.workers} workers, {os.cpu_count()} processors")
        print(
            f"whole run            {whole:8.2f} s, of which {whole - span(workspace):.2f} s to start and end"
        )
        print(f"training loops       {training:8.2f} s")
        print(f"overhead of a step   {overhead * 1e3:8.1f} ms of a worker (goal: below 100)")
        began = time.monotonic()
        outcome = run_study(study, workspace, run_options, SilentConsole())
        print(
            f"everything reused    {(time.monotonic() - began) * 1e3:8.1f} ms in process (goal: below 2000)"
        )


if __name__ == "__main__":
    main()
