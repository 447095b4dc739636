"""Dropout from one stream for each lane, by its seed and the training step of its lineage.

What is kept is drawn at once for all sites of a lane, so it does not depend on who shares the stack.
Sites are those of `specc_runtime.dropout`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

from specc_runtime.llama import Architecture


@dataclass(frozen=True, slots=True)
class Drawn:
    """What is dropped in a layer: factors 0 or 1 / (1 - p); attention [H, K, B, T, T], others [K, N, .]."""

    attention: Tensor
    attended: Tensor
    inner: Tensor
    fed: Tensor


@dataclass(frozen=True, slots=True)
class Kept:
    """What is dropped in a training step."""

    embedded: Tensor
    layers: tuple[Drawn, ...]


def draw(
    shape: Architecture,
    rows: int,
    length: int,
    seeds: Sequence[int],
    probabilities: Sequence[float],
    device: torch.device,
) -> Kept:
    """Factors for one training step; lane k draws from `seeds[k]` with `probabilities[k]`.

    Args:
        rows, length: sequences of a lane's batch, and tokens in each.
    """
    tokens = rows * length
    wide = (tokens, shape.width)
    layer = [(shape.heads, rows, length, length), wide, (tokens, shape.mlp), wide]
    sites: list[tuple[int, ...]] = [wide, *layer * shape.layers]
    total = sum(prod(site) for site in sites)
    factors_KS = torch.empty(len(seeds), total, device=device)
    for row, seed, probability in zip(factors_KS, seeds, probabilities, strict=True):
        generator = torch.Generator(device).manual_seed(seed)
        row.bernoulli_(1.0 - probability, generator=generator).mul_(1.0 / (1.0 - probability))
    parts, at = [], 0
    for site in sites:
        part = factors_KS[:, at : at + prod(site)].view(-1, *site)
        parts.append(part.transpose(0, 1) if len(site) == 4 else part)
        at += prod(site)
    return Kept(parts[0], tuple(Drawn(*parts[first : first + 4]) for first in range(1, len(parts), 4)))
