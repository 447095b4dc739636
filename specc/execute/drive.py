"""The loop of a run: gives steps to slots and decides what follows from how they end.

What a failure leads to:

* a worker that was killed: its step is tried again after a while (`specc.execute.retry`), and goes on
  from its checkpoint;
* a damaged input: it is set aside and made again in the same run, once;
* a full or failing disk or a workspace that can't be written: nothing more is started;
* training that diverged: as anything else, but a selection goes on without that candidate;
* no memory for a group of lanes: each of its steps is tried again by itself;
* lanes that lose their worker twice: so too, for one of them may be what ends it;
* anything else: what needs the step is blocked, the rest goes on.
"""

from __future__ import annotations

import time
from collections import Counter

from specc.errors import SpeccError
from specc.execute.executor import (
    OUT_OF_MEMORY,
    WORKER_LOST,
    Done,
    Event,
    Executor,
    Failed,
    Progress,
    Stopped,
)
from specc.execute.interrupts import Interrupts
from specc.execute.retry import retry_delay
from specc.execute.schedule import LOCAL_ROLES, Schedule, State
from specc.execute.watch import Watch
from specc.store import Store

POLL_SECONDS = 0.2
"""How long the loop waits for news before it looks at signals and the clock."""

HALTING = ("DiskFull", "DiskFailed", "WorkspaceError")
"""Classes of failures that the next step would meet too."""

DIVERGED = "Diverged"
"""Class of a failure that a selection among several checkpoints does without."""


class Drive:
    """Runs the steps of a schedule in an executor.

    Attributes:
        halted: whether something makes it useless to start another step.
        lost: how often each step has lost its worker.
        grouped: steps that were trained together with others.
        later: steps to be tried again, and when (monotonic seconds); they count as running until then.
    """

    def __init__(
        self,
        schedule: Schedule,
        executor: Executor,
        store: Store,
        watch: Watch,
        interrupts: Interrupts,
        grace_seconds: float,
    ) -> None:
        self.schedule = schedule
        self.executor = executor
        self.store = store
        self.watch = watch
        self.interrupts = interrupts
        self.grace_seconds = grace_seconds
        self.halted = False
        self.busy: dict[int, set[str]] = {}
        self.warm: dict[int, tuple[str, ...]] = {}
        self.lost: Counter[str] = Counter()
        self.later: list[tuple[float, str]] = []
        self.grouped: set[str] = set()
        self.remade: set[str] = set()
        self.complaints: set[tuple[str, str]] = set()

    def run(self) -> None:
        """Go on until nothing runs and nothing can be started.

        After the first interrupt no step is started, and running ones may save a checkpoint for
        `grace_seconds`; at the second one, or when that time is over, they are left to be killed.

        Raises:
            ExecutorLost: if the executor's processes are gone.
        """
        try:
            self.go_on()
        finally:
            self.offer_again(at_once=True)

    def go_on(self) -> None:
        deadline: float | None = None
        while True:
            stopping = self.interrupts.count > 0 or self.halted
            self.offer_again(at_once=stopping)
            if not stopping:
                self.fill()
            if not self.busy and not self.later:
                return
            for event in self.executor.poll(POLL_SECONDS):
                self.handle(event)
            self.watch.tick()
            self.halted = self.halted or self.watch.record.trouble is not None
            if self.interrupts.count > 0 and deadline is None:
                deadline = time.monotonic() + self.grace_seconds
                self.executor.stop()
                self.watch.console.note("stopping: running steps save a checkpoint; Ctrl-C again kills them")
            if self.interrupts.count > 1 or (deadline is not None and time.monotonic() > deadline):
                return

    def offer_again(self, at_once: bool) -> None:
        """Send steps whose time has come back to those that wait."""
        now = time.monotonic()
        for due, key in [entry for entry in self.later if at_once or entry[0] <= now]:
            self.later.remove((due, key))
            self.schedule.retry(key)

    def fill(self) -> None:
        """Give a step, or a group of lanes, to every idle slot."""
        sizes: dict[str, int] = {}
        for slot in self.executor.idle():
            steps = self.schedule.take_group(self.warm.get(slot, ()), sizes)
            if not steps:
                return
            self.busy[slot] = {step.key for step in steps}
            if len(steps) > 1:
                self.grouped |= self.busy[slot]
            for step in steps:
                self.watch.started(slot, step)
            self.executor.submit(slot, *steps)

    def handle(self, event: Event) -> None:
        if isinstance(event, Progress):
            self.watch.progressed(event)
            return
        self.busy[event.slot].discard(event.key)
        if not self.busy[event.slot]:
            del self.busy[event.slot]
        inputs = self.schedule.steps[event.key].inputs
        self.warm[event.slot] = (event.key, *(inputs[role] for role in LOCAL_ROLES if role in inputs))
        if isinstance(event, Done):
            self.schedule.finish(event.key)
            self.watch.finished(event)
        elif isinstance(event, Stopped):
            self.schedule.retry(event.key)
            self.watch.stopped(event.key)
        elif not self.tried_again(event):
            self.halted = self.halted or event.error in HALTING
            self.watch.failed(event, self.schedule.fail(event.key, event.error == DIVERGED))

    def tried_again(self, event: Failed) -> bool:
        """Send a step back to those that wait, if its failure deserves that."""
        if event.error == WORKER_LOST:
            self.warm.pop(event.slot, None)
        delay = retry_delay(event.error, self.lost[event.key])
        if delay is not None:
            self.lost[event.key] += 1
            if self.lost[event.key] > 1 and event.key in self.grouped:
                self.apart(event.key)
            self.later.append((time.monotonic() + delay, event.key))
            self.watch.retried(event, event.message)
            return True
        if event.error == OUT_OF_MEMORY and event.key in self.grouped:
            self.apart(event.key)
            self.schedule.retry(event.key)
            self.watch.retried(event, f"{event.message}; it is trained by itself now")
            return True
        if event.error == "CorruptArtifact" and event.culprit in self.schedule.steps:
            return self.made_again(event, event.culprit)
        return False

    def apart(self, key: str) -> None:
        """Train a step by itself from now on."""
        self.grouped.remove(key)
        self.schedule.lanes.part(key)

    def made_again(self, event: Failed, culprit: str) -> bool:
        """Set a damaged input aside and have it made again, unless that was tried before.

        Several steps may find the same damage, some of them only after it has been repaired:
        each may complain once.
        """
        if (event.key, culprit) in self.complaints:
            return False
        self.complaints.add((event.key, culprit))
        if self.schedule.state[culprit] is State.DONE and culprit not in self.remade:
            try:
                self.store.quarantine(culprit)
            except (SpeccError, OSError):
                return False
            self.remade.add(culprit)
            self.watch.record.event("quarantined", key=culprit, label=self.schedule.steps[culprit].label)
            self.schedule.remake(culprit)
        self.schedule.retry(event.key)
        self.watch.retried(event, f"{event.message}; it was set aside and is made again")
        return True
