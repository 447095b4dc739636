"""Magnitude pruning, matrix by matrix."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from torch import Tensor

from specc_runtime.weights import Weights


def prune(weights: Weights, arguments: Mapping[str, Any], seed: int | None) -> Iterator[tuple[str, Tensor]]:
    """Set the smallest weights of each matrix of the layers to 0 (Han et al. 2015, arXiv 1506.02626).

    Of equal magnitudes the first in memory goes first.
    """
    share = Fraction(arguments["share"])
    for name, tensor in weights.items():
        if weights.is_matrix(name):
            tensor = tensor.clone()
            flat = tensor.view(-1)
            flat[flat.abs().argsort(stable=True)[: int(share * flat.numel())]] = 0.0
        yield name, tensor
