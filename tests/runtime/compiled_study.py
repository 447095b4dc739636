"""Steps of a study that are done in this process."""

from __future__ import annotations

from typing import Any

from specc.steps import Step
from specc.store import Store
from specc.study import PlannedStep, Study
from specc_runtime.run import run_step


def do(step: PlannedStep, store: Store, resume: bool = True, **execution: Any) -> None:
    """Do a step that is not done; `execution` is of train steps, which go on from no other state if told."""
    if store.has(step.key):
        return
    inputs = {role: key for role, key in step.inputs.items() if resume or role != "resume"}
    given = step.execution | (execution if step.op == "train" else {})
    description = {name: getattr(step, name) for name in Step.model_fields}
    whole = Step.model_validate(description | {"inputs": inputs, "execution": given})
    run_step(whole, store, lambda report: None, lambda: False)


def do_all(study: Study, store: Store, **execution: Any) -> None:
    for step in study.steps:
        do(step, store, **execution)
