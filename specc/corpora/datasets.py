"""Data sets as a recipe asks for them: parts of corpora, and what transforms make of them.

They are described as a tree, counted here when a recipe is checked, and made by `dataset` steps when
it is run; `specc.corpora.transforms` does the work of both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from specc.corpora.contents import by_content, fingerprint
from specc.corpora.documents import Document, document_id, split_of
from specc.corpora.measure import remembered
from specc.corpora.readers import read_in_order
from specc.corpora.tokens import Tokens, tokens_of
from specc.steps import VERSIONS, Component, Frozen

if TYPE_CHECKING:
    from specc.corpora.blocks import Block

_FORMAT = 1
"""Raised when what is counted changes."""


class DataFacts(Frozen):
    """What a data set holds; `tokens` with an end token for each document."""

    documents: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Part:
    """A split of a corpus; whole documents until there are `tokens`, if that is given."""

    reader: Component
    files: tuple[Path, ...]
    tokenizer_path: str | None
    held_out: Fraction
    splits: tuple[tuple[str, Fraction], ...]
    split: str
    tokens: int | None = None

    @property
    def identity(self) -> tuple[object, ...]:
        """A hashable stand-in that equal parts have in common."""
        return (self.reader.model_dump_json(), *(getattr(self, name) for name in self.__slots__[1:]))


@dataclass(frozen=True, slots=True)
class Derived:
    """What a transform makes of other data sets."""

    component: Component
    inputs: tuple[Part | Derived, ...]
    parts: tuple[Part, ...] = field(init=False)

    def __post_init__(self) -> None:
        found: dict[tuple[object, ...], Part] = {}
        for data in self.inputs:
            for part in parts_of(data):
                found.setdefault(part.identity, part)
        object.__setattr__(self, "parts", tuple(found.values()))


def parts_of(data: Part | Derived) -> tuple[Part, ...]:
    """The parts of corpora that a data set is made of, each once."""
    return data.parts if isinstance(data, Derived) else (data,)


def count_data(data: Derived | Part) -> DataFacts:
    """Count a data set, or recall what was counted. It may turn out empty; that is the caller's to judge.

    Raises:
        DataError: as `specc.corpora.measure.measure`.
    """
    parts = parts_of(data)
    files = tuple(dict.fromkeys(file for part in parts for file in part.files))
    tokenizer = parts[0].tokenizer_path
    numbers = {part.identity: number for number, part in enumerate(parts)}
    asked = [
        _FORMAT,
        "data set",
        VERSIONS["prepare"],
        VERSIONS["dataset"],
        fingerprint([tokenizer]) if tokenizer else "",
        [[str(file) for file in part.files] for part in parts],
        _described(data, numbers),
    ]
    return remembered(asked, files, DataFacts, lambda: _count(data, tokens_of(parts[0].reader, tokenizer)))


def _described(data: Derived | Part, numbers: dict[tuple[object, ...], int]) -> Any:
    """A data set as JSON, but for the files of its parts, which are named by their number."""
    if isinstance(data, Derived):
        return [data.component.model_dump(), [_described(each, numbers) for each in data.inputs]]
    splits = [[name, str(share)] for name, share in data.splits]
    number = numbers[data.identity]
    return [number, data.reader.model_dump(), str(data.held_out), splits, data.split, data.tokens]


def _count(data: Derived | Part, tokens: Tokens) -> DataFacts:
    documents = size = 0
    for block in documents_of(data, tokens):
        documents += block.documents
        size += len(block.tokens)
    return DataFacts(documents=documents, tokens=size)


def documents_of(data: Derived | Part, tokens: Tokens) -> Iterator[Block]:
    """The documents of a data set, read from the files of its corpora.

    Raises:
        DataError: if a file can't be read as declared.
    """
    from specc.corpora.encode import encoded_blocks
    from specc.corpora.transforms import transformed
    from specc.corpora.transforms.choose import take

    if isinstance(data, Derived):
        return transformed(data.component, [documents_of(each, tokens) for each in data.inputs], tokens)
    blocks = encoded_blocks(_in_split(data), tokens)
    return blocks if data.tokens is None else take(blocks, {"tokens": data.tokens}, tokens)


def _in_split(part: Part) -> Iterable[tuple[Document, str]]:
    paths = [content.path for content in by_content(part.files)]
    for document in read_in_order(part.reader, paths):
        identity = document_id(document)
        if split_of(identity, part.held_out, part.splits) == part.split:
            yield document, identity
