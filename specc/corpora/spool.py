"""All documents of a data set at hand at once, without all of them in memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import IO, Any

import numpy as np
from numpy.typing import DTypeLike

from specc.corpora.blocks import Block, ends


def gathered(blocks: Iterator[Block]) -> Block | None:
    """All blocks as one, without options; None if there are no documents.

    Arrays of a number for each document are held in memory. Tokens are, if there is one block; those
    of more lie in a temporary file that has no name and goes with the last array that shows it.
    """
    first = next(blocks, None)
    second = next(blocks, None)
    if first is None or second is None:
        return first
    parts = []
    with tempfile.TemporaryFile() as tokens, tempfile.TemporaryFile() as masks:
        masked = False
        for block in _again(first, second, blocks):
            tokens.write(block.tokens.tobytes())
            mask = np.zeros(len(block.tokens), dtype=bool) if block.masked is None else block.masked
            masks.write(mask.tobytes())
            masked |= block.masked is not None
            parts.append((block.lengths, block.prompts, block.ids))
        lengths, prompts, ids = (np.concatenate(part) for part in zip(*parts, strict=True))
        return Block(
            _mapped(tokens, first.tokens.dtype),
            ends(lengths),
            prompts,
            ids,
            _mapped(masks, np.bool_) if masked else None,
        )


def _again(first: Block, second: Block, rest: Iterator[Block]) -> Iterator[Block]:
    yield first
    yield second
    yield from rest


def _mapped(file: IO[bytes], dtype: DTypeLike) -> Any:
    """The content of a file as an array; the mapping outlives the file's name and handle."""
    file.flush()
    return np.memmap(file, dtype=dtype, mode="r")
