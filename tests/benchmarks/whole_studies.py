"""Whole studies, from recipe to recorded results: `specc run` against a script with HF Trainer.

    python tests/benchmarks/whole_studies.py [facts] [sweep] [--seeds N] [--peer-arms N] [--lanes L]

facts   specs/early_exposure/facts.spec: 5 arms, 3 seeds (`--seeds`), three stages each
sweep   20 learning rates of a fine-tuning from one parent

`specc run` begins in an empty workspace: start-up, data, training, evaluation and recording all count.
The script (trainer_study.py) does every arm from scratch, one after another, with the same
initial weights and the same rows in the same order, which it is given. Arms of it cost alike, so
`--peer-arms` may measure a few and scale them up; start-up is not scaled. Both have the machine to
themselves, one after the other; wall time and the CPU time of all processes are told. Before that
their numbers are compared: losses of the last stage, and evaluations.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from specc.components import arguments
from specc.steps import Step, TrainParams
from specc.store import Store
from specc.study import StageRun, Study
from specc_runtime.attempt import Attempt
from specc_runtime.packing import Batch
from specc_runtime.prepared import open_split
from specc_runtime.schedule import learning_rate
from specc_runtime.train import open_mixture

SPECS = Path(__file__).parents[2] / "specs"
RATES = ", ".join(f"{3e-5 * 1.25**number:.3g}" for number in range(20))
SWEEP = f"""
use "models.spec" {{ facts_64 }}

