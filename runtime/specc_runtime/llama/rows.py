"""What all layers know of the rows they work on: rotary positions, and who may look at whom."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from specc_runtime.llama.architecture import Architecture


class Rows(NamedTuple):
    """Computed once for a forward pass.

    Attributes:
        cosine, sine: rotary tables, [T, D] where all rows count from 0, else [B, T, D]; the two halves
            of D are equal, and the first half of `sine` is negative.
        allowed: whether query i may look at key j, [B, T, T]; None where every row is one document,
            so that only the order counts.
    """

    cosine: Tensor
    sine: Tensor
    allowed: Tensor | None


def make_rows(architecture: Architecture, length: int, positions_BT: Tensor | None, like: Tensor) -> Rows:
    """Rows of `length` tokens in the dtype and on the device of `like`.

    Args:
        positions_BT: restarting at 0 with each document; None if every row is one document from its
            beginning.
    Raises:
        ValueError: if a row is longer than the window that the model's attention has.
    """
    window = architecture.window
    if window is not None and length > window:
        raise ValueError(f"rows of {length} tokens are longer than the model's window of {window}")
    if positions_BT is None:
        return Rows(*_whole(architecture, torch.arange(length, device=like.device), like.dtype), None)
    return Rows(*_whole(architecture, positions_BT, like.dtype), same_document(positions_BT))


def _whole(architecture: Architecture, positions: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Tables over both halves of a head, [..., D], the first half of the sines negative."""
    cosine, sine = (table.to(dtype) for table in rotary_tables(architecture, positions))
    return torch.cat((cosine, cosine), -1), torch.cat((-sine, sine), -1)


def rotary_tables(architecture: Architecture, positions: Tensor) -> tuple[Tensor, Tensor]:
    """Cosines and sines [..., D / 2] in float32 (Su et al. 2021, arXiv 2104.09864, eq. 34).

    The angle of pair i at position p is p base^(-2 i / D); a pair is (i, i + D / 2).
    """
    size = architecture.head
    exponents = torch.arange(0, size, 2, dtype=torch.float32, device=positions.device) / size
    angles = positions[..., None].float() * (1.0 / (architecture.rotary_base**exponents))
    return angles.cos(), angles.sin()


def same_document(positions_BT: Tensor) -> Tensor:
    """Whether query i may look at key j [B, T, T]: j is not later, and of the same document.

    A document begins where the position does not follow on the one before it.
    """
    begins_BT = torch.ones_like(positions_BT, dtype=torch.bool)
    begins_BT[:, 1:] = positions_BT[:, 1:] != positions_BT[:, :-1] + 1
    document_BT = begins_BT.cumsum(-1)
    length = positions_BT.shape[-1]
    causal_TT = torch.ones(length, length, dtype=torch.bool, device=positions_BT.device).tril()
    return (document_BT[:, :, None] == document_BT[:, None, :]) & causal_TT
