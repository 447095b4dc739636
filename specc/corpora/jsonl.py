"""JSON lines: an object a line is a document (https://jsonlines.org)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from specc.corpora.contents import decode, open_regular
from specc.corpora.documents import Document
from specc.corpora.records import fields
from specc.errors import DataError


def read_jsonl(files: Sequence[Path], args: Mapping[str, Any]) -> Iterator[Document]:
    """A document for each line, in the order of the files and of their lines.

    A line ends with a line feed, so that text may hold other Unicode line separators; a carriage
    return before it and blank lines are skipped.

    Raises:
        DataError: with file and line, if it is not UTF-8, not JSON, no object, or lacks a field;
            or if the arguments name no fields.
    """
    columns = fields(args, "jsonl", "field")
    for path in files:
        offset = 0
        with open_regular(path) as file:
            for number, line in enumerate(file, start=1):
                text = decode(line, path, offset)
                offset += len(line)
                if text.isspace() or not text:
                    continue
                yield columns.document(_object(text, path, number), f"line {number} of {path}")


def _object(text: str, path: Path, number: int) -> dict[str, Any]:
    """The JSON object that a line holds.

    Raises:
        DataError: if it is not JSON, or something other than an object.
    """
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(
            f"line {number} of {path} is not JSON: {_lower(error.msg)} at column {error.colno}",
            "a line holds one whole JSON object; `jsonl` doesn't read JSON that is spread over lines",
        ) from error
    except (ValueError, RecursionError) as error:
        # Numbers of more than 4300 digits, and nesting deeper than Python's stack.
        raise DataError(
            f"line {number} of {path} can't be read: {_lower(str(error))}", "simplify this line's object"
        ) from error
    if not isinstance(value, dict):
        raise DataError(
            f"line {number} of {path} is JSON, but no object",
            'a line looks like {"text": "..."}',
        )
    return value


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
