"""Whether the kernel has killed processes of this control group because memory ran out."""

from __future__ import annotations

from pathlib import Path

EVENTS = Path("/sys/fs/cgroup/memory.events")
"""Counts of the control group that this process sees as its root, as a container has it."""


class MemoryKills:
    """Counts processes that were killed for memory; without control groups there is nothing to count.

    `memory.events` is documented in Documentation/admin-guide/cgroup-v2.rst of the Linux kernel.
    """

    def __init__(self, events: Path = EVENTS) -> None:
        self.events = events
        self.seen = self.count()

    def count(self) -> int:
        """Processes killed since the group was made; 0 if nobody counts."""
        try:
            counts = dict(line.split() for line in self.events.read_text().splitlines())
            return int(counts.get("oom_kill", 0))
        except (OSError, ValueError):
            return 0

    def grew(self) -> bool:
        """Whether a process was killed since this was asked last."""
        before, self.seen = self.seen, self.count()
        return self.seen > before
