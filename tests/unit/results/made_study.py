"""Experiments with results that a test chooses, written into a workspace without a runtime."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fake_workspace import FakeWorkspace, key
from specc.study import Arm, Axis, Comparison, Expectation, Measure, PlannedStep, StageRun, Study

EARLY = Axis(name="early", type="fraction", values=(0.0, 0.5, 1.0))

Result = float | str | None
"""A number; None for one that is not finite; `diverged`, `failed` (its training) or `missing`."""


@dataclass(frozen=True)
class Made:
    """An arm: what it is, and its result of each evaluation (all of the metric `loss` after `tune`).

    Attributes:
        tokens: of the stage `tune`; the stage `pretrain` before it reads 1000.
        params: of its evaluation steps. samples: of an evaluation, by document: value and n.
    """

    seed: int
    results: Mapping[str, Result]
    recipe: str = "base"
    axes: Mapping[str, Any] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    tokens: int = 500
    params: Mapping[str, Any] = field(default_factory=dict)
    samples: Mapping[str, Mapping[str, tuple[float, int]]] = field(default_factory=dict)


def make(
    path: Path,
    arms: Sequence[Made],
    axes: tuple[Axis, ...] = (),
    name: str = "made",
    metrics: Mapping[str, str] | None = None,
    comparisons: tuple[Comparison, ...] = (),
    expectations: tuple[Expectation, ...] = (),
    run: int = 1,
) -> Path:
    """Write a run of an experiment into the workspace below `path`, and return the workspace's folder.

    Args:
        metrics: of evaluations that measure something else than `loss`.
    """
    place = FakeWorkspace(path) if not (path / ".specc").exists() else _again(path)
    rows: list[Arm] = []
    stages: list[StageRun] = []
    measures: list[Measure] = []
    steps: dict[str, PlannedStep] = {}
    recipes = {arm.recipe for arm in arms}
    events: list[tuple[str, str]] = []
    done: list[tuple[str, float | None, Mapping[str, tuple[float, int]]]] = []
    for number, arm in enumerate(arms):
        parts = [*([arm.recipe] if len(recipes) > 1 else [])]
        parts += [
            f"{axis.name}={arm.texts.get(axis.name, _text(axis, arm.axes.get(axis.name)))}" for axis in axes
        ]
        label = "/".join([name, *parts, f"seed={arm.seed}"])
        values = {axis.name: arm.axes.get(axis.name) for axis in axes}
        rows.append(Arm(arm=number, recipe=arm.recipe, axes=values, seed=arm.seed, label=label))
        first, last = f"{name}{run}/{number}/pretrain", f"{name}{run}/{number}/tune"
        steps[first] = _step(first, "train", {}, {}, 1000)
        steps[last] = _step(last, "train", {"parent": first}, {}, arm.tokens)
        stages.append(_stage(number, "pretrain", "init", first, 1000))
        stages.append(_stage(number, "tune", "pretrain", last, arm.tokens))
        for eval, value in arm.results.items():
            step = f"{name}{run}/{number}/{eval}"
            steps[step] = _step(step, "eval", {"checkpoint": last, "corpus0": "data"}, dict(arm.params), 0)
            metric = (metrics or {}).get(eval, "loss")
            measures.append(
                Measure(
                    arm=number,
                    eval=eval,
                    metric=metric,
                    stage="tune",
                    position=1.0,
                    steps=8,
                    tokens=arm.tokens,
                    key=key(step),
                )
            )
            if value in ("diverged", "failed"):
                events.append((str(value), last))
            elif not isinstance(value, str):
                done.append((step, value, arm.samples.get(eval, {})))
    place.plan(
        run,
        Study(
            experiment=name,
            description="which of them?",
            axes=axes,
            seeds=tuple(sorted({arm.seed for arm in arms})),
            arms=tuple(rows),
            stages=tuple(stages),
            measures=tuple(measures),
            steps=tuple(steps.values()),
            comparisons=comparisons,
            expectations=expectations,
        ),
    )
    for step, value, samples in done:
        lines = "".join(
            json.dumps({"document": document, "value": each, "n": n}) + "\n"
            for document, (each, n) in samples.items()
        )
        place.finish(
            step,
            "eval",
            {"metric": "loss", "value": value, "n": 100, "stderr": 0.01},
            {"samples.jsonl": lines} if lines else None,
        )
    for state, step in dict.fromkeys(events):
        place.event(
            run, "failed", step, error="Diverged" if state == "diverged" else "WorkerLost", message=state
        )
    return place.path


def swept(values: Mapping[float, Sequence[Result]], eval: str = "skill", **more: Any) -> list[Made]:
    """Arms of a sweep over `early`: for each of its values, the results of seeds 0, 1, 2, ..."""
    return [
        Made(seed=seed, results={eval: value}, axes={"early": early}, **more)
        for early, found in values.items()
        for seed, value in enumerate(found)
    ]


def _again(path: Path) -> FakeWorkspace:
    place = FakeWorkspace.__new__(FakeWorkspace)
    from specc.store import Store

    place.path = path / ".specc"
    place.store = Store(place.path)
    return place


def _text(axis: Axis, value: Any) -> str:
    if value is None:
        return "best"
    return f"{value * 100:g}%" if axis.type == "fraction" else str(value)


def _step(name: str, op: str, inputs: dict[str, str], params: dict[str, Any], tokens: int) -> PlannedStep:
    return PlannedStep(
        key=key(name),
        op=op,
        inputs={role: key(parent) for role, parent in inputs.items()},
        params=params,
        execution={},
        label=name,
        tokens=tokens,
        flops=1e3 * tokens,
        seconds=1.0,
    )


def _stage(arm: int, stage: str, parent: str, step: str, tokens: int) -> StageRun:
    return StageRun(
        arm=arm,
        stage=stage,
        parent=parent,
        steps=8,
        tokens=tokens,
        flops=1e3 * tokens,
        segments=(key(step),),
        ends=(8,),
        checkpoint=key(step),
    )
