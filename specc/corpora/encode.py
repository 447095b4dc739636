"""Documents to token ids, a batch at a time: fast, on several threads, in bounded memory.

A corpus is cut into batches of documents as it is read. What is made of a batch (ids, splits, tokens)
depends on its documents alone, and batches come in their order, so neither the number of threads nor
the size of a batch changes a result.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specc.corpora.blocks import Block, Options, ends
from specc.corpora.documents import Document, document_id, split_of
from specc.corpora.long_texts import LongText, Piece, pieces
from specc.corpora.tokens import Tokens, token_type
from specc.processors import in_order

BATCH_CHARACTERS = 1 << 18
"""A batch ends with the document that reaches this many characters. The library that tokenises takes
several hundred bytes for each while it works."""

BATCH_DOCUMENTS = 1 << 12
"""Most documents of a batch."""


@dataclass(frozen=True, slots=True)
class Splitting:
    """How documents are split by their ids; see `specc.corpora.documents.split_of`."""

    held_out: Fraction = Fraction(0)
    splits: Sequence[tuple[str, Fraction]] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all splits."""
        return ("train", "held_out", *(name for name, _ in self.splits))

    def of(self, identities: Sequence[str]) -> NDArray[np.int64]:
        """The split of each document, by its number in `names`."""
        if not self.held_out and not self.splits:
            return np.zeros(len(identities), dtype=np.int64)
        number = {name: place for place, name in enumerate(self.names)}
        found = (number[split_of(identity, self.held_out, self.splits)] for identity in identities)
        return np.fromiter(found, np.int64, len(identities))


@dataclass(frozen=True, slots=True)
class Counts:
    """What some documents hold, by split.

    Attributes:
        documents, tokens, bytes: int64, one number for each of `Splitting.names`; tokens with an end
            token for each document, bytes of UTF-8 without.
        ids: uint64 [D], the first 64 bits of each document's id. of: the split of each, [D].
    """

    documents: NDArray[np.int64]
    tokens: NDArray[np.int64]
    bytes: NDArray[np.int64]
    ids: NDArray[np.uint64]
    of: NDArray[np.int64]
    prompts: bool
    options: bool


def batches(documents: Iterable[Document]) -> Iterator[list[Document]]:
    """Documents in batches, in their order."""
    batch: list[Document] = []
    size = 0
    for document in documents:
        batch.append(document)
        size += document.size
        if size >= BATCH_CHARACTERS or len(batch) >= BATCH_DOCUMENTS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def batches_and_pieces(documents: Iterable[Document], tokens: Tokens) -> Iterator[list[Document] | Piece]:
    """Documents in batches, and those that are long in pieces, in their order."""
    for is_long, group in groupby(documents, lambda document: isinstance(document, LongText)):
        if not is_long:
            yield from batches(group)
            continue
        for document in group:
            assert isinstance(document, LongText)
            yield from pieces(document, tokens.cut)


def encoded(
    documents: Iterable[Document], tokens: Tokens, splitting: Splitting, options: bool, threads: int = 1
) -> Iterator[tuple[Block, NDArray[np.int64]]]:
    """Documents as blocks, with the split of each document by its number.

    A long text comes in several blocks, with its split beside each. All but the last have tokens and no
    document; the last has the document that ends in it.

    Args:
        options: whether their options are encoded too.
        threads: how many may work at once.
    """
    work = partial(_encode, tokens=tokens, splitting=splitting, options=options)
    best = tokens.threads(threads)
    return in_order(work, batches_and_pieces(documents, tokens), best)


def counted(
    documents: Iterable[Document], tokens: Tokens, splitting: Splitting, threads: int = 1
) -> Iterator[Counts]:
    """What batches of documents hold, without making their tokens."""
    work = partial(_count, tokens=tokens, splitting=splitting)
    best = tokens.threads(threads)
    return in_order(work, batches_and_pieces(documents, tokens), best)


def encoded_blocks(documents: Iterable[tuple[Document, str]], tokens: Tokens) -> Iterator[Block]:
    """Documents with their ids (64 hex digits) as blocks, in their order.

    Options are kept in blocks of which all documents have some.
    """
    identities: list[str] = []
    tokens.threads(1)

    def noted() -> Iterator[Document]:
        for document, identity in documents:
            identities.append(identity)
            yield document

    for batch in batches(noted()):
        options = all(document.options for document in batch)
        yield block_of(batch, identities[: len(batch)], tokens, options)
        del identities[: len(batch)]


def _encode(
    batch: list[Document] | Piece, tokens: Tokens, splitting: Splitting, options: bool
) -> tuple[Block, NDArray[np.int64]]:
    if isinstance(batch, Piece):
        return _block_of_piece(batch, tokens), splitting.of([batch.identity])
    identities = [document_id(document) for document in batch]
    return block_of(batch, identities, tokens, options), splitting.of(identities)


def _block_of_piece(piece: Piece, tokens: Tokens) -> Block:
    ids, _ = tokens.encode_many([piece.text])
    ended = [piece.identity] if piece.last else []
    end = [tokens.eos] * len(ended)
    filled = np.concatenate([ids, np.array(end, dtype=np.int64)]).astype(token_type(tokens.vocab))
    offsets = np.array([0, len(filled)] if piece.last else [0], dtype=np.int64)
    return Block(filled, offsets, np.zeros(len(ended), dtype=np.int32), _short(ended))


