"""Rows that begin alike, computed together: what they have in common goes through the model once.

Rows in alphabetical order are the paths of a tree, and written down in that order, each without what
it shares with the one before it, they are the tree's tokens in depth-first order. There token j
precedes token i in some row exactly if j <= i < end(j), where end(j) is the place behind the last
token below j. This is the attention mask; a token's position is its depth. So a few-shot preamble is
computed once for many prompts, a prompt once for all its options.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from specc_runtime.evaluate.batches import Batch, Rows, Tokens

LEAST_SAVED = 0.1
"""Share of all tokens that must be saved: below it a plain causal mask is faster."""

COMPARED = 256
"""Rows that are compared with their neighbours at once."""


@dataclass(frozen=True, slots=True)
class Worth:
    """When sharing pays: what a token costs in the layers, and a pair of tokens in attention, in one unit.

    Attributes:
        token: of a token. pair: of a query and a key, computed in full where rows are shared, half of
            them where they aren't.
    """

    token: float
    pair: float

    def joins(self, length: int, shared: int, tree: int) -> bool:
        """Whether a row that shares some of its tokens is cheaper within a tree of `tree` tokens."""
        grown = tree + length - shared
        return self.token * shared > self.pair * (grown**2 - tree**2 - length**2 / 2)


@dataclass(frozen=True, slots=True)
class Tree:
    """Rows in alphabetical order with what each shares with the one before it; the first shares nothing.

    Attributes:
        size: tokens in all.
    """

    numbers: list[int]
    shared: list[int]
    size: int


def shared_batches(rows: Rows, batch_tokens: int, worth: Worth) -> Iterator[Batch] | None:
    """Every row once, in batches of trees of at most `batch_tokens`; None if too little is in common."""
    inputs = [row[:-1] if len(row) > 1 else row for row in rows.tokens]
    # Big-endian bytes are ordered as the numbers are.
    order = sorted(range(len(inputs)), key=[row.astype(">u4").tobytes() for row in inputs].__getitem__)
    common = common_prefixes([inputs[number] for number in order])
    if sum(common) < LEAST_SAVED * sum(map(len, inputs)):
        return None
    trees = list(plant(order, common, [len(inputs[number]) for number in order], batch_tokens, worth))
    return _batches(rows, inputs, trees, batch_tokens)


def common_prefixes(ordered: Sequence[Tokens]) -> list[int]:
    """How many tokens each row has in common with the one before it, from its first on; 0 for the first."""
    found = [0] if ordered else []
    for first in range(0, len(ordered) - 1, COMPARED):
        group = ordered[first : first + COMPARED + 1]
        lengths = np.array([len(row) for row in group])
        inside = np.arange(int(lengths.max(initial=1))) < lengths[:, None]
        padded = np.full(inside.shape, -1, dtype=np.int64)
        padded[inside] = np.concatenate(group)
        same = (padded[1:] == padded[:-1]) & inside[1:] & inside[:-1]
        found += np.logical_and.accumulate(same, axis=1).sum(axis=1).tolist()
    return found


def plant(
    order: Sequence[int], common: Sequence[int], lengths: Sequence[int], batch_tokens: int, worth: Worth
) -> Iterator[Tree]:
    """Cut ordered rows into trees: a row joins the tree before it where that is cheaper."""
    tree = Tree([], [], 0)
    for number, shared, length in zip(order, common, lengths, strict=True):
        size = tree.size + length - shared
        if tree.numbers and size <= batch_tokens and worth.joins(length, shared, tree.size):
            tree.numbers.append(number)
            tree.shared.append(shared)
            tree = Tree(tree.numbers, tree.shared, size)
        else:
            if tree.numbers:
                yield tree
            tree = Tree([number], [0], length)
    if tree.numbers:
        yield tree


def _batches(rows: Rows, inputs: Sequence[Tokens], trees: list[Tree], batch_tokens: int) -> Iterator[Batch]:
    trees.sort(key=lambda tree: -tree.size)
    first = 0
    while first < len(trees):
        count = max(1, batch_tokens // trees[first].size)
        yield _batch(rows, inputs, trees[first : first + count])
        first += count


def _batch(rows: Rows, inputs: Sequence[Tokens], trees: list[Tree]) -> Batch:
    width = trees[0].size
    tokens, positions = (np.zeros((len(trees), width), dtype=np.int64) for _ in range(2))
    ends = np.broadcast_to(np.arange(1, width + 1), tokens.shape).copy()  # what fills sees itself alone
    sources, places, owners = [], [], []
    for line, tree in enumerate(trees):
        path = np.zeros(width, dtype=np.int64)
        size = depth = 0
        for number, shared in zip(tree.numbers, tree.shared, strict=True):
            row = inputs[number]
            ends[line, path[shared:depth]] = size
            grown = size + len(row) - shared
            path[shared : len(row)] = np.arange(size, grown)
            tokens[line, size:grown] = row[shared:]
            positions[line, size:grown] = np.arange(shared, len(row))
            size, depth = grown, len(row)
            place = np.arange(rows.firsts[number], len(rows.tokens[number]))
            if rows.masks is not None:
                place = place[~rows.masks[number][place]]
            sources.append(line * width + path[place - 1])
            places.append(place)
            owners.append(number)
        ends[line, path[:depth]] = size
    targets = np.concatenate(
        [np.asarray(rows.tokens[owner])[place] for owner, place in zip(owners, places, strict=True)]
    )
    return Batch(
        tokens=tokens,
        sources=np.concatenate(sources),
        targets=targets.astype(np.int64),
        owners=np.repeat(np.array(owners), [len(place) for place in places]),
        places=np.concatenate(places),
        positions=positions,
        ends=ends,
    )


def allowed_pairs(ends_BT: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether query i sees key j, [B, T, T]: j is on the way to i, or i itself."""
    place = np.arange(ends_BT.shape[1])
    return (place[:, None] >= place) & (place[:, None] < ends_BT[:, None, :])
