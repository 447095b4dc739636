"""Tokenizers that a recipe has made: byte-level BPE, trained on the text of corpora.

What is learned are merges of bytes (Sennrich et al. 2016, arXiv 1508.07909; on bytes, as in Radford et
al. 2019, "Language Models are Unsupervised Multitask Learners", section 2.2), so any text has tokens.
The vocabulary holds the end token, the 256 bytes, and what was merged. Pairs are counted, and those of
equal counts are taken in order of their ids, so the order of documents and the number of threads have
no part in the result.

A plan counts tokens, so the tokenizer is trained when a recipe is first checked. It is kept in the
user's cache folder under the digest of its content, and found again as counts of corpora are: by size,
time and inode of the files. The step `tokenizer` of a run takes it from there if its digest is right,
and trains it anew if not; the run's truth is what that step publishes.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

from specc.corpora.contents import by_content, combined
from specc.corpora.documents import document_id, split_of
from specc.corpora.long_texts import LongText, pieces
from specc.corpora.measure import cache_folder, remembered
from specc.corpora.readers import read_in_order
from specc.corpora.word_memory import place_between_words
from specc.errors import DataError, SpeccError
from specc.files import write_atomic
from specc.steps import VERSIONS, Component, Frozen

END = "<|endoftext|>"
"""The end token of a trained tokenizer; its id is 0."""


@dataclass(frozen=True, slots=True)
class Text:
    """The training split of a corpus, as far as a tokenizer is concerned."""

    reader: Component
    files: tuple[Path, ...]
    held_out: Fraction = Fraction(0)
    splits: tuple[tuple[str, Fraction], ...] = ()


class TokenizerFacts(Frozen):
    """A trained tokenizer: the SHA-256 of its file, and a fingerprint of the content of each text."""

    sha256: str
    fingerprints: tuple[str, ...]


def train(component: Component, texts: Sequence[Text]) -> tuple[TokenizerFacts, bytes]:
    """Train a tokenizer on documents that nothing is held out of.

    Returns:
        what it is, and its file, as the `tokenizers` library writes it.
    Raises:
        DataError: if a file can't be read as declared, or there is too little text for the vocabulary.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    contents = [by_content(text.files) for text in texts]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    vocab = component.args["vocab"]
    trainer = trainers.BpeTrainer(
        vocab_size=vocab,
        special_tokens=[END],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    read = (
        part
        for text, files in zip(texts, contents, strict=True)
        for part in _parts(text, [content.path for content in files], component.args.get("bytes", 0))
    )
    tokenizer.train_from_iterator(read, trainer)
    found = tokenizer.get_vocab_size()
    if found < vocab:
        raise DataError(
            f"the text makes a vocabulary of {found:,} tokens, not {vocab:,}",
            f"write `vocab = {found}`, or train on more text",
        )
    data = tokenizer.to_str().encode()
    sha256 = hashlib.sha256(data).hexdigest()
    return TokenizerFacts(sha256=sha256, fingerprints=tuple(map(combined, contents))), data


def _parts(text: Text, files: Sequence[Path], limit: int) -> Iterator[str]:
    """The text of documents, until there are `limit` bytes; of all if that is 0."""
    read = 0
    for document in read_in_order(text.reader, files):
        kept = text.held_out or text.splits
        if not kept or split_of(document_id(document), text.held_out, text.splits) == "train":
            if isinstance(document, LongText):
                yield from (piece.text for piece in pieces(document, place_between_words))
            else:
                yield from document.parts
            read += document.bytes
            if 0 < limit <= read:
                return


def trained(component: Component, texts: Sequence[Text]) -> tuple[TokenizerFacts, Path]:
    """A tokenizer trained now, or found where an earlier one was kept.

    Returns:
        what it is, and where its file lies now.
    Raises:
        DataError: as `train`, or if files changed meanwhile.
    """
    made: dict[str, bytes] = {}

    def work() -> TokenizerFacts:
        facts, data = train(component, texts)
        made[facts.sha256] = data
        return facts

    files = tuple(dict.fromkeys(file for text in texts for file in text.files))
    facts = remembered(_asked(component, texts), files, TokenizerFacts, work)
    path = _place(facts.sha256)
    if not made and not _holds(path, facts.sha256):
        facts = work()
        path = _place(facts.sha256)
    if made and not _holds(path, facts.sha256):
        write_atomic(path, made[facts.sha256])
    return facts, path


def _asked(component: Component, texts: Sequence[Text]) -> list[Any]:
    from importlib.metadata import version

    described = [
        [
            text.reader.model_dump(),
            str(text.held_out),
            [[name, str(share)] for name, share in text.splits],
            [str(file) for file in text.files],
        ]
        for text in texts
    ]
    versions = [VERSIONS["prepare"], VERSIONS["tokenizer"], version("tokenizers")]
    return ["tokenizer", versions, component.model_dump(), described]


def _place(sha256: str) -> Path:
    """Where a tokenizer is kept: in the user's cache, or for this process alone where there is none."""
    folder = cache_folder("tokenizers")
    if folder is not None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if os.access(folder, os.W_OK):
                return folder / f"{sha256}.json"
        except (OSError, SpeccError):
            pass
    return _of_this_process() / f"{sha256}.json"


@cache
def _of_this_process() -> Path:
    import atexit
    import shutil
    import tempfile

    folder = tempfile.mkdtemp(prefix="specc-tokenizers-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def _holds(path: Path, sha256: str) -> bool:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == sha256
    except OSError:
        return False
