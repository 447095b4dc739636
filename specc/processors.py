"""How many processors there are to work with, and work on several of them in order."""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 2
"""Items for each thread that are taken before the result of the first is given."""


def default_workers(quota: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """One worker for each processor that this process may use.

    A container may be allowed the time of fewer processors than it sees: control groups, version 2,
    write "<microseconds> <of how many>", or "max" and the latter, into `quota`.
    """
    seen = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        allowed, period = quota.read_text().split()
        return max(1, min(seen, math.ceil(int(allowed) / int(period))))
    except (OSError, ValueError):
        return seen


def in_order(work: Callable[[Item], Result], items: Iterable[Item], threads: int) -> Iterator[Result]:
    """What `work` makes of items, in their order, on so many threads.

    Items are taken by the caller's thread, a few ahead, so that memory is bounded. An error of an item
    comes when it is its turn, and ends the work.
    """
    if threads <= 1:
        yield from map(work, items)
        return
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[Result]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) >= threads * AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
