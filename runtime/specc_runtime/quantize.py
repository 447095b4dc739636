"""Round-to-nearest quantisation, stored as the numbers that it rounds to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from specc.errors import SpeccError
from specc_runtime.weights import Weights


def quantize(
    weights: Weights, arguments: Mapping[str, Any], seed: int | None
) -> Iterator[tuple[str, Tensor]]:
    """Round the matrices of the layers, and the embeddings if asked for; see the component.

    Raises:
        SpeccError: if nothing is there to be rounded.
    """
    chosen = weights.is_wide if arguments["embeddings"] else weights.is_matrix
    if not any(map(chosen, weights)):
        raise SpeccError("`quantize` finds no matrix in the checkpoint", "quantise a model with layers")
    for name, tensor in weights.items():
        if chosen(name):
            tensor = rounded(tensor, arguments["bits"], arguments["group"], arguments["scheme"])
        yield name, tensor


def rounded(matrix: Tensor, bits: int, group: int, scheme: str) -> Tensor:
    """The matrix [rows, columns] with each group of a row rounded to at most 2^bits values.

    absmax (Dettmers et al. 2022, arXiv 2208.07339): s = max|w| / (2^(bits-1) - 1), w -> s round(w / s).
    affine (Jacob et al. 2018, arXiv 1712.05877): s = (max - min) / (2^bits - 1),
    w -> min + s round((w - min) / s). Halves round to even; a group of equal weights, or of zeros in
    absmax, stays as it is. Computed in float64, so that a matrix that is on its grid stays on it.

    Args:
        group: successive columns that share a scale, the last of a row may be fewer; 0 for all.
    """
    rows, columns = matrix.shape[0], matrix[0].numel()
    size = group or columns
    flat = matrix.reshape(rows, columns).to(torch.float64)
    # Filled up with a weight of the last group, which changes neither its extremes nor its scale.
    short = -columns % size
    filled = flat if not short else torch.cat([flat, flat[:, -1:].expand(-1, short)], dim=1)
    groups = filled.reshape(rows, -1, size)
    if scheme == "absmax":
        low = torch.zeros_like(groups[..., :1])
        scale = groups.abs().amax(dim=-1, keepdim=True) / (2 ** (bits - 1) - 1)
    else:
        low = groups.amin(dim=-1, keepdim=True)
        scale = (groups.amax(dim=-1, keepdim=True) - low) / (2**bits - 1)
    steps = torch.where(scale > 0, (groups - low) / scale, torch.zeros_like(groups)).round()
    result = torch.where(scale > 0, low + steps * scale, groups)
    return result.reshape(rows, -1)[:, :columns].reshape(matrix.shape).to(torch.float32)
