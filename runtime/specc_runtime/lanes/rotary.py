"""Positions of packed rows: the tables of rotations, and who attends to whom."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from specc_runtime.llama import Architecture, rows


@dataclass(frozen=True, slots=True)
class Places:
    """Where the tokens of a training step stand.

    Attributes:
        cosines, sines: [K, B, T, E], or [1, 1, T, E] where all rows are alike; the first half of the
            sines is negative.
        mask: what is added to scores: 0 or minus infinity; [T, T], or [H * K * B, T, T].
    """

    cosines: Tensor
    sines: Tensor
    mask: Tensor

    def back(self, scale: float) -> Places:
        """The same with rotations the other way round that also scale."""
        return Places(self.cosines * scale, self.sines * -scale, self.mask)


class Rotary:
    """Tables for sequences of one length, in the dtype of matrices, and the places of each training step."""

    def __init__(
        self, architecture: Architecture, length: int, device: torch.device, dtype: torch.dtype
    ) -> None:
        self.heads = architecture.heads
        self.dtype = dtype
        cosines, sines = rows.rotary_tables(architecture, torch.arange(length))
        self.cosines_TE = torch.cat((cosines, cosines), -1).to(device, dtype)
        self.sines_TE = torch.cat((-sines, sines), -1).to(device, dtype)
        ahead_TT = torch.ones(length, length, dtype=torch.bool).triu(1)
        self.ahead_TT = ahead_TT.to(device)
        self.whole = Places(
            self.cosines_TE[None, None], self.sines_TE[None, None], forbidden(self.ahead_TT, dtype)
        )

    def places(self, positions_KBT: Tensor | None) -> Places:
        """Places of rows with these positions, which restart with each document; None for whole rows."""
        if positions_KBT is None:
            return self.whole
        column_T = torch.arange(positions_KBT.shape[-1], device=positions_KBT.device)
        begins_KBT = column_T - positions_KBT
        other_KBTT = column_T < begins_KBT[..., None]
        mask_RTT = forbidden(other_KBTT | self.ahead_TT, self.dtype).flatten(0, 1).repeat(self.heads, 1, 1)
        return Places(self.cosines_TE[positions_KBT], self.sines_TE[positions_KBT], mask_RTT)


def forbidden(where: Tensor, dtype: torch.dtype) -> Tensor:
    """Minus infinity where it holds, else 0."""
    return torch.zeros(where.shape, dtype=dtype, device=where.device).masked_fill_(where, float("-inf"))


def rotated(heads: Tensor, places: Places) -> Tensor:
    """Heads [heads, K, B, T, E], each pair of numbers half a head apart turned by its position."""
    first, second = heads.chunk(2, -1)
    turned = torch.mul(
        heads, places.cosines, out=torch.empty(heads.shape, dtype=heads.dtype, device=heads.device)
    )
    return turned.addcmul_(torch.cat((second, first), -1), places.sines)
