"""Gaussian noise on the weights, scaled by a named rule."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from specc_runtime.seeds import derive
from specc_runtime.weights import Weights


def perturb(weights: Weights, arguments: Mapping[str, Any], seed: int | None) -> Iterator[tuple[str, Tensor]]:
    """Add noise to every matrix, embeddings included; norms and biases stay. See the component.

    Each matrix has a stream of its own, from the arm's seed, the draw and its name: checkpoints of
    one seed get the same noise, up to its scale, and so compare in pairs.
    """
    generator = torch.Generator()
    for name, tensor in weights.items():
        if weights.is_wide(name):
            generator.manual_seed(derive(seed or 0, "perturb", arguments["seed"], name))
            noise = torch.randn(tensor.shape, generator=generator)
            tensor = tensor + noise * noise_scale(tensor, noise, arguments["sigma"], arguments["normalise"])
        yield name, tensor


def noise_scale(matrix: Tensor, noise: Tensor, sigma: float, normalise: str) -> float:
    """What standard normal noise is multiplied by; 0 for a matrix of zeros where its norm counts.

    none: sigma. rms: sigma |W| / sqrt(n). frobenius: sigma |W| / |z|. inverse_frobenius: sigma / |W|.
    """
    if normalise == "none":
        return sigma
    size = float(matrix.double().norm())
    if size == 0.0:
        return 0.0
    if normalise == "rms":
        return sigma * size / math.sqrt(matrix.numel())
    if normalise == "frobenius":
        return sigma * size / float(noise.double().norm())
    return sigma / size
