"""Choose the best of several checkpoints."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from specc.errors import Diverged
from specc.steps import SelectExecution, SelectParams
from specc.store import Manifest
from specc_runtime.attempt import Attempt
from specc_runtime.combine import lineage_of, shape_outputs_of

KEPT = ("config.json", "position.json")
"""Files of a checkpoint beside its tensors."""


def select(attempt: Attempt) -> Manifest:
    """Publish the candidate with the best result as its own checkpoint, and say which one it was.

    The files are links to those of the chosen one, where the file system has links. Candidates that
    have diverged are not among the inputs; those whose result is not a number can't win.

    Outputs: `chosen` (key), `label` (arm), `value`, and the `results` of all candidates by label,
    null for those that can't win.

    Raises:
        Diverged: if no candidate has a result that is a number.
    """
    params: SelectParams = attempt.params
    execution: SelectExecution = attempt.execution
    values = dict.fromkeys(sorted(map(int, execution.labels)))
    for role in attempt.step.inputs:
        if role.startswith("result"):
            values[int(role.removeprefix("result"))] = attempt.input(role)[1].outputs["value"]
    sign = 1.0 if params.better == "lower" else -1.0
    known = [(sign * value, number) for number, value in values.items() if value is not None]
    if not known:
        raise Diverged(
            f"{attempt.step.label or 'a selection'} has nothing to choose from: all candidates diverged",
            "lower the learning rates that it chooses from",
        )
    best = min(known)[1]
    folder, chosen = attempt.input(f"candidate{best}")
    for path in sorted(folder.iterdir()):
        if path.suffix == ".safetensors" or path.name in KEPT:
            link(path, attempt.artifact / path.name)
    labels = {number: execution.labels.get(str(number), f"candidate{number}") for number in values}
    outputs: dict[str, Any] = {
        **shape_outputs_of(chosen),
        **lineage_of(chosen),
        "chosen": chosen.key,
        "label": labels[best],
        "value": values[best],
        "results": {labels[number]: value for number, value in values.items()},
    }
    return attempt.publish(outputs)


def link(source: Path, target: Path) -> None:
    """Give a file a second name, or copy it where that is not possible."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
