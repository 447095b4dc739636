"""Whether the kernel has killed processes of this control group because memory ran out."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

EVENTS = Path("/sys/fs/cgroup/memory.events")
"""Counts of the control group that this process sees as its root, as a container has it."""


MOMENT_SECONDS = 10.0
"""How long after one killed process another may be met that was killed at the same moment: one with
much memory takes a while to die."""


class MemoryKills:
    """Counts processes that were killed for memory; without control groups there is nothing to count.

    `memory.events` is documented in Documentation/admin-guide/cgroup-v2.rst of the Linux kernel.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, events: Path = EVENTS, clock: Callable[[], float] = time.monotonic) -> None:
        self.events = events
        self.clock = clock
        self.seen = self.count()
        self.unmet = 0
        self.met_at = 0.0

    def count(self) -> int:
        """Processes killed since the group was made; 0 if nobody counts."""
        try:
            counts = dict(line.split() for line in self.events.read_text().splitlines())
            return int(counts.get("oom_kill", 0))
        except (OSError, ValueError):
            return 0

    def met(self) -> bool:
        """Whether a process that is met dead can be one of those killed for memory; each is met once.

        Those killed at the same moment are counted before the first of them is met.
        """
        before, self.seen, now = self.seen, self.count(), self.clock()
        if now - self.met_at > MOMENT_SECONDS:
            self.unmet = 0  # it was a process of somebody else
        self.unmet += self.seen - before
        if self.unmet <= 0:
            return False
        self.unmet -= 1
        self.met_at = now
        return True