experiment tuning_sweep {{
  "Which learning rate of a fine-tuning keeps what was known before?"

  sweep rate in [{RATES}]

  corpus language   = markov(tokens = 1M tokens)
  corpus target     = facts(count = 96, draw = 1, max_epochs = 1000)
  corpus downstream = facts(count = 48, draw = 2, max_epochs = 1000)

  allocate {{
    target     76_800 tokens {{ pretrain: 100% }}
    language                 {{ pretrain: fill }}
    downstream 46_080 tokens {{ finetune: 100% }}
  }}

  stage pretrain from facts_64 {{
    budget    = 345_600 tokens
    batch     = 24 sequences
    optimizer = adamw()
    schedule  = cosine(peak = 3e-3, warmup = 5%, floor = 10%)
  }}

  stage finetune from pretrain {{
    schedule = constant(peak = rate)
  }}

  eval retained = exact_match(target.train)     after finetune
  eval others   = exact_match(downstream.train) after finetune
  eval L_ret    = loss(target.train)            after finetune

  compare kept = ```sql
    select rate, value from results where eval = 'retained' order by rate
  ```
}}
"""
SUBREAPER = 36
"""PR_SET_CHILD_SUBREAPER: processes whose parent has ended become ours, so that their time is counted."""


@dataclass(frozen=True)
class Cost:
    """Seconds of a command and all that it started."""

    wall: float
    cpu: float


def run(command: list[str], cwd: Path, **environment: str) -> tuple[Cost, str]:
    """Run a command to its end; what it cost and printed.

    Raises:
        SystemExit: if it fails.
    """
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, env=os.environ | environment)
    wall = time.perf_counter() - began
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            break
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 3):  # 3: an expectation is not met
        raise SystemExit(f"{command} failed:\n{done.stderr}")
    return Cost(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime), done.stdout


def steps_by_key(study: Study) -> dict[str, Step]:
    fields = ("key", "op", "inputs", "params", "execution", "label")
    return {one.key: Step(**{name: getattr(one, name) for name in fields}) for one in study.steps}


class Peer:
    """Writes the study of a finished run as trainer_study.py reads it."""

    def __init__(self, study: Study, store: Store, folder: Path) -> None:
        self.study = study
        self.store = store
        self.folder = folder
        self.steps = steps_by_key(study)
        self.written: set[str] = set()

    def write(self) -> None:
        arms = []
        for arm in self.study.arms:
            stages = [one for one in self.study.stages if one.arm == arm.arm and one.segments]
            first = self.steps[stages[0].segments[0]]
            model = str(self.store.path(first.inputs["parent"]).absolute())
            arms.append({"label": arm.label, "model": model, "stages": [self.stage(one) for one in stages]})
        (self.folder / "study.json").write_text(json.dumps({"arms": arms}))

    def stage(self, stage: StageRun) -> dict[str, Any]:
        step = self.steps[stage.checkpoint]
        params, _ = step.parsed()
        assert isinstance(params, TrainParams)
        name = f"{step.key}.npz"
        if name not in self.written:
            self.written.add(name)
            self.rows(step, params, self.folder / name)
        given: dict[str, Any] = arguments(params.optimizer)
        return {
            "stage": stage.stage,
            "rows": name,
            "batch": params.batch,
            "rates": [learning_rate(self.phases(stage), number) for number in range(params.steps)],
            "weight_decay": given["weight_decay"],
            "betas": [given["beta1"], given["beta2"]],
            "eps": given["eps"],
            "clip": params.clip,
            "measures": self.measures(stage),
        }

    def phases(self, stage: StageRun) -> list[Any]:
        """The curve over the whole stage: a state has that of its own steps."""
        return [phase for key in stage.segments for phase in self.steps[key].parsed()[0].phases]

    def rows(self, step: Step, params: TrainParams, path: Path) -> None:
        attempt = Attempt(step, self.store, lambda report: None, lambda: False)
        vocab = self.store.manifest(step.inputs["parent"]).outputs["vocab"]
        batch: Batch = open_mixture(attempt, params, vocab).batch(0, params.steps * params.batch)[0]
        np.savez(path, input_ids=batch.tokens, labels=batch.labels, position_ids=batch.positions)

    def measures(self, stage: StageRun) -> list[dict[str, Any]]:
        found = []
        for measure in self.study.measures:
            if measure.arm == stage.arm and measure.stage == stage.stage:
                step = self.steps[measure.key]
                name = f"{step.inputs['corpus0']}.npz"
                if name not in self.written:
                    self.written.add(name)
                    split = open_split(self.store.path(step.inputs["corpus0"]), step.params["data"]["split"])
                    arrays = {
                        part: np.array(getattr(split, part)) for part in ("tokens", "offsets", "prompts")
                    }
                    np.savez(self.folder / name, **arrays)
                kind = step.params["evaluator"]["name"]
                found.append({"name": measure.eval, "eval": kind, "documents": name})
        return found


def shares(study: Study, store: Store, whole: Cost) -> str:
    """Where the CPU time of a run went, by operation; the rest is start-up, planning and recording."""
    spent: dict[str, float] = defaultdict(float)
    for step in study.steps:
        spent[step.op] += store.manifest(step.key).provenance.cpu_seconds
    spent["start-up, planning, recording"] = whole.cpu - sum(spent.values())
    parts = sorted(spent.items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {seconds:.1f} s ({seconds / whole.cpu:.0%})" for name, seconds in parts)


def compared(study: Study, store: Store, peers: list[dict[str, Any]]) -> str:
    """Largest differences between what both measured, over the arms that the script has done."""
    arms = {arm.label: arm.arm for arm in study.arms}
    loss = value = 0.0
    for peer in peers:
        number = arms[peer["arm"]]
        for stage in study.stages:
            if stage.arm == number and stage.segments and stage.stage in peer["losses"]:
                mine = store.manifest(stage.checkpoint).outputs["loss"]
                loss = max(loss, abs(peer["losses"][stage.stage] / mine - 1))
        for measure in study.measures:
            if measure.arm == number and measure.metric == "exact_match":
                theirs = peer["values"][f"{measure.eval} after {measure.stage}"]
                value = max(value, abs(theirs - store.manifest(measure.key).outputs["value"]))
    return f"largest differences: {loss:.1%} of a stage's last losses, {value:.3f} of an exact match"


def compete(name: str, text: str, options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "models.spec").write_text((SPECS / "models.spec").read_text())
        (folder / "study.spec").write_text(text)
        command = [sys.executable, "-m", "specc", "run", "study.spec", "--lanes", options.lanes]
        ours, _ = run(command, folder)
        store = Store(folder / ".specc")
        study = Study.model_validate_json((store.workspace / "runs" / "000001" / "plan.json").read_bytes())
        Peer(study, store, folder).write()
        arms = min(options.peer_arms or len(study.arms), len(study.arms))
        script = [sys.executable, str(Path(__file__).with_name("trainer_study.py")), str(folder)]
        environment = {"HF_HUB_OFFLINE": "1"}
        if options.peer_threads:
            environment["OMP_NUM_THREADS"] = str(options.peer_threads)
        theirs, printed = run([*script, "--arms", str(arms)], folder, **environment)
        start, _ = run([*script, "--arms", "0"], folder, **environment)
        scale = len(study.arms) / arms
        script_wall = start.wall + (theirs.wall - start.wall) * scale
        script_cpu = start.cpu + (theirs.cpu - start.cpu) * scale
        mine = sum(step.op == "train" for step in study.steps)
        scratch = sum(bool(stage.segments) for stage in study.stages)
        print(f"{name}: {len(study.arms)} arms, {scratch} stages, {mine} trainings for specc")
        print(f"  specc run            {ours.wall:8.1f} s wall {ours.cpu:8.1f} s CPU")
        scaled = "" if scale == 1 else f" ({arms} of {len(study.arms)} arms measured)"
        print(f"  script with Trainer  {script_wall:8.1f} s wall {script_cpu:8.1f} s CPU{scaled}")
        print(f"  ratio                {script_wall / ours.wall:8.2f}        {script_cpu / ours.cpu:8.2f}")
        print(f"  specc's CPU time: {shares(study, store, ours)}")
        peers = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
        print(f"  {compared(study, store, peers)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("studies", nargs="*", default=["facts", "sweep"], choices=["facts", "sweep"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--peer-arms", type=int)
    parser.add_argument(
        "--peer-threads", type=int, help="1 where the machine is busy: threads that wait spin"
    )
    parser.add_argument("--lanes", default="auto")
    options = parser.parse_args()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    for name in options.studies:
        if name == "facts":
            text = (SPECS / "early_exposure" / "facts.spec").read_text()
            text = re.sub(r"seeds 0\.\.\d+", f"seeds 0..{options.seeds - 1}", text)
            compete(name, text.replace('"../models.spec"', '"models.spec"'), options)
        else:
            compete(name, SWEEP, options)


if __name__ == "__main__":
    main()
