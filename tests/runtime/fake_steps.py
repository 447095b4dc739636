"""Steps that train nothing: they sleep, fail or die as their parameters say.

Used by the tests of execution in place of `specc_runtime.run:run_step`, in real worker processes.
The behaviour of a step stands in the arguments of its architecture:

* ticks: how many times it sleeps `pause` seconds, each a point at which it saves its position;
* bytes: size of its artifact; fail: name of an error;
* kill: signal that it sends itself at its first `kills` attempts;
* chance: whether its artifact is another each time;
* noise: how much more its weights are in a workspace than in the scratch folder of one; lanes: models
  that it says were trained together, but for the scratch folder.
"""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from specc.errors import DataError, disk_errors
from specc.steps import Step, identity, step_key
from specc.store import Manifest, Provenance, Store
from specc.study import Arm, PlannedStep, StageRun, Study
from specc_runtime.attempt import Interrupted

ENTRY = "fake_steps:run_step"

HOLD = "hold"
"""Name of a file in the workspace; while it is there, steps wait between two ticks."""


def run_step(
    step: Step, store: Store, report: Callable[[dict[str, Any]], None], stopping: Callable[[], bool]
) -> Manifest:
    """Do what the step's parameters say; its artifact holds a file with its label."""
    with disk_errors(store.workspace):
        return do(step, store, report, stopping)


def do(
    step: Step, store: Store, report: Callable[[dict[str, Any]], None], stopping: Callable[[], bool]
) -> Manifest:
    behaviour = step.params["architecture"]["args"]
    began = time.monotonic()
    for key in step.inputs.values():
        store.verify(key)
    work = store.work(step.key)
    (work / "artifact").mkdir(parents=True, exist_ok=True)
    attempts = count_attempt(work)
    note(store, "start", step)
    position = work / "position"
    done = int(position.read_text()) if position.exists() else 0
    while done < behaviour.get("ticks", 0):
        while (store.workspace / HOLD).exists() and not stopping():
            time.sleep(0.01)
        if stopping():
            raise Interrupted
        time.sleep(behaviour.get("pause", 0.01))
        done += 1
        save(position, done)
        report({"kind": "progress", "step": done, "of": behaviour["ticks"], "tokens_per_second": 1000.0})
        if attempts <= behaviour.get("kills", 0):
            os.kill(os.getpid(), behaviour["kill"])
    fail(behaviour.get("fail"))
    note(store, "end", step)
    (work / "artifact" / "label.txt").write_text(step.label + "x" * behaviour.get("bytes", 0))
    in_scratch = store.workspace.name.startswith("verify-")
    if behaviour.get("chance"):
        (work / "artifact" / "chance.bin").write_bytes(os.urandom(16))
    if "noise" in behaviour:
        save_weights(work / "artifact", 0.0 if in_scratch else behaviour["noise"])
        log = {"step": 1, "loss": 2.5, "seconds": time.monotonic()}
        (work / "artifact" / "metrics.jsonl").write_text(json.dumps(log) + "\n")
    computed = {"lanes": behaviour["lanes"]} if "lanes" in behaviour and not in_scratch else {}
    seconds = time.monotonic() - began
    provenance = Provenance(versions={}, wall_seconds=seconds, computed=computed)
    return store.publish(step, work / "artifact", {"tokens_per_second": 1 / seconds}, provenance)


def save_weights(folder: Path, noise: float) -> None:
    """Two tensors of ones; the last number of the second is `noise` more."""
    import numpy as np
    from safetensors.numpy import save_file

    off = np.ones(8, dtype=np.float32)
    off[-1] += noise
    save_file({"a": np.ones(4, dtype=np.float32), "b": off}, folder / "model.safetensors")


def save(position: Path, done: int) -> None:
    aside = position.with_suffix(".new")
    aside.write_text(str(done))
    aside.replace(position)


def fail(name: str | None) -> None:
    if name == "data":
        raise DataError("line 3 of `facts.jsonl` is no JSON", "mend the line")
    if name == "bug":
        raise ZeroDivisionError("division by zero")
    if name == "memory":
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried 8 TB")
    if name == "disk":
        raise OSError(errno.ENOSPC, "No space left on device")


def count_attempt(work: Path) -> int:
    with open(work / "attempts", "a+") as file:
        file.write("x")
        return file.tell()


def note(store: Store, what: str, step: Step) -> None:
    """Append a line to the workspace's diary: O_APPEND keeps lines of several workers whole."""
    line = {"what": what, "label": step.label, "pid": os.getpid(), "at": time.monotonic()}
    with open(store.workspace / "diary", "a") as file:
        file.write(json.dumps(line) + "\n")


def diary(workspace: Path) -> list[dict[str, Any]]:
    path = workspace / "diary"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def fake_step(label: str, *parents: PlannedStep, seconds: float = 1.0, **behaviour: Any) -> PlannedStep:
    """A step that does what `behaviour` says, after its parents."""
    params = {"architecture": {"name": "fake", "args": {"label": label, **behaviour}}, "vocab": 2, "seed": 0}
    inputs = {"parent" if number == 0 else f"corpus{number}": made.key for number, made in enumerate(parents)}
    step = Step(key="", op="init", params=params)
    return PlannedStep(
        key=step_key("init", identity(step.parsed()[0]), inputs),
        op="init",
        inputs=inputs,
        params=params,
        execution={},
        label=label,
        seconds=seconds,
    )


def study_of(*steps: PlannedStep) -> Study:
    """A study in which each step is the only stage of an arm of its own."""
    return Study(
        experiment="fake",
        spec="fake.spec",
        arms=tuple(
            Arm(arm=number, recipe="base", axes={}, seed=0, label=f"arm-{step.label}")
            for number, step in enumerate(steps)
        ),
        stages=tuple(
            StageRun(
                arm=number,
                stage="pretrain",
                parent="",
                steps=1,
                tokens=1,
                flops=1.0,
                segments=(step.key,),
                checkpoint=step.key,
            )
            for number, step in enumerate(steps)
        ),
        steps=steps,
    )
