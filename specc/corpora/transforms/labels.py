"""`shuffle_labels`: completions that belong to other prompts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specc.corpora.blocks import BLOCK_TOKENS, Block, ends, ranges
from specc.corpora.draws import document_keys, draws, falls_below
from specc.corpora.spool import gathered
from specc.corpora.tokens import Tokens


def shuffle_labels(blocks: Iterator[Block], args: Mapping[str, Any], tokens: Tokens) -> Iterator[Block]:
    """The completions of a share of the documents, handed on among their prompts.

    The documents are chosen, and put in a circle, by `seed` and their ids; each gets the completion
    of the next in the circle. So none of two or more keeps its own, unless another has the same.
    Options are dropped: the completion would no longer be the right one.
    """
    whole = gathered(blocks)
    if whole is None:
        return
    giver = _givers(whole.ids, Fraction(args["share"]), args["seed"])
    own = whole.prompts.astype(np.int64)
    received = (whole.lengths - own)[giver]
    first = 0
    offsets = ends(own + received)
    while first < whole.documents:
        last = int(np.searchsorted(offsets, offsets[first] + BLOCK_TOKENS))
        last = min(max(last, first + 1), whole.documents)
        here = np.arange(first, last)
        others = giver[first:last]
        starts = np.stack([whole.offsets[here], whole.offsets[others] + own[others]], axis=1).reshape(-1)
        lengths = np.stack([own[here], received[here]], axis=1).reshape(-1)
        source = ranges(starts, lengths)
        yield Block(
            np.asarray(whole.tokens[source]),
            offsets[first : last + 1] - offsets[first],
            whole.prompts[first:last],
            whole.ids[first:last],
            None if whole.masked is None else np.asarray(whole.masked[source]),
        )
        first = last


def _givers(ids: NDArray[np.uint64], share: Fraction, seed: int) -> NDArray[np.int64]:
    """For each document, the one whose completion it gets."""
    keys = document_keys(ids, "shuffle labels", seed)
    chosen = np.flatnonzero(falls_below(keys, share))
    ranks = draws(keys[chosen], np.zeros(len(chosen), dtype=np.int64))
    circle = chosen[np.lexsort((ids[chosen], ranks))]
    giver = np.arange(len(ids))
    giver[circle] = np.roll(circle, -1)
    return giver
