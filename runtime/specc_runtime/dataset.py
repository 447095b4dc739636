"""Make a data set out of others, with the transforms that counted it when the recipe was checked."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from specc.components import COMPONENTS
from specc.corpora.blocks import BLOCK_TOKENS, Block, Options
from specc.corpora.tokens import token_type
from specc.corpora.transforms import transformed
from specc.errors import DataError
from specc.steps import DATA_SPLIT, DataSet, DataSetParams
from specc.store import Manifest
from specc_runtime.arrays import GrowingArray
from specc_runtime.attempt import Attempt
from specc_runtime.options import PARTS, open_options
from specc_runtime.prepared import IDS, TOKENIZER, open_split, open_tokens


def make_data_set(attempt: Attempt) -> Manifest:
    """Write the documents of a data set as a prepared corpus of one split.

    Raises:
        DataError: if the inputs have different tokenizers, or no document is left.
    """
    params: DataSetParams = attempt.params
    folders = [attempt.input(data.corpus) for data in params.data]
    folder, first = folders[0]
    tokens = open_tokens(folder)
    if any(open_tokens(other).identity != tokens.identity for other, _ in folders[1:]):
        raise DataError(
            f"{attempt.step.label or 'the data set'} is made of corpora with different tokenizers",
            "give all corpora of an experiment one tokenizer",
        )
    inputs = [
        _stopping(attempt, blocks_of(path, data))
        for (path, _), data in zip(folders, params.data, strict=True)
    ]
    with ExitStack() as closed:
        writer = BlockWriter(attempt.artifact, DATA_SPLIT, token_type(tokens.vocab), closed)
        for block in transformed(params.component, inputs, tokens):
            writer.write(block)
        writer.finish()
    if not writer.documents:
        raise DataError(
            f"{attempt.step.label or 'the data set'} has no document left",
            "loosen its conditions, or give it more documents",
        )
    for kept in (TOKENIZER, IDS):
        if (folder / kept).exists():
            shutil.copyfile(folder / kept, attempt.artifact / kept)
    outputs = {"vocab": first.outputs["vocab"], "eos": first.outputs["eos"], DATA_SPLIT: writer.outputs()}
    keeps = "keeps_documents" in COMPONENTS[params.component.name].traits
    if keeps and len(params.data) == 1 and params.data[0].tokens is None:
        # Arms that differ in what is done to the documents read them in one order.
        outputs["order"] = order_of(first)
    return attempt.publish(outputs)


def order_of(made: Manifest) -> str:
    """What the order of reading is drawn by: the key of the step that decided which documents there are."""
    return str(made.outputs.get("order", made.key))


def blocks_of(folder: Path, data: DataSet) -> Iterator[Block]:
    """Documents of an artifact, a block at a time."""
    split = open_split(folder, data.split)
    if data.tokens is not None:
        split = split.first(data.tokens)
    options = open_options(folder, data.split)
    first = 0
    while first < split.documents:
        begin = split.offsets[first]
        last = min(int(np.searchsorted(split.offsets, begin + BLOCK_TOKENS)), split.documents)
        end = split.offsets[last]
        yield Block(
            split.tokens[begin:end],
            np.asarray(split.offsets[first : last + 1] - begin),
            np.asarray(split.prompts[first:last]),
            np.asarray(split.ids[first:last]),
            None if split.masked is None else np.asarray(split.masked[begin:end]),
            None if options is None else options.select(np.arange(first, last)),
        )
        first = last


def _stopping(attempt: Attempt, blocks: Iterator[Block]) -> Iterator[Block]:
    for block in blocks:
        attempt.stop_if_asked()
        yield block


class BlockWriter:
    """Writes the arrays of a split in bounded memory and counts what it writes.

    Masks are written once a block has one. Options are kept if all blocks have them.
    """

    def __init__(self, folder: Path, name: str, narrow: str, closed: ExitStack) -> None:
        self._folder = folder
        self._name = name
        self._narrow = narrow
        self._closed = closed
        self._arrays: dict[str, GrowingArray] = {}
        for part, dtype in (
            ("tokens", narrow),
            ("offsets", np.int64),
            ("prompts", np.int32),
            ("ids", np.uint64),
        ):
            self._open(part, dtype)
        self._arrays["offsets"].append(0)
        self._optional: bool | None = None
        self.documents = 0
        self.targets = 0

    def _open(self, part: str, dtype: Any) -> GrowingArray:
        array = GrowingArray(self._folder / f"{self._name}.{part}.npy", dtype)
        self._closed.callback(array.close)
        self._arrays[part] = array
        return array

    def write(self, block: Block) -> None:
        """Append a block's documents."""
        written = self._arrays["tokens"].length
        self._mask(block, written)
        self._arrays["tokens"].extend(block.tokens)
        self._arrays["offsets"].extend(block.offsets[1:] + written)
        self._arrays["prompts"].extend(block.prompts)
        self._arrays["ids"].extend(block.ids)
        if block.options is None:
            self._optional = False
        elif self._optional is not False:
            self._optional = True
            self._write_options(block.options)
        self.documents += block.documents
        learned = block.places() >= np.maximum(np.repeat(block.prompts, block.lengths), 1)
        if block.masked is not None:
            learned &= ~block.masked
        self.targets += int(np.count_nonzero(learned))

    def _mask(self, block: Block, written: int) -> None:
        if block.masked is not None and "masked" not in self._arrays:
            self._open("masked", np.bool_)
            for first in range(0, written, BLOCK_TOKENS):
                self._arrays["masked"].extend(np.zeros(min(BLOCK_TOKENS, written - first), dtype=bool))
        if "masked" in self._arrays:
            none = np.zeros(len(block.tokens), dtype=bool)
            self._arrays["masked"].extend(none if block.masked is None else block.masked)

    def _write_options(self, options: Options) -> None:
        if "option_tokens" not in self._arrays:
            self._open("option_tokens", self._narrow)
            for part, dtype in PARTS:
                self._open(part, dtype)
            self._arrays["option_offsets"].append(0)
            self._arrays["option_starts"].append(0)
        arrays = self._arrays
        arrays["option_offsets"].extend(options.offsets[1:] + arrays["option_tokens"].length)
        arrays["option_starts"].extend(options.starts[1:] + arrays["option_bytes"].length)
        arrays["option_tokens"].extend(options.tokens)
        arrays["option_bytes"].extend(options.bytes)
        arrays["option_correct"].extend(options.correct)

    def finish(self) -> None:
        """Remove the options if some documents have none."""
        if self._optional is False and "option_tokens" in self._arrays:
            for part in ("option_tokens", *(part for part, _ in PARTS)):
                (self._folder / f"{self._name}.{part}.npy").unlink()

    def outputs(self) -> dict[str, int]:
        return {
            "documents": self.documents,
            "tokens": self._arrays["tokens"].length,
            "targets": self.targets,
        }
