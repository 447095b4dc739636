"""What a corpus holds: documents, tokens and bytes of each split, counted exactly.

Counting reads the whole corpus, so the result is kept in the user's cache folder and found again
by size, time and inode of every file. The cache is an accelerator only: it may be deleted at any
time, and where it can't be written there is none.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import Field, ValidationError

from specc.canonical import digest
from specc.components import arguments
from specc.corpora.contents import by_content, combined, fingerprint
from specc.corpora.declared import DECLARED, declared_facts
from specc.corpora.documents import Document
from specc.corpora.readers import read_in_order
from specc.corpora.tokens import Tokens, tokens_of
from specc.errors import DataError, SpeccError, reason
from specc.files import write_atomic
from specc.processors import default_workers
from specc.steps import VERSIONS, Component, Frozen

if TYPE_CHECKING:
    from specc.corpora.encode import Counts

_FORMAT = 1
"""Raised when what is counted changes; readers and the split have the version of `prepare`."""

Facts = TypeVar("Facts", bound=Frozen)

Splits = Sequence[tuple[str, Fraction]]
"""Names and shares of the splits of a corpus beside `train` and `held_out`."""

_SETTLED_SECONDS = 2.0
"""Files changed less than this ago could change again without a new time stamp: not cached."""


class SplitFacts(Frozen):
    """Documents of a split; `tokens` with an end token each, `bytes` of UTF-8 without."""

    documents: int = 0
    tokens: int = 0
    bytes: int = 0


class CorpusFacts(Frozen):
    """What a corpus holds.

    Attributes:
        fingerprint: digest of the files' content; "" for generators.
        tokenizer: "byte", or the SHA-256 of the tokenizer's file.
        vocab: number of token ids.
        prompts: whether documents have a prompt. options: whether they have options.
        splits: the other splits, by their names.
    """

    fingerprint: str
    tokenizer: str
    vocab: int
    prompts: bool
    options: bool
    train: SplitFacts
    held_out: SplitFacts
    splits: dict[str, SplitFacts] = Field(default_factory=dict)

    def of(self, split: str) -> SplitFacts:
        """What a split holds."""
        return {"train": self.train, "held_out": self.held_out, **self.splits}[split]


def measure(
    reader: Component,
    files: Sequence[Path | str],
    tokenizer_path: Path | str | None = None,
    held_out: Fraction = Fraction(0),
    splits: Splits = (),
) -> CorpusFacts:
    """Read a corpus and count it. A split may turn out empty; that is the caller's to judge.

    Raises:
        DataError: if a file or the tokenizer can't be read as declared, there are no documents,
            or files changed while they were read.
    """
    if reader.name == DECLARED:
        return declared_facts(arguments(reader), held_out, splits)
    tokenizer = fingerprint([tokenizer_path]) if tokenizer_path else ""
    asked = [
        _FORMAT,
        VERSIONS["prepare"],
        reader.model_dump(),
        [held_out.numerator, held_out.denominator],
        tokenizer,
    ]
    if splits:
        asked.append([[name, share.numerator, share.denominator] for name, share in splits])
    return remembered(
        asked, files, CorpusFacts, lambda: _count(reader, files, tokenizer_path, held_out, splits)
    )


def remembered(
    asked: Sequence[object], files: Sequence[Path | str], kind: type[Facts], count: Callable[[], Facts]
) -> Facts:
    """What `count` finds in some files, or found when they were as they are now.

    Args:
        asked: what is counted, as JSON.
    Raises:
        DataError: if a file can't be read, or changed while `count` read.
    """
    started = time.time()
    before = _stamps(files)
    entry = _cache_entry(digest([*asked, before]))
    known = _recall(entry, kind)
    if known is not None:
        return known
    facts = count()
    if _stamps(files) != before:
        raise DataError("files of the corpus changed while they were read", "run again when they are at rest")
    if all(changed < (started - _SETTLED_SECONDS) * 1e9 for *_, changed in before):
        _remember(entry, facts)
    return facts


def _count(
    reader: Component,
    files: Sequence[Path | str],
    tokenizer_path: Path | str | None,
    held_out: Fraction,
    splits: Splits,
) -> CorpusFacts:
    contents = by_content(files)
    documents = read_in_order(reader, [content.path for content in contents])
    tokens = tokens_of(reader, tokenizer_path)
    return count_documents(documents, tokens, held_out, splits, combined(contents))


def count_documents(
    documents: Iterable[Document],
    tokens: Tokens,
    held_out: Fraction,
    splits: Splits,
    fingerprint: str,
    seen: Callable[[Counts], None] | None = None,
) -> CorpusFacts:
    """Count documents, on as many threads as there are processors where they must be tokenised.

    Args:
        fingerprint: of what they come from. seen: is told what each batch of them holds.
    """
    from specc.corpora.encode import Splitting, counted

    splitting = Splitting(held_out, splits)
    threads = default_workers()
    totals = [[0, 0, 0] for _ in splitting.names]
    prompts = options = False
    for found in counted(documents, tokens, splitting, threads):
        for total, *added in zip(totals, found.documents, found.tokens, found.bytes, strict=True):
            total[:] = [before + int(more) for before, more in zip(total, added, strict=True)]
        prompts = prompts or found.prompts
        options = options or found.options
        if seen is not None:
            seen(found)
    facts = {
        name: SplitFacts(documents=d, tokens=t, bytes=b)
        for name, (d, t, b) in zip(splitting.names, totals, strict=True)
    }
    return CorpusFacts(
        fingerprint=fingerprint,
        tokenizer=tokens.identity,
        vocab=tokens.vocab,
        prompts=prompts,
        options=options,
        train=facts.pop("train"),
        held_out=facts.pop("held_out"),
        splits=facts,
    )


def _stamps(files: Sequence[Path | str]) -> list[tuple[str, int, int, int, int]]:
    """Path, size, inode, and times of modification and change in ns; the last is the system's own."""
    stamps = []
    for path in files:
        try:
            found = os.stat(path)
        except OSError as error:
            raise DataError(f"{path} can't be read: {reason(error)}", "check that it is there") from error
        name = os.path.abspath(path)
        stamps.append((name, found.st_size, found.st_ino, found.st_mtime_ns, found.st_ctime_ns))
    return stamps


def cache_folder(name: str) -> Path | None:
    """A folder of the user's cache; None where the user has no folder for it.

    $XDG_CACHE_HOME or ~/.cache, as in the XDG base directory specification, version 0.8.
    """
    folder = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(folder):
        folder = os.path.expanduser("~/.cache")
    return Path(folder, "specc", name) if os.path.isabs(folder) else None


def _cache_entry(key: str) -> Path | None:
    """Where the facts under a key are kept; None where there is no such place."""
    folder = cache_folder("corpora")
    return folder / f"{key}.json" if folder is not None else None


def _recall(entry: Path | None, kind: type[Facts]) -> Facts | None:
    if entry is None:
        return None
    try:
        return kind.model_validate_json(entry.read_bytes())
    except (OSError, ValidationError):
        return None


def _remember(entry: Path | None, facts: Frozen) -> None:
    if entry is None:
        return
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(entry, facts.model_dump_json())
    except (OSError, SpeccError):
        return
