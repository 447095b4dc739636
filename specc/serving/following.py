"""A run followed from outside: its status, and the training logs of the steps that run now.

Logs are read where they grow, under `work/`, so that a curve is as fresh as the log and costs the run
nothing. Of each only what is new is read, and only a bounded curve is kept.
"""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from specc.execute.status import RunStatus, read_status
from specc.results.logs import grown, number, objects, whole
from specc.store import Store

MOST_POINTS = 240
"""Points of a curve; with more, neighbours are taken together by their mean."""

MOST_FOLLOWED = 32
"""Steps whose logs are read; of further ones the status is all that is told."""

KEPT = 6
"""Curves of steps that ended last, which are kept."""

_KEY = re.compile(r"[0-9a-f]{64}")


class Curve:
    """Loss over training steps, in at most `MOST_POINTS` points.

    A point is the mean over `stride` neighbouring lines of the log, at the last of their training steps;
    None if one of them is not finite. The last point may stand for fewer.
    """

    def __init__(self) -> None:
        self.stride = 1
        self.steps: list[int] = []
        self.sums: list[float] = []
        self.counts: list[int] = []

    def add(self, step: int, loss: float) -> None:
        if self.counts and self.counts[-1] < self.stride:
            self.steps[-1] = step
            self.sums[-1] += loss
            self.counts[-1] += 1
            return
        if len(self.steps) == MOST_POINTS:
            self.halve()
            self.add(step, loss)
            return
        self.steps.append(step)
        self.sums.append(loss)
        self.counts.append(1)

    def halve(self) -> None:
        """Take neighbours together."""
        self.stride *= 2
        self.steps = self.steps[1::2] + self.steps[len(self.steps) // 2 * 2 :]
        self.sums = [sum(self.sums[at : at + 2]) for at in range(0, len(self.sums), 2)]
        self.counts = [sum(self.counts[at : at + 2]) for at in range(0, len(self.counts), 2)]

    def points(self) -> list[tuple[int, float | None]]:
        """Training steps and losses, in nats per token."""
        means = (total / count for total, count in zip(self.sums, self.counts, strict=True))
        return [
            (step, mean if math.isfinite(mean) else None)
            for step, mean in zip(self.steps, means, strict=True)
        ]


@dataclass(slots=True)
class Tail:
    """A log that is followed: how far it is read, and what it gave."""

    key: str
    label: str
    read_bytes: int = 0
    tail: bytes = b""
    curve: Curve = field(default_factory=Curve)

    def look(self, path: Path) -> bool:
        """Read what is new; returns whether anything was."""
        growth = grown(path, self.read_bytes, self.tail)
        if growth is None:
            return False
        if growth.again:
            self.curve = Curve()
        self.read_bytes, self.tail = growth.read_bytes, growth.tail
        for line in objects(growth.lines):
            step, loss = whole(line.get("step")), number(line["loss"]) if "loss" in line else None
            if step is not None and loss is not None:
                self.curve.add(step, loss)
        return True


@dataclass(frozen=True, slots=True)
class Moment:
    """A run at a moment: its status, None if nothing was run, and curves by key of the step.

    Attributes:
        ended: curves of the steps that ended last, the latest first.
    """

    status: RunStatus | None
    running: dict[str, Tail]
    ended: tuple[Tail, ...]


class Follower:
    """Looks after the latest run of a workspace, and keeps what it has read."""

    def __init__(self, workspace: Path) -> None:
        self.workspace = workspace
        self.store = Store(workspace)
        self.tails: dict[str, Tail] = {}
        self.ended: deque[Tail] = deque(maxlen=KEPT)

    def look(self) -> Moment:
        """How the latest run stands now. Missing and torn files are as if nothing were there."""
        status = read_status(self.workspace)
        running = {}
        if status is not None and status.state == "running":
            running = {step.key: step.label for step in status.running if _KEY.fullmatch(step.key)}
        for key in [key for key in self.tails if key not in running]:
            self._leave(self.tails.pop(key))
        for key, label in list(running.items())[:MOST_FOLLOWED]:
            tail = self.tails.setdefault(key, Tail(key, label))
            tail.look(self.store.work(key) / "metrics.jsonl")
        return Moment(status, {key: self.tails[key] for key in running if key in self.tails}, self.latest())

    def remember(self, steps: Iterable[tuple[str, str]]) -> None:
        """Take up steps that ended before anybody followed them: keys and labels, the latest first."""
        if not self.ended:
            for key, label in reversed(list(steps)[:KEPT]):
                if _KEY.fullmatch(key):
                    self._leave(Tail(key, label))

    def latest(self) -> tuple[Tail, ...]:
        return tuple(reversed(self.ended))

    def _leave(self, tail: Tail) -> None:
        """A step has ended: its log lies in the store if it is done, else where it lay."""
        if not tail.look(self.store.path(tail.key) / "metrics.jsonl"):
            tail.look(self.store.work(tail.key) / "metrics.jsonl")
        if tail.curve.steps:
            self.ended.append(tail)
