"""The only printer of a run. Progress goes to standard error; results are not its business.

On a terminal it is a live display, elsewhere plain lines without control codes. Labels and messages
are foreign text: they are stripped of control characters and never read as markup.
"""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from typing import Protocol, TextIO

from specc.execute.status import (
    STATE_WORDS,
    RunStatus,
    StepFailure,
    failure_lines,
    last_words,
    progress,
    running_text,
)
from specc.words import duration, printable

LINE_SECONDS = 2.0
"""Least time between two plain lines about finished steps."""

QUIET_SECONDS = 30.0
"""A plain line is printed after this time even if no step has finished."""


class Console(Protocol):
    """What a run tells while it goes on."""

    def note(self, text: str) -> None:
        """Something worth knowing now."""

    def started(self, status: RunStatus) -> None:
        """The run begins."""

    def finished(self, label: str, seconds: float) -> None:
        """A step is done."""

    def failed(self, failure: StepFailure) -> None:
        """A step has failed for good."""

    def update(self, status: RunStatus) -> None:
        """How the run stands now; called a few times a second."""

    def ended(self, status: RunStatus) -> None:
        """The run has ended; its last picture."""


def open_console(stream: TextIO | None = None) -> Console:
    """The console that fits a stream, by default standard error."""
    stream = stream or sys.stderr
    if stream.isatty():
        from specc.execute.live import LiveConsole

        return LiveConsole(stream)
    return PlainConsole(stream)


def opening(status: RunStatus) -> str:
    """First line of a run."""
    counts = status.counts
    name = printable(status.experiment)
    if counts.todo == 0:
        return f"run {status.run} of {name}: all {counts.total} steps were done before"
    reused = f", {counts.reused} reused" if counts.reused else ""
    return f"run {status.run} of {name}: {counts.todo} steps to do{reused}, {status.workers} at once"


def closing(status: RunStatus) -> list[str]:
    """Last lines of a run."""
    return [f"run {status.run} {STATE_WORDS[status.state]}: {progress(status)}", *last_words(status)]


class PlainConsole:
    """Lines for logs and pipes: what has finished, at most every two seconds."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.told = time.monotonic()
        self.news: list[str] = []

    def print(self, text: str) -> None:
        with suppress(OSError):  # a reader that has left must not end the run
            print(text, file=self.stream, flush=True)

    def note(self, text: str) -> None:
        self.print(printable(text))

    def started(self, status: RunStatus) -> None:
        self.print(opening(status))

    def finished(self, label: str, seconds: float) -> None:
        self.news.append(f"{printable(label)} ({duration(seconds)})")

    def failed(self, failure: StepFailure) -> None:
        for line in failure_lines(failure):
            self.print(line)

    def update(self, status: RunStatus) -> None:
        at = time.monotonic()
        if self.news and at - self.told >= LINE_SECONDS:
            more = f" and {len(self.news) - 1} before it" if len(self.news) > 1 else ""
            self.print(f"{progress(status)}: {self.news[-1]}{more}")
            self.news.clear()
            self.told = at
        elif at - self.told >= QUIET_SECONDS:
            steps = "; ".join(running_text(step) for step in status.running)
            self.print(f"{progress(status)}: {steps}")
            self.told = at

    def ended(self, status: RunStatus) -> None:
        for line in closing(status):
            self.print(line)


class SilentConsole:
    """Tells nothing."""

    def note(self, text: str) -> None: ...

    def started(self, status: RunStatus) -> None: ...

    def finished(self, label: str, seconds: float) -> None: ...

    def failed(self, failure: StepFailure) -> None: ...

    def update(self, status: RunStatus) -> None: ...

    def ended(self, status: RunStatus) -> None: ...
