"""`mask_tokens`: tokens that are read and never learned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specc.corpora.blocks import Block
from specc.corpora.draws import document_keys, draws, falls_below, mixed
from specc.corpora.hashing import hashed
from specc.corpora.tokens import Tokens


def mask_tokens(blocks: Iterator[Block], args: Mapping[str, Any], tokens: Tokens) -> Iterator[Block]:
    """A share of the tokens carries no loss; they are read as they are.

    Hans et al. 2024, arXiv 2406.10209, section 3.1, "robust handling of duplicate passages": a token is
    masked if a hash of the `context` tokens before it, in its document, is below `share`, so that a
    passage is masked alike wherever it is repeated. Tokens with fewer before them keep their loss.
    With `context = 0` the hash is of the document's id and the token's place.
    """
    share, context, seed = Fraction(args["share"]), args["context"], args["seed"]
    for block in blocks:
        places = block.places()
        if context:
            hit = falls_below(_before(block.tokens, context, seed), share) & (places >= context)
        else:
            keys = np.repeat(document_keys(block.ids, "mask", seed), block.lengths)
            hit = falls_below(draws(keys, places), share)
        yield replace(block, masked=hit if block.masked is None else block.masked | hit)


def _before(tokens: NDArray[Any], context: int, seed: int) -> NDArray[np.uint64]:
    """A hash of the `context` tokens before each; of no meaning where there are fewer."""
    result = np.full(len(tokens), hashed("mask", seed), dtype=np.uint64)
    wide = tokens.astype(np.uint64)
    for distance in range(context, 0, -1):
        result[distance:] = mixed(result[distance:] ^ (wide[:-distance] + np.uint64(1)))
    return result
