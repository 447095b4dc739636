"""Options of multiple-choice documents, as arrays beside the tokens of their split.

<split>.option_tokens.npy   the options' tokens one after another, without end tokens
<split>.option_offsets.npy  int64 [O + 1], where each option begins
<split>.option_bytes.npy    int32 [O], length of each option's text in UTF-8
<split>.option_starts.npy   int64 [D + 1], first option of each document
<split>.option_correct.npy  int32 [D], which of a document's options is the completion
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from specc.corpora.blocks import Options
from specc_runtime.prepared import open_array

__all__ = ["PARTS", "Options", "open_options"]

PARTS = (
    ("option_offsets", np.int64),
    ("option_bytes", np.int32),
    ("option_starts", np.int64),
    ("option_correct", np.int32),
)


def open_options(folder: Path, split: str) -> Options | None:
    """The options of a split; None if its documents have none."""
    if not (folder / f"{split}.option_starts.npy").exists():
        return None
    names = ("option_tokens", *(name for name, _ in PARTS))
    return Options(*(open_array(folder / f"{split}.{name}.npy") for name in names))
