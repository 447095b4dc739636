"""Corpora that are only declared: a plan knows their size, and there is nothing to read.

A recipe can be checked, planned and shown to others before its data is there. Splits have their
shares of the documents and of the tokens; a run stops at the first such corpus.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from specc.corpora.documents import Document
from specc.errors import DataError

if TYPE_CHECKING:
    from specc.corpora.measure import CorpusFacts

DECLARED = "declared"
"""Name of the component."""

BYTES_OF_A_TOKEN = 4
"""What a token of text is taken for, in bytes."""


def declared_facts(
    args: Mapping[str, Any], held_out: Fraction, splits: Sequence[tuple[str, Fraction]]
) -> CorpusFacts:
    """What a declared corpus is said to hold.

    Args:
        args: `tokens`, `vocab` and `documents` (0 for documents of 500 tokens).
    """
    from specc.corpora.measure import CorpusFacts, SplitFacts

    tokens = int(args["tokens"])
    documents = int(args["documents"]) or max(1, tokens // 500)

    def part(share: Fraction) -> SplitFacts:
        size = int(tokens * share)
        return SplitFacts(documents=int(documents * share), tokens=size, bytes=size * BYTES_OF_A_TOKEN)

    rest = 1 - held_out - sum((share for _, share in splits), Fraction(0))
    return CorpusFacts(
        fingerprint="",
        tokenizer=f"{DECLARED}:{args['vocab']}",
        vocab=int(args["vocab"]),
        prompts=False,
        options=False,
        train=part(rest),
        held_out=part(held_out),
        splits={name: part(share) for name, share in splits},
    )


def only_declared(args: Mapping[str, Any]) -> DataError:
    """What to tell where such a corpus is to be read."""
    return DataError(
        f"this corpus is only declared, with {int(args['tokens']):,} tokens; there is nothing to read",
        'put data in its place, for instance `override corpus NAME = jsonl("data/*.jsonl", text = "text")`',
    )


def read_declared(files: Sequence[Path], args: Mapping[str, Any]) -> Iterator[Document]:
    """Nothing can be read.

    Raises:
        DataError: always.
    """
    raise only_declared(args)