def block_of(batch: Sequence[Document], identities: Sequence[str], tokens: Tokens, options: bool) -> Block:
    """Documents with their ids (64 hex digits) as a block; with `options`, all of them have some.

    Each has the tokens of `specc.corpora.tokens.encode_document`.
    """
    ids, lengths, prompts, hidden = _tokens_of(batch, tokens)
    whole = lengths + 1
    offsets = ends(whole)
    filled = np.full(int(offsets[-1]), tokens.eos, dtype=token_type(tokens.vocab))
    inside = np.ones(len(filled), dtype=bool)
    inside[offsets[1:] - 1] = False
    filled[inside] = ids
    masked = None
    if hidden is not None:
        masked = np.zeros(len(filled), dtype=bool)
        masked[inside] = hidden
    return Block(
        filled,
        offsets,
        prompts.astype(np.int32),
        _short(identities),
        masked,
        options=_options(batch, tokens) if options else None,
    )


def _tokens_of(
    batch: Sequence[Document], tokens: Tokens
) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_] | None]:
    """Ids of all documents without end tokens; for each how many, and how many are the prompt's.

    Last is which of the ids carry no loss though they are behind the prompt: what is given in later
    turns of conversations; None where there are none.
    """
    if batch[0].ids:
        given_ids = np.frombuffer(b"".join(document.ids for document in batch), "<u4")
        return given_ids, _id_counts(batch), np.zeros(len(batch), dtype=np.int64), None
    parts = [part for document in batch for part in document.parts]
    ids, sizes = tokens.encode_many(parts, any(document.markup for document in batch))
    lengths, prompts = _by_document(batch, sizes)
    if not any(document.turns for document in batch):
        return ids, lengths, prompts, None
    given = [
        bool(document.turns) and place >= 2 and place % 2 == 0
        for document in batch
        for place in range(len(document.parts))
    ]
    return ids, lengths, prompts, np.repeat(np.array(given), sizes)


def _id_counts(batch: Sequence[Document]) -> NDArray[np.int64]:
    """Number of ids of documents that have nothing else."""
    return np.fromiter((len(document.ids) // 4 for document in batch), np.int64, len(batch))


def _by_document(
    batch: Sequence[Document], sizes: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of the sizes of all documents' parts: the size of each document, and that of its prompt."""
    counts = np.fromiter((len(document.parts) for document in batch), np.int64, len(batch))
    starts = ends(counts)[:-1]
    lengths = np.add.reduceat(sizes, starts)
    return lengths, np.where(counts > 1, sizes[starts], 0)


def _count_piece(piece: Piece, tokens: Tokens, splitting: Splitting) -> Counts:
    of = splitting.of([piece.identity])
    here = np.zeros(len(splitting.names), dtype=np.int64)
    here[of] = 1
    documents = int(piece.last)
    length = int(tokens.count_many([piece.text])[0]) + documents
    size = len(piece.text) if piece.text.isascii() else len(piece.text.encode())
    ids = _short([piece.identity] * documents)
    return Counts(here * documents, here * length, here * size, ids, of[:documents], False, False)


def _count(batch: list[Document] | Piece, tokens: Tokens, splitting: Splitting) -> Counts:
    if isinstance(batch, Piece):
        return _count_piece(batch, tokens, splitting)
    identities = [document_id(document) for document in batch]
    if batch[0].ids:
        lengths = _id_counts(batch)
    else:
        parts = [part for document in batch for part in document.parts]
        counts = tokens.count_many(parts, any(document.markup for document in batch))
        lengths, _ = _by_document(batch, counts)
    sizes = np.fromiter((document.bytes for document in batch), np.int64, len(batch))
    of = splitting.of(identities)
    kinds = len(splitting.names)

    def by_split(amounts: NDArray[np.int64]) -> NDArray[np.int64]:
        found = np.zeros(kinds, dtype=np.int64)
        np.add.at(found, of, amounts)
        return found

    return Counts(
        by_split(np.ones(len(batch), dtype=np.int64)),
        by_split(lengths + 1),
        by_split(sizes),
        _short(identities),
        of,
        any(document.prompt is not None for document in batch),
        any(document.options for document in batch),
    )


def _short(identities: Sequence[str]) -> NDArray[np.uint64]:
    return np.array([int(identity[:16], 16) for identity in identities], dtype=np.uint64)


def _options(batch: Sequence[Document], tokens: Tokens) -> Options:
    texts = [option for document in batch for option in document.options]
    ids, lengths = tokens.encode_many(texts)
    sizes = (len(text.encode()) for text in texts)
    places = (document.options.index(document.completion) for document in batch)
    counts = np.fromiter((len(document.options) for document in batch), np.int64, len(batch))
    return Options(
        ids.astype(token_type(tokens.vocab), copy=False),
        ends(lengths),
        np.fromiter(sizes, np.int32, len(texts)),
        ends(counts),
        np.fromiter(places, np.int32, len(batch)),
    )
