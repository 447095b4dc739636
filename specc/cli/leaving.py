"""The end of a process whose threads may be at work in DuckDB."""

from __future__ import annotations

import os
import sys
import threading
import time

PATIENCE_SECONDS = 3.0
"""How long threads may take to end."""


def leave(code: int) -> int:
    """End the process with a code if a thread goes on working; else return the code.

    Python would wait for such a thread, or take it down in the middle of DuckDB, which aborts the
    process. Nothing is lost: threads only read, and an index that is left half updated is gone on with.
    """
    end = time.monotonic() + PATIENCE_SECONDS
    others = [thread for thread in threading.enumerate() if thread is not threading.current_thread()]
    for thread in others:
        thread.join(max(0.0, end - time.monotonic()))
    if any(thread.is_alive() for thread in others):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code
