"""`corrupt`: tokens replaced at random."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specc.corpora.blocks import Block
from specc.corpora.draws import document_keys, draws, falls_below, scaled
from specc.corpora.tokens import Tokens


def corrupt(blocks: Iterator[Block], args: Mapping[str, Any], tokens: Tokens) -> Iterator[Block]:
    """Each token but end tokens replaced, with probability `share`, by one of all others but the end token.

    The new token is drawn evenly from the vocabulary, so that it is the old one once in a while. Two
    numbers belong to a token, by `seed`, its document's id and its place: whether, and by which.
    Options are dropped: the completion would no longer be among them.
    """
    share = Fraction(args["share"])
    for block in blocks:
        places = block.places()
        keys = np.repeat(document_keys(block.ids, "corrupt", args["seed"]), block.lengths)
        hit = falls_below(draws(keys, 2 * places), share) & (block.tokens != tokens.eos)
        hit &= of_side(block, args["side"], places)
        drawn = scaled(draws(keys[hit], 2 * places[hit] + 1), tokens.vocab - 1)
        changed = np.array(block.tokens)
        changed[hit] = drawn + (drawn >= tokens.eos)
        yield replace(block, tokens=changed, options=None)


def of_side(block: Block, side: str, places: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which tokens belong to the "prompt", to the "completion" (a text is one), or to "both"; [N]."""
    if side == "both":
        return np.ones(len(block.tokens), dtype=bool)
    in_prompt = places < np.repeat(block.prompts, block.lengths)
    return in_prompt if side == "prompt" else ~in_prompt
