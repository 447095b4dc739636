"""Transforms that keep some documents as they are: `take`, `concat`, `where`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specc.corpora.blocks import Block
from specc.corpora.draws import document_keys, falls_below
from specc.corpora.tokens import Tokens


def take(blocks: Iterator[Block], args: Mapping[str, Any], tokens: Tokens) -> Iterator[Block]:
    """The first whole documents that together reach `tokens`."""
    left = args["tokens"]
    for block in blocks:
        kept = block.first(left)
        yield kept
        left -= len(kept.tokens)
        if left <= 0:
            return


def concat(blocks: Iterator[Block], args: Mapping[str, Any], tokens: Tokens) -> Iterator[Block]:
    """All documents; see `specc.corpora.transforms` for their order."""
    return blocks


def where(blocks: Iterator[Block], args: Mapping[str, Any], tokens: Tokens) -> Iterator[Block]:
    """Documents for which every condition holds.

    `min_tokens` and `max_tokens` count prompt and end token; `contains` looks into the text that all
    of a document's tokens decode to. For `share` and `part`, a document has a number in [0, 1) by
    `seed` and its id; part p of a share s are the numbers in [p s, (p + 1) s).
    """
    for block in blocks:
        keep = block.lengths >= args["min_tokens"]
        if args["max_tokens"]:
            keep &= block.lengths <= args["max_tokens"]
        share = Fraction(args["share"])
        if share < 1:
            numbers = document_keys(block.ids, "where", args["seed"])
            keep &= falls_below(numbers, share * (args["part"] + 1))
            keep &= ~falls_below(numbers, share * args["part"])
        if args["contains"]:
            keep &= _contain(block, keep, args["contains"], tokens)
        yield block.select(np.flatnonzero(keep))


def _contain(block: Block, asked: NDArray[np.bool_], text: str, tokens: Tokens) -> NDArray[np.bool_]:
    """Which of the documents that are asked for contain a text."""
    found = np.zeros(block.documents, dtype=bool)
    for number in np.flatnonzero(asked).tolist():
        first, last = block.offsets[number], block.offsets[number + 1]
        found[number] = text in tokens.decode(block.tokens[first:last])
    return found
