"""A prepared corpus as the runtime reads it: memory-mapped token files.

For each split (`train`, `held_out`, and those that the corpus names) an artifact of `prepare` holds

    <split>.tokens.npy    uint16 or uint32 [N], the documents one after another, each with its end token
    <split>.offsets.npy   int64 [D + 1], where each document begins
    <split>.prompts.npy   int32 [D], tokens of each document's prompt, which carry no loss
    <split>.ids.npy       uint64 [D], the first 64 bits of each document's id

and, where documents have options, the files of `specc_runtime.options`. An artifact of `dataset` has
one split, `data`, and there may be

    <split>.masked.npy    bool [N], tokens that carry no loss though no prompt holds them
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specc.corpora.tokens import IdTokens, Tokens, load_tokens

TOKENIZER = "tokenizer.json"
"""Copy of the tokenizer's file in the artifact; there is none for bytes."""

TASK = "task.json"
"""Of a task of the lm-evaluation-harness: {"config": its definition, "rows": of each split that it uses}."""

IDS = "token_ids.json"
"""In the artifact of token files without a tokenizer: {"vocab": tokens, "eos": id of the end token}."""

SPLITS = ("train", "held_out")
"""Splits that every prepared corpus has."""


@dataclass(frozen=True, slots=True)
class Split:
    """The documents of a split; see the module for shapes and types."""

    tokens: NDArray[Any]
    offsets: NDArray[np.int64]
    prompts: NDArray[np.int32]
    ids: NDArray[np.uint64]
    masked: NDArray[np.bool_] | None = None

    @property
    def documents(self) -> int:
        return len(self.prompts)

    def first(self, tokens: int) -> Split:
        """The first whole documents that together reach `tokens`; all of them if they don't."""
        count = min(int(np.searchsorted(self.offsets, tokens)), self.documents)
        return Split(
            self.tokens[: self.offsets[count]],
            self.offsets[: count + 1],
            self.prompts[:count],
            self.ids[:count],
            None if self.masked is None else self.masked[: self.offsets[count]],
        )


def open_array(path: Path) -> Any:
    """Map a .npy file; one without elements can't be mapped and is read."""
    with open(path, "rb") as file:
        np.lib.format.read_magic(file)
        shape, _, _ = np.lib.format.read_array_header_1_0(file)
    return np.load(path, mmap_mode="r" if shape[0] else None, allow_pickle=False)


def open_tokens(folder: Path) -> Tokens:
    """The tokenizer of a prepared corpus."""
    path = folder / TOKENIZER
    if (folder / IDS).exists():
        return IdTokens(**json.loads((folder / IDS).read_bytes()))
    return load_tokens(path if path.exists() else None)


def open_split(folder: Path, name: str) -> Split:
    """Map a split's files; nothing is read until it is used."""
    tokens, offsets, prompts, ids = (
        open_array(folder / f"{name}.{part}.npy") for part in ("tokens", "offsets", "prompts", "ids")
    )
    masked = folder / f"{name}.masked.npy"
    return Split(tokens, offsets, prompts, ids, open_array(masked) if masked.exists() else None)
