"""Checkpoint transforms: a checkpoint goes in, one with changed weights comes out.

A transform is a function under the name of its component:

    (weights: Weights, arguments, seed) -> iterator over (name, tensor)

`weights` maps names to float32 tensors, which are read when they are asked for; the function yields
all of them, in that order, with the shapes that they had. It must not change a tensor of the mapping
in place. `arguments` are those of the component, defaults filled in. `seed` is that of the arm for a
component with the trait "random", else None. The state of the optimizer is left behind.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from specc.components import arguments
from specc.components.plugins import implementation
from specc.errors import SpeccError
from specc.steps import TransformParams
from specc.store import Manifest
from specc_runtime.attempt import Attempt
from specc_runtime.combine import lineage_of, shape_outputs_of
from specc_runtime.device import use_device
from specc_runtime.perturb import perturb
from specc_runtime.prune import prune
from specc_runtime.quantize import quantize
from specc_runtime.weights import Weights, write_weights

Transform = Callable[[Weights, Mapping[str, Any], int | None], Iterator[tuple[str, Tensor]]]


def reset_optimizer(
    weights: Weights, arguments: Mapping[str, Any], seed: int | None
) -> Iterator[tuple[str, Tensor]]:
    """The weights as they are: what is left behind is the optimizer's state."""
    yield from weights.items()


TRANSFORMS: dict[str, Transform] = {
    "quantize": quantize,
    "perturb": perturb,
    "prune": prune,
    "reset_optimizer": reset_optimizer,
}


def transform(attempt: Attempt) -> Manifest:
    """Apply a transform and say in the outputs what it did.

    Outputs are `changed`, the number of weights that are not what they were, and `relative_change`,
    the norm of the change over the norm of the weights.

    Raises:
        SpeccError: if it yields other tensors than it was given, or weights that are not numbers.
    """
    params: TransformParams = attempt.params
    component = params.component
    use_device("cpu", 1)
    apply: Transform = TRANSFORMS.get(component.name) or implementation(component)
    folder, parent = attempt.input("checkpoint")
    change = Change()
    with Weights(folder) as weights:
        changed = apply(weights, arguments(component), params.seed)
        try:
            write_weights(
                attempt.artifact / "model.safetensors",
                weights.shapes,
                _watched(attempt, weights, changed, change),
            )
        except ValueError as error:
            raise SpeccError(f"`{component.name}` went wrong: {error}", "tell its authors") from error
    shutil.copyfile(folder / "config.json", attempt.artifact / "config.json")
    return attempt.publish({**shape_outputs_of(parent), **lineage_of(parent), **change.outputs()})


class Change:
    """How far weights have moved."""

    def __init__(self) -> None:
        self.changed = 0
        self.moved = 0.0
        self.size = 0.0

    def add(self, before: Tensor, after: Tensor) -> None:
        self.changed += int((before != after).sum())
        self.moved += float((after.double() - before.double()).square().sum())
        self.size += float(before.double().square().sum())

    def outputs(self) -> dict[str, float]:
        relative = (self.moved / self.size) ** 0.5 if self.size else 0.0
        return {"changed": self.changed, "relative_change": relative}


def _watched(
    attempt: Attempt, weights: Weights, changed: Iterator[tuple[str, Tensor]], change: Change
) -> Iterator[tuple[str, Tensor]]:
    for done, (name, tensor) in enumerate(changed):
        attempt.stop_if_asked()
        attempt.progress(done, len(weights))
        if name in weights and tensor.shape == weights.shapes[name]:
            if not bool(torch.isfinite(tensor).all()):
                raise ValueError(f"`{name}` has weights that are not finite")
            change.add(weights[name], tensor)
        yield name, tensor
