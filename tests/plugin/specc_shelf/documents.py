"""What the components of `specc_shelf` do with documents: `specc check` counts them, so without torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from specc.corpora.blocks import Block
from specc.corpora.documents import Document
from specc.corpora.tokens import Tokens


def read_sums(files: Sequence[Path], args: Mapping[str, Any]) -> Iterator[Document]:
    """Every pair of summands from 0 to `largest`."""
    for first in range(args["largest"] + 1):
        for second in range(args["largest"] + 1):
            yield Document(prompt=f"{first}+{second}=", completion=str(first + second))


def long_documents(blocks: Iterator[Block], args: Mapping[str, Any], tokens: Tokens) -> Iterator[Block]:
    for block in blocks:
        yield block.select(np.flatnonzero(block.lengths >= args["tokens"]))
