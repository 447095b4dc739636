"""Which blocks of a packed row attention has to look at, as `flex_attention` wants to be told.

Documents lie one after another in a row, and each token knows how far back its own begins, so the
blocks follow from the positions alone: a few comparisons of [B, Q] numbers on the CPU, where
`create_block_mask` would fill [B, T, T] on the device. All shapes depend on B and T only, so what is
compiled is compiled once.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask

BLOCK = 128
"""Tokens in a block of queries, and in one of keys."""


class Blocks(NamedTuple):
    """Blocks of keys for each block of queries, Q = T / BLOCK of them; the indices in use come first.

    Attributes:
        some: how many are looked at in part, [B, Q]. some_indices: which, [B, Q, Q].
        all: how many are looked at whole, [B, Q]. all_indices: which, [B, Q, Q].
    """

    some: NDArray[np.int32]
    some_indices: NDArray[np.int32]
    all: NDArray[np.int32]
    all_indices: NDArray[np.int32]


def document_starts(positions_BT: NDArray[np.int64]) -> NDArray[np.int64]:
    """Column at which each token's document begins in its row, [B, T]."""
    return np.arange(positions_BT.shape[1]) - positions_BT


def document_blocks(starts_BT: NDArray[np.int64]) -> Blocks:
    """The blocks of causal attention within documents.

    A block before the diagonal is looked at if the first query's document, which begins earliest,
    reaches back into it, and whole if the last query's does so to its first key.

    Args:
        starts_BT: from `document_starts`; T is a multiple of `BLOCK`.
    """
    length = starts_BT.shape[1]
    begins = np.arange(0, length, BLOCK)
    earliest_BQ1 = starts_BT[:, begins][:, :, None]
    latest_BQ1 = starts_BT[:, begins + BLOCK - 1][:, :, None]
    before = begins[None, :] < begins[:, None]
    whole = before & (latest_BQ1 <= begins)
    some = (before & (earliest_BQ1 < begins + BLOCK) & ~whole) | np.eye(len(begins), dtype=bool)
    return Blocks(*_ordered(some), *_ordered(whole))


def _ordered(chosen_BQK: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """How many are chosen along the last axis, and the indices of those, followed by the others."""
    # The compiled kernel reads both as if they were contiguous, whatever their strides say.
    counts = np.ascontiguousarray(chosen_BQK.sum(-1, dtype=np.int32))
    order = np.argsort(~chosen_BQK, axis=-1, kind="stable")
    return counts, np.ascontiguousarray(order, dtype=np.int32)


def block_mask(blocks: tuple[Tensor, Tensor, Tensor, Tensor], starts_BT: Tensor) -> BlockMask:
    """The mask of rows, from tensors on their device; see `Blocks`."""
    some, some_indices, whole, whole_indices = (part[:, None] for part in blocks)

    def within_document(row: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return (key <= query) & (key >= starts_BT[row, query])

    return BlockMask.from_kv_blocks(
        some, some_indices, whole, whole_indices, BLOCK_SIZE=BLOCK, mask_mod=within_document
    )


def dense_mask(starts_BT: Tensor) -> Tensor:
    """Where attention may look, [B, 1, T, T], for kernels that take nothing better."""
    column = torch.arange(starts_BT.shape[1], device=starts_BT.device)
    return ((column <= column[:, None]) & (column >= starts_BT[:, :, None]))[:, None]
