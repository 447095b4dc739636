"""Options of multiple-choice documents, as arrays beside the tokens of their split.

<split>.option_tokens.npy   the options' tokens one after another, without end tokens
<split>.option_offsets.npy  int64 [O + 1], where each option begins
<split>.option_bytes.npy    int32 [O], length of each option's text in UTF-8
<split>.option_starts.npy   int64 [D + 1], first option of each document
<split>.option_correct.npy  int32 [D], which of a document's options is the completion
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specc_runtime.prepared import SplitName, open_array

PARTS = (
    ("option_offsets", np.int64),
    ("option_bytes", np.int32),
    ("option_starts", np.int64),
    ("option_correct", np.int32),
)


@dataclass(frozen=True, slots=True)
class Options:
    """Options of the documents of a split; see the module for shapes."""

    tokens: NDArray[Any]
    offsets: NDArray[np.int64]
    bytes: NDArray[np.int32]
    starts: NDArray[np.int64]
    correct: NDArray[np.int32]

    def of(self, document: int) -> Iterator[tuple[NDArray[np.int64], int]]:
        """Tokens and bytes of each option of a document."""
        for option in range(int(self.starts[document]), int(self.starts[document + 1])):
            tokens = self.tokens[self.offsets[option] : self.offsets[option + 1]]
            yield tokens.astype(np.int64), int(self.bytes[option])


def open_options(folder: Path, split: SplitName) -> Options | None:
    """The options of a split; None if its documents have none."""
    if not (folder / f"{split}.option_starts.npy").exists():
        return None
    names = ("option_tokens", *(name for name, _ in PARTS))
    return Options(*(open_array(folder / f"{split}.{name}.npy") for name in names))
