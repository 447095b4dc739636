"""Which failures are worth another try, and when."""

from __future__ import annotations

from specc.execute.executor import WORKER_LOST

RETRIES = {WORKER_LOST: 3}
"""Class of a failure -> how often its step is tried again; other classes would only fail again.

A worker that was killed says nothing about its step. A mistake of the user, memory or a disk that is
full, and training that diverged come out the same the next time.
"""

FIRST_SECONDS = 1.0
"""Wait before the second retry; the first comes at once, each later one after twice the time."""

LONGEST_SECONDS = 30.0
"""Longest wait."""


def retry_delay(error: str, tried: int) -> float | None:
    """Seconds to wait before a failed step is tried again; None if it is not.

    Args:
        error: class of the failure. tried: how often its step was tried again before.

    >>> [retry_delay("WorkerLost", tried) for tried in range(4)]
    [0.0, 1.0, 2.0, None]
    >>> retry_delay("OutOfMemory", 0) is None
    True
    """
    if tried >= RETRIES.get(error, 0):
        return None
    return min(FIRST_SECONDS * 2 ** (tried - 1), LONGEST_SECONDS) if tried else 0.0
