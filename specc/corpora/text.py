"""Text files: a file is a document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from specc.corpora.contents import decode
from specc.corpora.documents import Document
from specc.corpora.long_texts import LongText, content_of


def read_text(files: Sequence[Path], args: Mapping[str, Any]) -> Iterator[Document]:
    """A document for each file, in the order of the files.

    A byte-order mark is no part of the text; line ends stay as they are. Files that hold fewer
    than `min_bytes` bytes of text, or more than `max_bytes` if that is not 0, are left out.

    Raises:
        DataError: if a file is binary or not UTF-8, or can't be unpacked.
    """
    low, high = args["min_bytes"], args["max_bytes"]
    for path in files:
        content = content_of(path)
        if isinstance(content, LongText):
            document: Document = content
        else:
            document = Document(text=decode(content, path))
        size = document.bytes
        if size >= max(low, 1) and (not high or size <= high):
            yield document
