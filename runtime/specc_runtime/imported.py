"""Copy a checkpoint in the hub's format into the store."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from specc.checkpoints import (
    checkpoint_dtype,
    checkpoint_fingerprint,
    checkpoint_shape,
    companions,
    read_config,
    weight_files,
)
from specc.errors import DataError
from specc.families import LLAMA_LIKE
from specc.hub.fetch import fetch
from specc.steps import ImportExecution, ImportParams
from specc.store import Manifest
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
    text = json.dumps(config, indent=2, sort_keys=True) + "\n"
    (attempt.artifact / "config.json").write_text(text)
    if config["model_type"] in LLAMA_LIKE:
        for path in weight_files(source):
            attempt.stop_if_asked()
            shutil.copyfile(path, attempt.artifact / path.name)
        read = checkpoint_fingerprint(attempt.artifact)
    else:
        _rewrite(source, attempt.artifact)
        read = checkpoint_fingerprint(source)
    for name in params.companions:
        shutil.copyfile(source / name, attempt.artifact / name)
    if read != params.fingerprint or companions(attempt.artifact) != params.companions:
        raise DataError(
            f"the checkpoint {source} has changed since the recipe was compiled"
            if not origin
            else f"the files in {source} are not those that the lock file pins",
            "run the recipe again" if not origin else "remove that folder, then run the recipe again",
        )
    return attempt.publish({**shape_outputs(checkpoint_shape(attempt.artifact)), **origin})


def _rewrite(source: Path, target: Path) -> None:
    """Store the weights under the names that transformers gives them, in the type they have.

    Checkpoints of some families were saved under other names, which transformers knows.

    Raises:
        DataError: if weights are missing.
    """
    load: Callable[..., Any] = AutoModelForCausalLM.from_pretrained
    try:
        model, found = load(
            source,
            config=AutoConfig.from_pretrained(target, local_files_only=True, trust_remote_code=False),
            dtype=getattr(torch, checkpoint_dtype(source)),
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise DataError(
            f"the weights in {source} can't be loaded: {error}", "check that config.json belongs to them"
        ) from error
    missing = sorted(found["missing_keys"]) + sorted(str(each[0]) for each in found["mismatched_keys"])
    if missing:
        raise DataError(
            f"`{missing[0]}` is missing in {source}, or of another shape",
            "check that config.json belongs to these weights",
        )
    models.save(model, target)
