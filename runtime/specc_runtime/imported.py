"""Copy a checkpoint in the hub's format into the store."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, AutoConfig

from specc.checkpoints import (
    checkpoint_fingerprint,
    checkpoint_shape,
    companions,
    read_config,
    weight_files,
)
from specc.errors import DataError, reason
from specc.families import LLAMA_LIKE
from specc.files import copy_file, write_file
from specc.hub.fetch import fetch
from specc.steps import ImportExecution, ImportParams
from specc.store import Manifest
from specc.tensors import common_type, read_header
from specc_runtime import model as models
from specc_runtime.attempt import Attempt
from specc_runtime.init import shape_outputs


def import_checkpoint(attempt: Attempt) -> Manifest:
    """Copy the weights and the used part of config.json, and check that they are those compiled for.

    Raises:
        DataError: if the checkpoint can't be used, or is another one than when it was compiled.
    """
    params: ImportParams = attempt.params
    execution: ImportExecution = attempt.execution
    source = Path(execution.path)
    origin = {}
    if execution.repository:
        source = fetch(execution.repository, execution.revision, execution.files)
        origin = {"origin": f"{execution.repository}@{execution.revision}"}
    config = read_config(source)
    pinned = [source / name for name in execution.files if name.endswith(".safetensors")]
    weights = pinned if execution.repository else weight_files(source)
    write_file(attempt.artifact / "config.json", json.dumps(config, indent=2, sort_keys=True) + "\n")
    if config["model_type"] in LLAMA_LIKE:
        for path in weights:
            attempt.stop_if_asked()
            copy_file(path, attempt.artifact / path.name)
        read = checkpoint_fingerprint(attempt.artifact)
    else:
        read = checkpoint_fingerprint(source, weights)
        _rewrite(weights, attempt.artifact)
    for name in params.companions:
        copy_file(source / name, attempt.artifact / name)
    if read != params.fingerprint or companions(attempt.artifact) != params.companions:
        raise DataError(
            f"the checkpoint {source} has changed since the recipe was compiled"
            if not origin
            else f"the files in {source} are not those that the lock file pins",
            "run the recipe again" if not origin else "remove that folder, then run the recipe again",
        )
    return attempt.publish({**shape_outputs(checkpoint_shape(attempt.artifact)), **origin})


def _rewrite(weights: Sequence[Path], target: Path) -> None:
    """Store weights under the names that transformers gives them, in the type they have.

    Checkpoints of some families were saved under other names, which transformers knows.

    Args:
        target: folder that holds config.json, and gets the weights.
    Raises:
        DataError: if weights are missing.
    """
    config: Any = AutoConfig.from_pretrained(target, local_files_only=True, trust_remote_code=False)
    headers = [tensor for path in weights for tensor in read_header(path).values()]
    stored: dict[str, Tensor] = {}
    for path in weights:
        stored |= load_file(path)
    family: Any = MODEL_FOR_CAUSAL_LM_MAPPING[type(config)]
    dtype = getattr(torch, common_type(headers))
    try:
        model, found = family.from_pretrained(
            None, config=config, state_dict=stored, dtype=dtype, output_loading_info=True
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise DataError(
            f"the weights in {weights[0].parent} can't be loaded: {reason(error)}",
            "check that config.json belongs to them",
        ) from error
    missing = sorted(found["missing_keys"]) + sorted(str(each[0]) for each in found["mismatched_keys"])
    if missing:
        raise DataError(
            f"`{missing[0]}` is missing in {weights[0].parent}, or of another shape",
            "check that config.json belongs to these weights",
        )
    models.save_weights(models.weights(model), target)
