"""Readers by the name of their component: files and arguments go in, documents come out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from specc.components import arguments
from specc.components.plugins import implementation
from specc.corpora.chat import read_chat
from specc.corpora.contents import by_content
from specc.corpora.declared import read_declared
from specc.corpora.docstrings import read_docstrings
from specc.corpora.documents import Document
from specc.corpora.facts import read_facts
from specc.corpora.harness import TASK_ROWS, read_task_rows
from specc.corpora.jsonl import read_jsonl
from specc.corpora.markov import read_markov
from specc.corpora.parquet import read_parquet
from specc.corpora.text import read_text
from specc.corpora.tokens import TOKEN_FILES
from specc.errors import DataError
from specc.steps import Component

Reader = Callable[[Sequence[Path], Mapping[str, Any]], Iterator[Document]]
"""Reads files in the order in which they are given; generators ignore them."""


def _read_token_files(files: Sequence[Path], args: Mapping[str, Any]) -> Iterator[Document]:
    from specc.corpora.token_files import read_token_files  # numpy, for these alone

    return read_token_files(files, args)


def _read_hub(files: Sequence[Path], args: Mapping[str, Any]) -> Iterator[Document]:
    from specc.hub.datasets import read_hub

    return read_hub(files, args)


READERS: dict[str, Reader] = {
    "text": read_text,
    "docstrings": read_docstrings,
    "jsonl": read_jsonl,
    "chat": read_chat,
    "parquet": read_parquet,
    "declared": read_declared,
    "hf": _read_hub,
    TOKEN_FILES: _read_token_files,
    TASK_ROWS: read_task_rows,
    "facts": read_facts,
    "markov": read_markov,
}


def read_documents(reader: Component, files: Sequence[Path | str]) -> Iterator[Document]:
    """The documents of a corpus in their canonical order: files by digest, records as they stand.

    Moving or renaming files changes neither the documents nor their order.

    Raises:
        DataError: if a file can't be read as the reader says, or there are no documents at all.
    """
    return read_in_order(reader, [content.path for content in by_content(files)])


def read_in_order(reader: Component, files: Sequence[Path]) -> Iterator[Document]:
    """The documents of files that are in their canonical order already; see `read_documents`."""
    empty = True
    read: Reader = READERS.get(reader.name) or implementation(reader)
    # A task has no name in the language, and so no defaults.
    given = reader.args if reader.name == TASK_ROWS else arguments(reader)
    for document in read(files, given):
        empty = False
        yield document
    if empty:
        raise DataError(
            f"{_listed(files)} no documents for `{reader.name}`",
            "the files are empty, or nothing in them is within the limits that the corpus sets",
        )


def _listed(files: Sequence[Path]) -> str:
    if len(files) == 1:
        return f"{files[0]} holds"
    return f"{len(files)} files hold"
