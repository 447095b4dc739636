"""Read a corpus once: split its documents by hash and write their tokens."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from specc.corpora.contents import fingerprint
from specc.corpora.documents import Document, document_id, split_of
from specc.corpora.readers import read_documents
from specc.corpora.tokens import Tokens, encode_document, load_tokens, token_type
from specc.errors import DataError
from specc.steps import PrepareExecution, PrepareParams
from specc.store import Manifest
from specc_runtime.arrays import GrowingArrays
from specc_runtime.attempt import Attempt
from specc_runtime.options import PARTS
from specc_runtime.prepared import SPLITS, TOKENIZER

DOCUMENTS_PER_CHECK = 256
"""Documents between two looks at whether the step is to stop."""


class SplitWriter:
    """Writes the arrays of a split in bounded memory and counts what it writes."""

    def __init__(self, folder: Path, name: str, tokens: Tokens, with_options: bool) -> None:
        self._tokens = tokens
        self._with_options = with_options
        narrow = token_type(tokens.vocab)
        parts: list[tuple[str, Any]] = [
            ("tokens", narrow),
            ("offsets", np.int64),
            ("prompts", np.int32),
            ("ids", np.uint64),
        ]
        if with_options:
            parts += [("option_tokens", narrow), *PARTS]
        self.arrays = GrowingArrays(folder, ((part, f"{name}.{part}", dtype) for part, dtype in parts))
        self.arrays["offsets"].append(0)
        if with_options:
            self.arrays["option_offsets"].append(0)
            self.arrays["option_starts"].append(0)
        self.documents = 0
        self.targets = 0

    def write(self, document: Document, identity: str) -> None:
        """Append a document under its id (64 hex digits)."""
        ids, prompt = encode_document(document, self._tokens)
        self.arrays["tokens"].extend(ids)
        self.arrays["offsets"].append(self.arrays["tokens"].length)
        self.arrays["prompts"].append(prompt)
        self.arrays["ids"].append(int(identity[:16], 16))
        self.documents += 1
        self.targets += len(ids) - max(prompt, 1)
        if self._with_options:
            self._write_options(document)

    def _write_options(self, document: Document) -> None:
        for option in document.options:
            answered = Document(prompt=document.prompt, completion=option)
            ids, prompt = encode_document(answered, self._tokens)
            self.arrays["option_tokens"].extend(ids[prompt:-1])
            self.arrays["option_offsets"].append(self.arrays["option_tokens"].length)
            self.arrays["option_bytes"].append(len(option.encode()))
        self.arrays["option_starts"].append(self.arrays["option_bytes"].length)
        self.arrays["option_correct"].append(document.options.index(document.completion))

    def outputs(self) -> dict[str, int]:
        return {
            "documents": self.documents,
            "tokens": self.arrays["tokens"].length,
            "targets": self.targets,
        }


def prepare(attempt: Attempt) -> Manifest:
    """Tokenise the documents of a corpus into one set of arrays per split.

    Raises:
        DataError: if a file can't be read as declared, or changed since the recipe was compiled.
    """
    params: PrepareParams = attempt.params
    execution: PrepareExecution = attempt.execution
    files = tuple(Path(file) for file in execution.files)
    tokens = load_tokens(execution.tokenizer_path)
    if tokens.identity != params.tokenizer:
        raise _changed(f"the tokenizer {execution.tokenizer_path}")
    with_options = bool(params.reader.args.get("options"))
    names = (*SPLITS, *(split.name for split in params.splits))
    writers = {name: SplitWriter(attempt.artifact, name, tokens, with_options) for name in names}
    with ExitStack() as closed:
        for writer in writers.values():
            closed.enter_context(writer.arrays)
        _write_all(attempt, read_documents(params.reader, files), writers)
    if params.fingerprint and fingerprint(files) != params.fingerprint:
        raise _changed(attempt.step.label or "the corpus")
    if execution.tokenizer_path is not None:
        shutil.copyfile(execution.tokenizer_path, attempt.artifact / TOKENIZER)
    splits: dict[str, Any] = {name: writer.outputs() for name, writer in writers.items()}
    return attempt.publish({"vocab": tokens.vocab, "eos": tokens.eos, **splits})


def _write_all(attempt: Attempt, documents: Iterable[Document], writers: dict[str, SplitWriter]) -> None:
    params: PrepareParams = attempt.params
    splits = [(split.name, split.share) for split in params.splits]
    for number, document in enumerate(documents):
        if number % DOCUMENTS_PER_CHECK == 0:
            attempt.stop_if_asked()
        identity = document_id(document)
        writers[split_of(identity, params.held_out, splits)].write(document, identity)


def _changed(what: str) -> DataError:
    return DataError(f"{what} has changed since the recipe was compiled", "run the recipe again")
