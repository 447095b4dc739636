"""A weighted sum of checkpoints: means, interpolations and task vectors are all of this form."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor

from specc.steps import CombineParams
from specc.store import Manifest
from specc_runtime.attempt import Attempt
from specc_runtime.device import use_device
from specc_runtime.weights import Weights, check_same_model, write_weights


def combine(attempt: Attempt) -> Manifest:
    """Add up the inputs, each times its weight; the state of their optimizers is left behind.

    Sums are in float64 and rounded to float32 once. `lineage_steps` and `lineage_tokens` are those of
    the input that has seen the most tokens.

    Raises:
        DataError: if the checkpoints are of different models.
    """
    params: CombineParams = attempt.params
    use_device("cpu", 1)
    found = [attempt.input(f"checkpoint{number}") for number in range(len(params.weights))]
    with ExitStack() as files:
        sources = [files.enter_context(Weights(folder)) for folder, _ in found]
        labels = [manifest.label or manifest.key[:12] for _, manifest in found]
        for source, label in zip(sources[1:], labels[1:], strict=True):
            check_same_model(sources[0], source, (labels[0], label))
        write_weights(
            attempt.artifact / "model.safetensors",
            sources[0].shapes,
            _sums(attempt, sources, params.weights),
        )
    shutil.copyfile(found[0][0] / "config.json", attempt.artifact / "config.json")
    longest = max((manifest for _, manifest in found), key=lambda each: lineage_of(each)["lineage_tokens"])
    return attempt.publish({**shape_outputs_of(found[0][1]), **lineage_of(longest)})


def _sums(
    attempt: Attempt, sources: Sequence[Weights], weights: Sequence[Fraction]
) -> Iterator[tuple[str, Tensor]]:
    for done, name in enumerate(sources[0]):
        attempt.stop_if_asked()
        attempt.progress(done, len(sources[0]))
        total = torch.zeros(sources[0].shapes[name], dtype=torch.float64)
        for source, weight in zip(sources, weights, strict=True):
            total.add_(source[name].to(torch.float64), alpha=float(weight))
        yield name, total.to(torch.float32)


def shape_outputs_of(manifest: Manifest) -> dict[str, Any]:
    """What a checkpoint's manifest says about its model."""
    return {name: manifest.outputs[name] for name in ("parameters", "non_embedding", "vocab")}


def lineage_of(manifest: Manifest) -> dict[str, int]:
    """Training steps and tokens since initialisation, as a manifest has them; 0 for a model."""
    return {name: manifest.outputs.get(name, 0) for name in ("lineage_steps", "lineage_tokens")}
