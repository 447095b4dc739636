"""The one entry: do a step."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from specc.errors import disk_errors
from specc.steps import Step
from specc.store import Manifest, Store
from specc_runtime.attempt import Attempt, Interrupted

__all__ = ["Interrupted", "run_step"]

OPERATIONS = {
    "tokenizer": "specc_runtime.tokenizer:make_tokenizer",
    "prepare": "specc_runtime.prepare:prepare",
    "dataset": "specc_runtime.dataset:make_data_set",
    "init": "specc_runtime.init:initialise",
    "import": "specc_runtime.imported:import_checkpoint",
    "train": "specc_runtime.train:train",
    "combine": "specc_runtime.combine:combine",
    "transform": "specc_runtime.transform:transform",
    "select": "specc_runtime.select:select",
    "eval": "specc_runtime.evaluate:evaluate",
}
"""Operation -> the function that does it, imported when it is first needed."""


def run_step(
    step: Step,
    store: Store,
    report: Callable[[dict[str, Any]], None],
    stopping: Callable[[], bool],
) -> Manifest:
    """Do a step in its scratch folder and publish what it makes.

    Args:
        report: told {"kind": "progress", "step", "of", "tokens", "loss", "tokens_per_second"}, at
            most four times a second.
        stopping: asked often; once it is true, the step keeps what it can and stops.
    Raises:
        Interrupted: it was asked to stop; the next attempt goes on from what was kept.
        SpeccError: anything that a user can act on.
        MemoryError: memory, or that of the device, is full.
    """
    module, _, function = OPERATIONS[step.op].partition(":")
    operation: Callable[[Attempt], Manifest] = getattr(import_module(module), function)
    try:
        with disk_errors(store.workspace):
            return operation(Attempt(step, store, report, stopping))
    except RuntimeError as error:
        # Torch has a type of its own for a full device, and none for full memory.
        if type(error).__name__ == "OutOfMemoryError" or "can't allocate memory" in str(error):
            raise MemoryError(str(error)) from error
        raise
