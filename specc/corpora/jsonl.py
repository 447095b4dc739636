"""JSON lines: an object a line is a document (https://jsonlines.org)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from specc.corpora.compressed import open_data
from specc.corpora.contents import decode
from specc.corpora.documents import Document
from specc.corpora.records import fields
from specc.errors import DataError, reason

LONGEST_LINE = 16 << 20
"""Bytes of a line; a longer one is taken for data of another kind."""


def read_jsonl(files: Sequence[Path], args: Mapping[str, Any]) -> Iterator[Document]:
    """A document for each line, in the order of the files and of their lines.

    A line ends with a line feed, so that text may hold other Unicode line separators; a carriage
    return before it and blank lines are skipped. A file may be compressed, see
    `specc.corpora.compressed`; a line is at most `LONGEST_LINE` bytes long.

    Raises:
        DataError: with file and line, if it is too long, not UTF-8, not JSON, no object, or lacks a field;
            or if the arguments name no fields.
    """
    columns = fields(args, "jsonl", "field")
    for record, where in read_records(files):
        yield columns.document(record, where)


def read_records(files: Sequence[Path]) -> Iterator[tuple[dict[str, Any], str]]:
    """The object of each line, and where it stands, for messages.

    Raises:
        DataError: with file and line, if it is too long, not UTF-8, not JSON, or no object.
    """
    for path in files:
        offset = 0
        with open_data(path) as file:
            for number, line in enumerate(_lines(file), start=1):
                if len(line) > LONGEST_LINE:
                    raise DataError(
                        f"line {number} of {path} is longer than {LONGEST_LINE >> 20} MiB",
                        "a line holds one document; check that the file has an object on each line",
                    )
                text = decode(line, path, offset)
                offset += len(line)
                if text.isspace() or not text:
                    continue
                yield _object(text, path, number), f"line {number} of {path}"


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    """Lines of a file, each cut off behind the first byte that is too many."""
    while line := file.readline(LONGEST_LINE + 1):
        yield line


def _object(text: str, path: Path, number: int) -> dict[str, Any]:
    """The JSON object that a line holds.

    Raises:
        DataError: if it is not JSON, or something other than an object.
    """
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        wrong = error.msg[:1].lower() + error.msg[1:]
        raise DataError(
            f"line {number} of {path} is not JSON: {wrong} at column {error.colno}",
            "a line holds one whole JSON object; `jsonl` doesn't read JSON that is spread over lines",
        ) from error
    except (ValueError, RecursionError) as error:
        # Numbers of more than 4300 digits, and nesting deeper than Python's stack.
        raise DataError(
            f"line {number} of {path} can't be read: {reason(error)}", "simplify this line's object"
        ) from error
    if not isinstance(value, dict):
        raise DataError(
            f"line {number} of {path} is JSON, but no object",
            'a line looks like {"text": "..."}',
        )
    return value
