"""Initialise a model from a configuration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from specc.components import arguments
from specc.errors import SpeccError
from specc.shapes import ModelShape, llama_shape
from specc.steps import InitParams
from specc.store import Manifest
from specc_runtime import model as models
from specc_runtime.attempt import Attempt
from specc_runtime.device import use_device
from specc_runtime.seeds import derive


def initialise(attempt: Attempt) -> Manifest:
    """Write a checkpoint whose matrices are normal with the component's `init_std` and norms are 1.

    Each parameter has a stream of its own, named after it, so that a further layer or another
    version of transformers leaves the others as they are.
    """
    params: InitParams = attempt.params
    use_device("cpu", 1)
    try:
        config = models.llama_config(params.architecture, params.vocab)
        shape = llama_shape(params.architecture, params.vocab)
    except ValueError as error:
        raise SpeccError(str(error), "change the sizes of the model") from error
    model = models.build(config)
    deviation: Any = arguments(params.architecture)["init_std"]
    generator = torch.Generator()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim < 2:
                parameter.fill_(1.0)
            else:
                generator.manual_seed(derive(params.seed, "init", name))
                parameter.normal_(0.0, deviation, generator=generator)
    write_config(config, attempt.artifact)
    models.save(model, attempt.artifact)
    return attempt.publish(shape_outputs(shape))


def write_config(config: Any, folder: Path) -> None:
    """Write config.json with what differs from the defaults, in a fixed order."""
    content = config.to_diff_dict()
    content.pop("transformers_version", None)
    (folder / "config.json").write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")


def shape_outputs(shape: ModelShape) -> dict[str, int]:
    """What a manifest says about a checkpoint's model."""
    return {
        "parameters": shape.parameters,
        "non_embedding": shape.non_embedding,
        "vocab": shape.vocab,
    }
