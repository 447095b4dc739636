"""`annotate`: a tag before the text or the prompt, or between prompt and completion."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specc.corpora.blocks import Block, Options, ends
from specc.corpora.draws import document_keys, falls_below
from specc.corpora.tokens import Tokens


def annotate(blocks: Iterator[Block], args: Mapping[str, Any], tokens: Tokens) -> Iterator[Block]:
    """Documents with a tag, in a share of them that `seed` and their ids choose.

    The tag is tokenised by itself. Before a prompt it is part of the prompt. Between prompt and
    completion it ends the prompt if it carries no loss, and begins the completion, and every option,
    if it does. Before a text without a prompt it is masked unless it carries loss.
    """
    tag = tokens.encode(args["prefix"])
    size = len(args["prefix"].encode())
    inside = args["place"] == "completion"
    for block in blocks:
        chosen = falls_below(document_keys(block.ids, "annotate", args["seed"]), Fraction(args["share"]))
        places = (block.offsets[:-1] + (block.prompts if inside else 0))[chosen]
        given = block.prompts > 0
        longer = chosen & (given | inside) & ~(inside & args["loss"])
        masked = block.masked
        if masked is not None or (not args["loss"] and bool((chosen & ~longer).any())):
            old = np.zeros(len(block.tokens), dtype=bool) if masked is None else masked
            tagged = np.repeat((chosen & ~longer)[chosen] & (not args["loss"]), len(tag))
            masked = np.insert(old, np.repeat(places, len(tag)), tagged)
        options = block.options
        if options is not None and inside and args["loss"]:
            options = _tagged(options, chosen, tag, size)
        yield replace(
            block,
            tokens=np.insert(block.tokens, np.repeat(places, len(tag)), np.tile(tag, len(places))),
            offsets=ends(block.lengths + len(tag) * chosen),
            prompts=(block.prompts + len(tag) * longer).astype(np.int32),
            masked=masked,
            options=options,
        )


def _tagged(options: Options, chosen: NDArray[np.bool_], tag: NDArray[Any], size: int) -> Options:
    """Options of the chosen documents with the tag before them; `size` is its length in bytes."""
    of_chosen = np.repeat(chosen, np.diff(options.starts))
    places = options.offsets[:-1][of_chosen]
    return replace(
        options,
        tokens=np.insert(options.tokens, np.repeat(places, len(tag)), np.tile(tag, len(places))),
        offsets=ends(np.diff(options.offsets) + len(tag) * of_chosen),
        bytes=(options.bytes + size * of_chosen).astype(np.int32),
    )
