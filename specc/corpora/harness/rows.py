"""The rows of a task: those that are measured as documents, and all of them for the harness."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from specc.canonical import canonical_json
from specc.corpora.contents import by_content, decode, read_bytes
from specc.corpora.documents import Document
from specc.corpora.harness.task import HarnessTask
from specc.corpora.jsonl import read_records
from specc.errors import DataError

TASK_ROWS = "lm_eval_task"
"""Name of the reader of tasks; no recipe can name it, for nothing is trained on them."""

Rows = dict[str, list[dict[str, Any]]]
"""Rows of each split of a task, in order."""


def reader_arguments(task: HarnessTask) -> dict[str, Any]:
    """What identifies a task beside the content of its files: what it says, and whose rows are whose.

    Files are named by digests, so that a task may be moved.
    """
    splits = {
        split: [next(iter(by_content([file]))).sha256 for file in files]
        for split, files in task.splits.items()
    }
    return {"config": canonical_json(task.config), "measured": task.measured, "rows": splits}


def rows_of_splits(files: Sequence[Path | str], args: Mapping[str, Any]) -> Rows:
    """The rows of every split of a task.

    Args:
        files: in any order. args: see `reader_arguments`.
    Raises:
        DataError: if a file is none of the task's, or holds something else than JSON objects.
    """
    known = {content.sha256: content.path for content in by_content(files)}
    found: Rows = {}
    for split, digests in args["rows"].items():
        if not set(digests) <= set(known):
            raise DataError(
                "rows of the task have changed since the recipe was compiled", "run the recipe again"
            )
        found[split] = [row for digest in digests for row in _rows(known[digest])]
    return found


def read_task_rows(files: Sequence[Path], args: Mapping[str, Any]) -> Iterator[Document]:
    """A document for each row that is measured, in order: its JSON, with a number where it is there before.

    Raises:
        DataError: as `rows_of_splits`.
    """
    seen: Counter[str] = Counter()
    for row in rows_of_splits(files, args)[args["measured"]]:
        try:
            text = canonical_json(row)
        except ValueError:
            raise DataError(
                "a row of the task holds a number that is none", "leave out NaN and Infinity"
            ) from None
        seen[text] += 1
        yield Document(text=text if seen[text] == 1 else f"{text}\n{seen[text]}")


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    """Objects of a file: one on each line, or a list of them."""
    if path.suffix != ".json":
        yield from (row for row, _ in read_records([path]))
        return
    text = decode(read_bytes(path), path)
    if not text.lstrip().startswith("["):
        yield from (row for row, _ in read_records([path]))
        return
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is not JSON: {error}", "mend the file") from error
    for row in found:
        if not isinstance(row, dict):
            raise DataError(f"{path} holds something else than objects", "a row is an object: `{...}`")
        yield row
