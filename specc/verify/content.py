"""What of a step's result must come out the same each time.

That is every file of the artifact bit for bit, and every number of the manifest's `outputs`, but for
measured times: the fields in `TIMES` of the lines of logs, and the outputs in `TIMED_OUTPUTS`. The
manifest's provenance says how a result came about and is no part of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from specc.canonical import digest
from specc.files import file_digest

TIMES = {"metrics.jsonl": frozenset({"seconds"})}
"""Log -> fields of its lines that are measured times."""

TIMED_OUTPUTS = frozenset({"tokens_per_second"})
"""Numbers of a manifest that are measured times, or made of them."""


def untimed(outputs: dict[str, Any]) -> dict[str, Any]:
    """A manifest's outputs without measured times."""
    return {name: value for name, value in outputs.items() if name not in TIMED_OUTPUTS}


def untimed_lines(path: Path) -> Iterable[Any]:
    """The lines of a log without measured times; one that is no JSON object as its text."""
    times = TIMES[path.name]
    with open(path, "rb") as file:
        for line in file:
            try:
                content = json.loads(line)
            except ValueError:
                content = None
            if isinstance(content, dict):
                yield {name: value for name, value in content.items() if name not in times}
            else:
                yield line.decode(errors="replace")


def content_digest(path: Path) -> str:
    """SHA-256 of a file, of a log without its times."""
    if path.name not in TIMES:
        return file_digest(path)
    hashed = hashlib.sha256()
    for line in untimed_lines(path):
        hashed.update(json.dumps(line, sort_keys=True).encode() + b"\n")
    return hashed.hexdigest()


def artifact_digest(folder: Path, names: Iterable[str], outputs: dict[str, Any]) -> str:
    """One digest of all that must be the same: the files `names` of a folder, and the outputs."""
    files = {name: content_digest(folder / name) for name in names}
    return digest({"files": files, "outputs": json.dumps(untimed(outputs), sort_keys=True)})
