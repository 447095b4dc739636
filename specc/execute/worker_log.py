"""The log that worker processes print into, kept small while they print.

The file is theirs: they append to it without knowing of anyone else, so nothing that they print waits
for anybody. Whoever keeps it small looks at its size ten times a second, moves the last part of a file
that has grown too large into a second one, and cuts the first to nothing; what lies before that part is
dropped, and so are lines that were printed between the copy and the cut.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path

LARGEST_BYTES = 64 << 20
"""Size at which the log is cut."""

TAIL_BYTES = 4 << 20
"""What is kept of it then, in the file with `.before` behind its name."""

LOOK_SECONDS = 0.1
"""Time between two looks."""


class WorkerLog:
    """Keeps a log small from a thread of its own, until it is closed."""

    def __init__(
        self, path: Path, largest: int = LARGEST_BYTES, tail: int = TAIL_BYTES, every: float = LOOK_SECONDS
    ) -> None:
        self.path = path
        self.before = path.with_name(f"{path.name}.before")
        self.largest = largest
        self.tail = tail
        self.every = every
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.watch, name="worker log", daemon=True)
        self.thread.start()

    def watch(self) -> None:
        while not self.ended.wait(self.every):
            with suppress(OSError):  # a log is worth no run
                self.look()

    def look(self) -> None:
        """Cut the log if it is too large."""
        size = os.stat(self.path).st_size
        if size <= self.largest:
            return
        with open(self.path, "r+b") as log:
            log.seek(size - self.tail)
            last = log.read(self.tail)
            log.truncate(0)
        dropped = f"[{size - len(last):,} bytes were left out]\n".encode()
        self.before.write_bytes(dropped + last)

    def close(self) -> None:
        self.ended.set()
        self.thread.join()
        with suppress(OSError):
            self.look()
