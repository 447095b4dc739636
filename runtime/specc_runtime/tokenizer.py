"""Train a tokenizer, or take over the one that was trained when the recipe was checked."""

from __future__ import annotations

import hashlib
from itertools import islice
from pathlib import Path

from specc.corpora.bpe import Text, train
from specc.corpora.contents import fingerprint
from specc.corpora.tokens import load_tokens
from specc.errors import DataError, SpeccError
from specc.files import write_file
from specc.steps import TokenizerExecution, TokenizerParams
from specc.store import Manifest
from specc_runtime.attempt import Attempt
from specc_runtime.prepared import TOKENIZER


def make_tokenizer(attempt: Attempt) -> Manifest:
    """Publish the tokenizer of a recipe as a file of the `tokenizers` library.

    Raises:
        DataError: if a text can't be read as declared, or has changed since the recipe was compiled.
        SpeccError: if the library makes another tokenizer of it than when the recipe was compiled.
    """
    params: TokenizerParams = attempt.params
    execution: TokenizerExecution = attempt.execution
    files = iter(map(Path, execution.files))
    texts = [
        Text(
            text.reader,
            tuple(islice(files, count)),
            text.held_out,
            tuple((split.name, split.share) for split in text.splits),
        )
        for text, count in zip(params.texts, execution.counts, strict=True)
    ]
    fingerprints = tuple(text.fingerprint for text in params.texts)
    data = _made(execution.made, params.sha256)
    if data is None:
        facts, data = train(params.component, texts)
        found = facts.fingerprints
    else:
        found = tuple(fingerprint(text.files) for text in texts)
    if found != fingerprints:
        raise DataError(
            f"the text of {attempt.step.label or 'the tokenizer'} has changed since the recipe was compiled",
            "run the recipe again",
        )
    if hashlib.sha256(data).hexdigest() != params.sha256:
        raise SpeccError(
            f"{attempt.step.label or 'the tokenizer'} is not the one that the recipe was compiled with",
            "the package `tokenizers` has changed since; run the recipe again",
        )
    path = attempt.artifact / TOKENIZER
    write_file(path, data)
    tokens = load_tokens(path)
    return attempt.publish({"vocab": tokens.vocab, "eos": tokens.eos})


def _made(path: str | None, sha256: str) -> bytes | None:
    """The content of a tokenizer's file, if it is there and is the one that is meant."""
    if path is None:
        return None
    try:
        data = Path(path).read_bytes()
    except OSError:
        return None
    return data if hashlib.sha256(data).hexdigest() == sha256 else None
