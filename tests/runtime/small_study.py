"""A small study of real steps, made by hand: a corpus, a model, two chains of training, evaluations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from specc.steps import PARAMS, Component, Phase, identity, step_key
from specc.study import PlannedStep, Study

STEPS = 30
BATCH = 8
SEQUENCE = 32


def planned(op: str, label: str, params: dict[str, Any], **inputs: PlannedStep) -> PlannedStep:
    typed = PARAMS[op].model_validate(params)
    keys = {role: step.key for role, step in inputs.items()}
    return PlannedStep(
        key=step_key(op, identity(typed), keys),
        op=op,
        inputs=keys,
        params=typed.model_dump(mode="json"),
        execution={},
        label=label,
        seconds=1.0,
    )


def state(
    model: PlannedStep, corpus: PlannedStep, seed: int, steps: int, before: PlannedStep | None
) -> PlannedStep:
    """The state of a stage at a constant learning rate after some steps, from an earlier one if there is."""
    params = {
        "steps": steps,
        "sequence": SEQUENCE,
        "batch": BATCH,
        "sources": [{"corpus": "corpus0", "share": "1/1"}],
        "phases": [Phase(shape="constant", start=0, stop=steps, first=3e-3, last=3e-3)],
        "optimizer": {"name": "adamw"},
        "seed": seed,
        "clip": 1.0,
    }
    resumed = {"resume": before} if before else {}
    return planned("train", f"seed={seed}/{steps} steps", params, parent=model, corpus0=corpus, **resumed)


def small_study(
    seeds: int = 2, segments: int = 2, length: int = STEPS, width: int = 32, checkpoint_seconds: float = 30.0
) -> Study:
    """Chains of `segments` states for each seed, each of whose ends is evaluated."""
    corpus = planned("prepare", "facts", {"reader": Component(name="facts", args={"count": 64})})
    shape = {"layers": 1, "width": width, "heads": 2, "context": SEQUENCE}
    steps = [corpus]
    for seed in range(seeds):
        model = planned(
            "init",
            f"seed={seed}/init",
            {"architecture": {"name": "llama", "args": shape}, "vocab": 257, "seed": seed},
        )
        steps.append(model)
        last: PlannedStep | None = None
        for number in range(1, segments + 1):
            last = replace(
                state(model, corpus, seed, number * length, last),
                execution={"checkpoint_seconds": checkpoint_seconds},
            )
            measured = planned(
                "eval",
                f"{last.label}/loss",
                {
                    "evaluator": {"name": "loss"},
                    "data": {"corpus": "corpus0", "split": "train"},
                    "sequence": SEQUENCE,
                },
                checkpoint=last,
                corpus0=corpus,
            )
            steps += [last, measured]
    return Study(experiment="small", spec="small.spec", steps=tuple(steps))
