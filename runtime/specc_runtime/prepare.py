"""Read a corpus once: split its documents by hash and write their tokens.

Memory is bounded by a few batches of documents, whatever the size of the corpus. The arrays grow in the
step's scratch folder; every few seconds they are flushed and `progress.json` says how far they go. An
attempt that was killed or stopped is taken up there: the documents behind are read again, and not
tokenised again. As neither batches nor threads have a part in what is written, the bytes are those of
an attempt that nothing disturbed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

import specc
from specc.components import arguments
from specc.corpora.blocks import Block
from specc.corpora.contents import fingerprint
from specc.corpora.declared import DECLARED, only_declared
from specc.corpora.documents import Document
from specc.corpora.encode import Splitting, encoded
from specc.corpora.harness import TASK_ROWS, rows_of_splits
from specc.corpora.readers import read_documents
from specc.corpora.tokens import IdTokens, Tokens, token_type, tokens_of
from specc.errors import DataError
from specc.files import copy_file, rename, write_atomic, write_file
from specc.hub.datasets import ContentDigest, network_allowed
from specc.hub.tokenizer import fetched
from specc.steps import TRAINED, Frozen, PrepareExecution, PrepareParams
from specc.store import Manifest
from specc_runtime.arrays import GrowingArrays
from specc_runtime.attempt import Attempt, Interrupted
from specc_runtime.options import PARTS
from specc_runtime.prepared import IDS, TASK, TOKENIZER

DOCUMENTS_PER_CHECK = 256
"""Documents that are passed over between two looks at whether the step is to stop."""

CHECKPOINT_SECONDS = 20.0
"""Time between two records of how far the step is."""

UNFINISHED = "parts"
"""Folder of the arrays while they grow, in the scratch folder of the step."""

PROGRESS = "progress.json"


class Progress(Frozen):
    """How far a step is.

    Attributes:
        versions: packages that decide on the bytes; others begin anew.
        documents: documents that were written. lengths: elements of each array, by file name.
        targets: of each split. resumed: attempts before this one.
    """

    versions: dict[str, str]
    documents: int
    lengths: dict[str, int]
    targets: dict[str, int]
    resumed: int = 0


class SplitWriter:
    """Writes the arrays of a split in bounded memory and counts what it writes."""

    def __init__(
        self,
        folder: Path,
        name: str,
        tokens: Tokens,
        with_options: bool,
        known: Progress | None,
        with_turns: bool = False,
    ) -> None:
        narrow = token_type(tokens.vocab)
        parts: list[tuple[str, Any]] = [
            ("tokens", narrow),
            ("offsets", np.int64),
            ("prompts", np.int32),
            ("ids", np.uint64),
        ]
        if with_options:
            parts += [("option_tokens", narrow), *PARTS]
        if with_turns:
            parts.append(("masked", np.bool_))
        named = ((part, f"{name}.{part}", dtype) for part, dtype in parts)
        self.arrays = GrowingArrays(folder, named, known.lengths if known else None)
        self.targets = known.targets.get(name, 0) if known else 0
        starts = ("offsets", "option_offsets", "option_starts") if with_options else ("offsets",)
        for part in starts:
            if not self.arrays[part].length:
                self.arrays[part].append(0)

    def write(self, block: Block) -> None:
        """Append documents."""
        arrays = self.arrays
        arrays["offsets"].extend(block.offsets[1:] + arrays["tokens"].length)
        arrays["tokens"].extend(block.tokens)
        arrays["prompts"].extend(block.prompts)
        arrays["ids"].extend(block.ids)
        # Tokens without a document are those of a long one that ends in a later block.
        self.targets += len(block.tokens) - int(np.maximum(block.prompts, 1).sum())
        if "masked" in arrays.arrays:
            masked = np.zeros(len(block.tokens), dtype=bool) if block.masked is None else block.masked
            arrays["masked"].extend(masked)
            self.targets -= int(np.count_nonzero(masked))
        if block.options is not None:
            options = block.options
            arrays["option_offsets"].extend(options.offsets[1:] + arrays["option_tokens"].length)
            arrays["option_starts"].extend(options.starts[1:] + arrays["option_bytes"].length)
            arrays["option_tokens"].extend(options.tokens)
            arrays["option_bytes"].extend(options.bytes)
            arrays["option_correct"].extend(options.correct)

    def outputs(self) -> dict[str, int]:
        return {
            "documents": self.arrays["ids"].length,
            "tokens": self.arrays["tokens"].length,
            "targets": self.targets,
        }


def prepare(attempt: Attempt) -> Manifest:
    """Tokenise the documents of a corpus into one set of arrays per split.

    Raises:
        DataError: if a file can't be read as declared, or changed since the recipe was compiled.
        Interrupted: if it was asked to stop; the next attempt goes on from here.
    """
    params: PrepareParams = attempt.params
    execution: PrepareExecution = attempt.execution
    if params.reader.name == DECLARED:
        raise only_declared(arguments(params.reader))
    files = tuple(Path(file) for file in execution.files)
    tokenizer = fetched(Path(execution.tokenizer_path) if execution.tokenizer_path is not None else None)
    if TRAINED in attempt.step.inputs:
        tokenizer = attempt.input(TRAINED)[0] / TOKENIZER
    tokens = tokens_of(params.reader, tokenizer)
    if tokens.identity != params.tokenizer:
        raise _changed(f"the tokenizer {tokenizer}")
    splitting = Splitting(params.held_out, [(split.name, split.share) for split in params.splits])
    with Preparing(attempt, tokens, splitting) as preparing:
        with network_allowed():
            preparing.write(read_documents(params.reader, files), execution.threads)
        outputs = preparing.outputs()
    if execution.content and preparing.content() != execution.content:
        preparing.forget()
        raise DataError(
            f"{attempt.step.label or 'the data set'} is not what was counted when it was pinned",
            "the hub gives other rows for the same commit; pin it anew with `specc lock FILE --update`",
        )
    if params.fingerprint and fingerprint(files) != params.fingerprint:
        preparing.forget()
        raise _changed(attempt.step.label or "the corpus")
    preparing.finish()
    if tokenizer is not None:
        copy_file(tokenizer, attempt.artifact / TOKENIZER)
    elif isinstance(tokens, IdTokens):
        write_file(attempt.artifact / IDS, json.dumps({"vocab": tokens.vocab, "eos": tokens.eos}))
    if params.reader.name == TASK_ROWS:
        said = json.loads(params.reader.args["config"])
        rows = rows_of_splits(files, params.reader.args)
        write_file(attempt.artifact / TASK, json.dumps({"config": said, "rows": rows}))
    return attempt.publish(
        {"vocab": tokens.vocab, "eos": tokens.eos, **outputs},
        threads=execution.threads,
        resumed=preparing.resumed,
    )


class Preparing:
    """The arrays of a corpus while they are written.

    Attributes:
        resumed: how often the step was taken up again.
    """

    def __init__(self, attempt: Attempt, tokens: Tokens, splitting: Splitting) -> None:
        self.attempt = attempt
        self.tokens = tokens
        self.splitting = splitting
        self.folder = attempt.work / UNFINISHED
        self.folder.mkdir(exist_ok=True)
        self.with_options = bool(attempt.params.reader.args.get("options"))
        self.with_turns = attempt.params.reader.name == "chat"
        self.versions = {"specc": specc.__version__, "tokenizers": version("tokenizers")}
        self.documents = 0
        self.resumed = 0
        self.writers: dict[str, SplitWriter] = {}
        self._closed = ExitStack()

    def __enter__(self) -> Preparing:
        known = self._known()
        try:
            self._open(known)
        except OSError:
            if known is None:
                raise
            self._closed.close()
            self._open(None)
        return self

    def __exit__(self, *error: object) -> None:
        self._closed.close()

    def _known(self) -> Progress | None:
        """How far an earlier attempt was; None if there is nothing to go on with."""
        try:
            known = Progress.model_validate_json((self.folder / PROGRESS).read_bytes())
        except (OSError, ValidationError):
            return None
        return known if known.versions == self.versions else None

    def _open(self, known: Progress | None) -> None:
        for name in self.splitting.names:
            writer = SplitWriter(self.folder, name, self.tokens, self.with_options, known, self.with_turns)
            self.writers[name] = writer
            self._closed.enter_context(writer.arrays)
        self.documents = known.documents if known else 0
        self.resumed = known.resumed + 1 if known else 0

    def write(self, documents: Iterator[Document], threads: int) -> None:
        """Append all documents behind those that are written already.

        Raises:
            Interrupted: if it was asked to stop.
        """
        recorded = time.monotonic()
        names = self.splitting.names
        rest = self._behind(documents)
        for block, of in encoded(rest, self.tokens, self.splitting, self.with_options, threads):
            for number in np.unique(of).tolist():
                inside = np.flatnonzero(of == number)
                whole = len(inside) == len(of)
                self.writers[names[number]].write(block if whole else block.select(inside))
            self.documents += block.documents
            stopping = self.attempt.stopping()
            due = stopping or time.monotonic() - recorded >= CHECKPOINT_SECONDS
            if due and block.documents:  # inside of a long text there is no place to go on from
                self.record()
                recorded = time.monotonic()
            if stopping:
                raise Interrupted(self.attempt.step.label)

    def _behind(self, documents: Iterator[Document]) -> Iterator[Document]:
        """The documents that are not written yet."""
        for number in range(self.documents):
            if number % DOCUMENTS_PER_CHECK == 0:
                self.attempt.stop_if_asked()
            if next(documents, None) is None:
                break
        return documents

    def record(self) -> None:
        """Flush the arrays, and note how far they go."""
        lengths: dict[str, int] = {}
        for writer in self.writers.values():
            writer.arrays.sync()
            lengths |= writer.arrays.lengths()
        progress = Progress(
            versions=self.versions,
            documents=self.documents,
            lengths=lengths,
            targets={name: writer.targets for name, writer in self.writers.items()},
            resumed=self.resumed,
        )
        write_atomic(self.folder / PROGRESS, progress.model_dump_json())

    def outputs(self) -> dict[str, dict[str, int]]:
        """What the splits hold."""
        return {name: writer.outputs() for name, writer in self.writers.items()}

    def content(self) -> str:
        """Digest of what was read, by the ids of the documents."""
        found = ContentDigest(self.splitting.names)
        for name in self.splitting.names:
            found.extend(name, np.load(self.folder / f"{name}.ids.npy", allow_pickle=False))
        return found.hexdigest()

    def forget(self) -> None:
        """Let the next attempt begin anew."""
        (self.folder / PROGRESS).unlink(missing_ok=True)

    def finish(self) -> None:
        """Move the finished arrays into the artifact."""
        self.forget()
        for writer in self.writers.values():
            for array in writer.arrays.arrays.values():
                rename(array.path, self.attempt.artifact / array.path.name)


def _changed(what: str) -> DataError:
    return DataError(f"{what} has changed since the recipe was compiled", "run the recipe again")
