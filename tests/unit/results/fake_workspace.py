"""A workspace as runs leave it, written file by file, without a runtime."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from specc.store import FileRecord, Manifest, Provenance, Store, open_workspace
from specc.study import Arm, Axis, Cell, Expectation, Measure, PlannedStep, StageRun, Study

EARLY = Axis(name="early", type="fraction", values=(0.0, 0.5))


def key(name: str) -> str:
    """A step's key made from a readable name."""
    return hashlib.sha256(name.encode()).hexdigest()


class FakeWorkspace:
    """Writes plans, finished steps and growing logs into a workspace."""

    def __init__(self, path: Path) -> None:
        self.path = open_workspace(path / ".specc", create=True)
        self.store = Store(self.path)

    def plan(self, run: int, study: Study) -> None:
        folder = self.path / "runs" / f"{run:06}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "plan.json").write_text(study.model_dump_json())

    def finish(
        self,
        name: str,
        op: str,
        outputs: dict[str, Any],
        files: dict[str, str] | None = None,
        wall_seconds: float = 1.0,
    ) -> None:
        """Publish a step as `Store.publish` does: the folder appears whole, by one rename."""
        aside = self.path / "work" / f"{key(name)}.publishing"
        aside.mkdir()
        files = files or {}
        for file, text in files.items():
            (aside / file).write_text(text)
        manifest = Manifest(
            key=key(name),
            op=op,
            version=1,
            identity={"made": name},
            params={},
            inputs={},
            files={
                file: FileRecord(bytes=len(text.encode()), sha256=hashlib.sha256(text.encode()).hexdigest())
                for file, text in files.items()
            },
            outputs=outputs,
            provenance=Provenance(
                versions={"specc": "0.1.0", "torch": "2.13.0"},
                started="2026-11-21T10:00:00+00:00",
                wall_seconds=wall_seconds,
                cpu_seconds=wall_seconds,
                flops=1e9,
            ),
        )
        (aside / "manifest.json").write_text(manifest.model_dump_json())
        target = self.store.path(key(name))
        target.parent.mkdir(parents=True, exist_ok=True)
        os.rename(aside, target)

    def measure(self, name: str, value: float | None, **outputs: Any) -> None:
        """Finish an evaluation with a value."""
        self.finish(name, "eval", {"metric": "loss", "value": value, "n": 100, "stderr": 0.01, **outputs})

    def train(self, name: str, tokens: dict[str, int], log: str = "", wall_seconds: float = 1.0) -> None:
        """Finish a segment of training with what it counted."""
        self.finish(
            name, "train", {"tokens": tokens, "loss": 2.0}, {"metrics.jsonl": log}, wall_seconds=wall_seconds
        )

    def log(self, name: str, text: str, mode: str = "a") -> None:
        """Write to the log of a step that is being done."""
        folder = self.store.work(key(name))
        folder.mkdir(exist_ok=True)
        with open(folder / "metrics.jsonl", mode) as file:
            file.write(text)

    def event(self, run: int, kind: str, name: str, **fields: str) -> None:
        """Add a line to the events of a run."""
        line = {"time": "2026-11-21T10:00:00+00:00", "event": kind, "key": key(name), **fields}
        with open(self.path / "runs" / f"{run:06}" / "events.jsonl", "a") as file:
            file.write(json.dumps(line) + "\n")


def log_line(step: int, loss: float | None = 2.0, tokens: int = 64) -> str:
    """A line of a training log."""
    line = {
        "step": step,
        "tokens": step * tokens,
        "lineage_tokens": 1000 + step * tokens,
        "loss": loss,
        "learning_rate": 0.001,
        "grad_norm": 0.5,
        "seconds": 0.25,
    }
    return json.dumps(line) + "\n"


def exposure(
    name: str = "exposure",
    axes: tuple[Axis, ...] = (EARLY,),
    seeds: tuple[int, ...] = (0, 1),
    expectations: tuple[Expectation, ...] = (),
) -> Study:
    """Two stages, `pretrain` of two segments and `tune` of one, in an arm per first axis and seed.

    Steps are named `{arm}/pretrain.0`, `{arm}/pretrain.1`, `{arm}/tune`, and `{arm}/skill/{stage}`
    for the evaluation `skill` at the end of both stages. All arms share `init`.
    """
    arms: list[Arm] = []
    cells: list[Cell] = []
    stages: list[StageRun] = []
    measures: list[Measure] = []
    steps = {"init": _step("init", "init", {})}
    points = [{axis.name: value for axis in axes} for value in range(len(axes[0].values))] if axes else [{}]
    for point in points:
        values = {axis.name: axis.values[point[axis.name] % len(axis.values)] for axis in axes}
        for seed in seeds:
            arm = len(arms)
            arms.append(Arm(arm=arm, recipe="base", axes=values, seed=seed, label=f"{name}/arm {arm}"))
            first, second, tune = f"{arm}/pretrain.0", f"{arm}/pretrain.1", f"{arm}/tune"
            steps[first] = _step(first, "train", {"parent": "init", "corpus0": "web"})
            steps[second] = _step(second, "train", {"parent": first, "corpus0": "web"})
            steps[tune] = _step(tune, "train", {"parent": second, "corpus0": "skill"})
            cells.append(_cell(arm, "pretrain", "web", 1000, 960))
            cells.append(_cell(arm, "tune", "skill", 500, 512))
            stages.append(_stage(arm, "pretrain", "init", (10, 15), 960, (first, second)))
            stages.append(_stage(arm, "tune", "pretrain", (8,), 512, (tune,)))
            for stage, checkpoint, count, tokens in (
                ("pretrain", second, 15, 960),
                ("tune", tune, 8, 512),
            ):
                evaluation = f"{arm}/skill/{stage}"
                steps[evaluation] = _step(evaluation, "eval", {"checkpoint": checkpoint, "corpus0": "skill"})
                measures.append(
                    Measure(
                        arm=arm,
                        eval="skill",
                        metric="loss",
                        stage=stage,
                        position=1.0,
                        steps=count,
                        tokens=tokens,
                        key=key(evaluation),
                    )
                )
    return Study(
        experiment=name,
        description="where should the data go?",
        spec="specs/exposure.spec",
        axes=axes,
        seeds=seeds,
        arms=tuple(arms),
        cells=tuple(cells),
        stages=tuple(stages),
        measures=tuple(measures),
        steps=tuple(steps.values()),
        expectations=expectations,
    )


def _step(name: str, op: str, inputs: dict[str, str]) -> PlannedStep:
    return PlannedStep(
        key=key(name),
        op=op,
        inputs={role: key(parent) for role, parent in inputs.items()},
        params={},
        execution={},
        label=name,
        tokens=512,
        flops=1e6,
        seconds=2.0,
    )


def _cell(arm: int, stage: str, corpus: str, nominal: int, planned: int) -> Cell:
    return Cell(
        arm=arm, stage=stage, corpus=corpus, nominal=nominal, planned=planned, epochs=0.5, role="corpus0"
    )


def _stage(
    arm: int, stage: str, parent: str, ends: tuple[int, ...], tokens: int, segments: tuple[str, ...]
) -> StageRun:
    return StageRun(
        arm=arm,
        stage=stage,
        parent=parent,
        steps=ends[-1],
        tokens=tokens,
        flops=1e6,
        segments=tuple(key(segment) for segment in segments),
        ends=ends,
        checkpoint=key(segments[-1]),
        settings={"batch": 1, "dropout": 0.0},
    )
