"""What is known of a run while it goes on, told to its record, its console and its reader's hook."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import cached_property

from specc.errors import SpeccError, reason
from specc.execute.console import Console
from specc.execute.executor import Done, Failed, Progress
from specc.execute.record import RunRecord, now
from specc.execute.schedule import Schedule
from specc.execute.status import RunningStep, RunState, RunStatus, StepCounts, StepFailure
from specc.study import PlannedStep, Study

UPDATE_SECONDS = 0.2
"""Least time between two updates of the console."""

HOOK_SECONDS = 1.2
"""Least time between two calls of the hook during a run."""

HOOK_SHARE = 10.0
"""The hook waits this many times the processor time of its last call: it costs a tenth of a core at most."""

HOOK_LONGEST_SECONDS = 10.0
"""But no longer than this: one long call, for instance a rebuild, says little about the next."""


@dataclass(slots=True)
class Run:
    """A step in a slot: when it began, its first and its latest progress."""

    slot: int
    step: PlannedStep
    began: float
    first: tuple[float, int] | None = None
    latest: Progress | None = None

    def seconds_each(self, at: float) -> float | None:
        """Seconds for each of its training steps so far, or None if too little is known."""
        if self.first is None or self.latest is None or self.latest.step <= self.first[1]:
            return None
        return (at - self.first[0]) / (self.latest.step - self.first[1])


class Watch:
    """Keeps the picture of a run and passes it on.

    Args:
        on_change: called after steps have gone on or finished, not more often than it can bear; what it
            raises is told once and never ends the run.
        again: command that goes on with the run.
    """

    def __init__(
        self,
        study: Study,
        schedule: Schedule,
        record: RunRecord,
        console: Console,
        workers: int,
        pid: int,
        on_change: Callable[[], None] | None,
        again: str = "",
    ) -> None:
        self.study = study
        self.schedule = schedule
        self.record = record
        self.console = console
        self.workers = workers
        self.pid = pid
        self.on_change = on_change
        self.again = again
        self.running: dict[str, Run] = {}
        self.failures: list[StepFailure] = []
        self.started_at = now()
        self.began = self.updated = time.monotonic()
        self.observed = self.predicted = 0.0
        self.changed = False
        self.hook_due = self.began + HOOK_SECONDS
        self.hook_failed = False

    def started(self, slot: int, step: PlannedStep) -> None:
        self.running[step.key] = Run(slot, step, time.monotonic())
        self.record.event("started", key=step.key, label=step.label, slot=slot)

    def progressed(self, event: Progress) -> None:
        run = self.running[event.key]
        run.latest = event
        self.changed = True  # its log has grown
        if run.first is None:
            run.first = (time.monotonic(), event.step)

    def finished(self, event: Done) -> None:
        step = self.running.pop(event.key).step
        self.record.event("finished", key=step.key, label=step.label, slot=event.slot, seconds=event.seconds)
        if step.seconds > 0:
            self.observed += event.seconds
            self.predicted += step.seconds
        self.changed = True
        self.console.finished(step.label or step.key[:12], event.seconds)

    def stopped(self, key: str) -> None:
        run = self.running.pop(key)
        self.record.event("stopped", key=key, label=run.step.label, slot=run.slot)

    def abandon_running(self) -> None:
        """The run has ended: what was still running is to do again."""
        for key in list(self.running):
            self.schedule.retry(key)
            self.stopped(key)

    def retried(self, event: Failed, note: str) -> None:
        """A step is tried again; `note` says why."""
        step = self.running.pop(event.key).step
        self.record.event("retried", key=step.key, label=step.label, slot=event.slot, why=note)
        self.console.note(f"{note}; trying again")

    def failed(self, event: Failed, blocked: Iterable[str]) -> None:
        """A step has failed for good and the steps in `blocked` with it."""
        step = self.running.pop(event.key).step
        blocked = list(blocked)
        failure = StepFailure(
            key=step.key,
            label=step.label or step.key[:12],
            error=event.error,
            message=event.message,
            help=event.help,
            arms=self.arms_without([step.key, *blocked]),
        )
        self.failures.append(failure)
        self.record.event(
            "failed",
            key=step.key,
            label=step.label,
            slot=event.slot,
            error=event.error,
            message=event.message,
            blocked=len(blocked),
        )
        self.changed = True
        self.console.failed(failure)

    def arms_without(self, keys: Iterable[str]) -> tuple[str, ...]:
        """Labels of the arms that one of these steps belongs to, in the study's order."""
        found = set().union(*(self.arms_of.get(key, ()) for key in keys))
        return tuple(arm.label for arm in self.study.arms if arm.arm in found)

    @cached_property
    def arms_of(self) -> dict[str, set[int]]:
        """Key of a step -> arms that it trains or measures."""
        arms: dict[str, set[int]] = {}
        for stage in self.study.stages:
            for key in (*stage.segments, stage.checkpoint):
                arms.setdefault(key, set()).add(stage.arm)
        for measure in self.study.measures:
            arms.setdefault(measure.key, set()).add(measure.arm)
        return arms

    def tick(self) -> None:
        """Pass the picture on to whoever has not seen it for long enough."""
        at = time.monotonic()
        due = self.record.status_is_due()
        if due or at - self.updated >= UPDATE_SECONDS:
            self.updated = at
            status = self.status("running")
            self.console.update(status)
            if due:
                self.record.status(status)
        if self.changed and at >= self.hook_due:
            self.call_hook()

    def call_hook(self) -> None:
        """Let the reader of results know; its errors are told once and end nothing."""
        self.changed = False
        if self.on_change is None:
            return
        began = time.process_time()
        try:
            self.on_change()
        except Exception as error:
            if not self.hook_failed:
                self.console.note(f"warning: results can't be indexed now: {reason(error)}; the run goes on")
            self.hook_failed = True
        cost = time.process_time() - began
        self.hook_due = time.monotonic() + min(max(HOOK_SECONDS, HOOK_SHARE * cost), HOOK_LONGEST_SECONDS)

    def status(self, state: RunState, error: SpeccError | None = None) -> RunStatus:
        """The picture of this moment; `error` is what ended the run as a whole."""
        at = time.monotonic()
        return RunStatus(
            run=self.record.run,
            experiment=self.study.experiment,
            spec=self.study.spec,
            again=self.again,
            state=state,
            pid=self.pid,
            workers=self.workers,
            counts=StepCounts(**asdict(self.schedule.counts)),
            running=tuple(as_running(run) for run in sorted(self.running.values(), key=lambda run: run.slot)),
            failures=tuple(self.failures),
            started=self.started_at,
            updated=now(),
            elapsed_seconds=at - self.began,
            seconds_left=self.seconds_left(at) if state == "running" else None,
            tokens_per_second=sum(
                run.latest.tokens_per_second for run in self.running.values() if run.latest
            ),
            error=error.message if error is not None else None,
            help=error.help if error is not None else None,
        )

    def seconds_left(self, at: float) -> float | None:
        """Estimate of the time to the end: work shared by all workers, or the longest chain.

        Predictions are scaled by what finished and measured steps took over what was predicted;
        a running step that reports progress is extrapolated from its own speed.
        """
        observed, predicted = self.observed, self.predicted
        speeds = {key: run.seconds_each(at) for key, run in self.running.items()}
        lanes = Counter(run.slot for run in self.running.values())
        for key, run in self.running.items():
            each = speeds[key]
            if each is not None and run.latest is not None and run.step.seconds > 0:
                observed += each * run.latest.of / lanes[run.slot]
                predicted += run.step.seconds
        scale = observed / predicted if predicted > 0 and observed > 0 else 1.0
        total = self.schedule.seconds_todo * scale
        longest = self.schedule.longest_path() * scale
        for key, run in self.running.items():
            each = speeds[key]
            if each is not None and run.latest is not None:
                left = each * (run.latest.of - run.latest.step)
            else:
                left = max(run.step.seconds * scale - (at - run.began), 0.0)
            total += left / lanes[run.slot]
            longest = max(longest, left + (self.schedule.path[run.step.key] - run.step.seconds) * scale)
        return max(total / max(self.workers, 1), longest)


def as_running(run: Run) -> RunningStep:
    """A running step as it is told."""
    latest = run.latest or Progress(run.slot, run.step.key)
    return RunningStep(
        slot=run.slot,
        key=run.step.key,
        label=run.step.label or run.step.key[:12],
        step=latest.step,
        of=latest.of,
        loss=latest.loss,
        tokens_per_second=latest.tokens_per_second,
    )
