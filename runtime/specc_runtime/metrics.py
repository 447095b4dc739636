"""The metrics log of a segment: a JSON line per logged training step, readable while it grows."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any

from specc.files import operation


class MetricsLog:
    """Appends lines, each flushed, behind the part that belongs to the position gone on from."""

    def __init__(self, path: Path, kept_bytes: int) -> None:
        self._path = path
        self._file = open(path, "ab")  # noqa: SIM115 - closed by `__exit__`
        self._file.truncate(kept_bytes)

    def write(self, line: dict[str, Any]) -> None:
        with operation("append", self._path):
            self._file.write(json.dumps(line).encode() + b"\n")
            self._file.flush()

    def size(self) -> int:
        """Size in bytes."""
        return self._file.seek(0, os.SEEK_END)

    def sync(self) -> int:
        """Flush the log to disk; returns its size in bytes."""
        with operation("sync", self._path):
            os.fsync(self._file.fileno())
        return self.size()

    def __enter__(self) -> MetricsLog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
