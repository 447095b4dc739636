"""Which implementation trains a model."""

from __future__ import annotations

from pathlib import Path

from transformers import AutoConfig

from specc.errors import SpeccError
from specc.steps import TrainExecution, TrainParams
from specc_runtime.llama.architecture import Architecture, architecture_of
from specc_runtime.llama.learner import FLAT_OPTIMIZERS


def plain_architecture(params: TrainParams, execution: TrainExecution, folder: Path) -> Architecture | None:
    """The model of a folder, if the plain implementation is to train it; None for transformers.

    It is chosen on a CPU wherever it covers the model, the length of a sequence and the optimizer.

    Raises:
        SpeccError: if it is asked for and can't train this.
    """
    wanted = execution.implementation
    if wanted == "transformers" or (wanted != "plain" and not execution.device.startswith("cpu")):
        return None
    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    architecture = architecture_of(config)
    if architecture is None:
        reason = f"a model of type {config.model_type} as it is configured here"
    elif architecture.window is not None and params.sequence > architecture.window:
        reason = f"sequences that are longer than the model's window of {architecture.window} tokens"
    elif params.adapter is not None:
        reason = f"the adapter `{params.adapter.name}`"
    elif params.optimizer.plugin or params.optimizer.name not in FLAT_OPTIMIZERS:
        reason = f"the optimizer `{params.optimizer.name}`"
    else:
        return architecture
    if wanted == "plain":
        raise SpeccError(
            f"the plain implementation does not know {reason}",
            "leave `--implementation` out, and it is used where it can be",
        )
    return None
