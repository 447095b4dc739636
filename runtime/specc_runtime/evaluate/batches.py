"""Rows of tokens as batches of a forward pass, and where in them what is predicted from where.

A row is a part of one document, and targets of it are tokens to be predicted from all before them.
Rows of like length go together, filled up on their right: under a causal mask no token sees what
fills. A row's last token predicts nothing and is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Tokens = NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows and their targets: the tokens from place `firsts` on that `masks`, if any, don't name.

    Attributes:
        tokens: of each row. firsts: [R], at least 1. masks: for each row, as long as it.
    """

    tokens: Sequence[Tokens]
    firsts: NDArray[np.int64]
    masks: Sequence[NDArray[np.bool_]] | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """What goes through the model at once, B by T tokens, and its N targets, row by row in order.

    Attributes:
        tokens: [B, T]. positions, ends: [B, T], where rows share what they begin with: see
            `specc_runtime.evaluate.prefixes`; None where each is a row of its own.
        sources: [N], place in the flattened [B T] from which a target is predicted.
        targets: [N], the tokens. owners: [N], numbers of their rows. places: [N], where in them.
    """

    tokens: NDArray[np.int64]
    sources: NDArray[np.int64]
    targets: NDArray[np.int64]
    owners: NDArray[np.int64]
    places: NDArray[np.int64]
    positions: NDArray[np.int64] | None = None
    ends: NDArray[np.int64] | None = None


def row_batches(rows: Rows, batch_tokens: int) -> Iterator[Batch]:
    """Every row once, the longest first, in batches of at most `batch_tokens` or one row."""
    lengths = np.fromiter(map(len, rows.tokens), dtype=np.int64, count=len(rows.tokens))
    order = np.argsort(-lengths, kind="stable")
    first = 0
    while first < len(order):
        width = max(1, int(lengths[order[first]]) - 1)
        count = max(1, batch_tokens // width)
        yield _batch(rows, lengths, order[first : first + count])
        first += count


def _batch(rows: Rows, lengths: NDArray[np.int64], numbers: NDArray[np.int64]) -> Batch:
    held = lengths[numbers]
    column = np.arange(max(2, int(held[0])))
    inside = column < held[:, None]
    tokens = np.zeros(inside.shape, dtype=np.int64)
    chosen = numbers.tolist()
    tokens[inside] = np.concatenate([rows.tokens[number] for number in chosen])
    counted = inside & (column >= rows.firsts[numbers][:, None])
    if rows.masks is not None:
        counted[inside] &= ~np.concatenate([rows.masks[number] for number in chosen])
    row, place = np.nonzero(counted)
    return Batch(
        tokens=tokens[:, :-1],
        sources=row * (len(column) - 1) + place - 1,
        targets=tokens[row, place],
        owners=numbers[row],
        places=place,
    )
