"""Running out of memory, as torch tells it."""

from __future__ import annotations


def is_out_of_memory(error: Exception) -> bool:
    """Whether memory ran out; torch says so on a CPU by the text of a RuntimeError only."""
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or "can't allocate memory" in str(error)
    )
