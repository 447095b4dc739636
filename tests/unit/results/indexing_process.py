"""Run as a process: brings the index of a workspace up to date again and again."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from specc.results.index import Indexer


def main(workspace: Path, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        Indexer(workspace).update()
        print("updated", flush=True)
        time.sleep(0.005)


main(Path(sys.argv[1]), float(sys.argv[2]))
