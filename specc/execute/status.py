"""How a run stands: what it writes into `status.json`, and what another shell makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from specc.execute.lock import current_holder
from specc.steps import Frozen
from specc.words import count, duration, printable, rate

RunState = Literal["running", "done", "failed", "interrupted", "killed"]
"""`killed` is never written: it is what a reader finds when a running run's lock is free."""


class StepCounts(Frozen):
    """Steps of a run by what became of them; `todo` has not begun, `reused` was done before."""

    total: int = 0
    reused: int = 0
    done: int = 0
    running: int = 0
    failed: int = 0
    blocked: int = 0
    todo: int = 0


class RunningStep(Frozen):
    """A step in a worker: training steps done and in all, and the latest figures."""

    slot: int
    key: str
    label: str
    step: int = 0
    of: int = 0
    loss: float | None = None
    tokens_per_second: float = 0.0


class StepFailure(Frozen):
    """A step that failed for good, and the labels of the arms that lack it."""

    key: str
    label: str
    error: str
    message: str
    help: str | None = None
    arms: tuple[str, ...] = ()


class RunStatus(Frozen):
    """A run at a moment.

    Attributes:
        started, updated: UTC, ISO 8601.
        seconds_left: estimate; None before anything is known.
        tokens_per_second: over all workers, from their latest reports.
        again: command that goes on with it; by default `specc run` on its recipe.
        error, help: what ended the run as a whole, if not its steps.
    """

    format: int = 1
    run: int
    experiment: str
    spec: str = ""
    again: str = ""
    state: RunState
    pid: int
    workers: int = 0
    counts: StepCounts
    running: tuple[RunningStep, ...] = ()
    failures: tuple[StepFailure, ...] = ()
    started: str
    updated: str
    elapsed_seconds: float = 0.0
    seconds_left: float | None = None
    tokens_per_second: float = 0.0
    error: str | None = None
    help: str | None = None


def run_numbers(workspace: Path) -> list[int]:
    """Numbers of all runs of a workspace, in order."""
    folder = workspace / "runs"
    if not folder.is_dir():
        return []
    return sorted(int(entry.name) for entry in folder.iterdir() if entry.name.isdecimal())


def run_folder(workspace: Path, run: int) -> Path:
    """Folder of a run's plan, status and events."""
    return workspace / "runs" / f"{run:06d}"


def read_status(workspace: Path, run: int | None = None) -> RunStatus | None:
    """How a run stands, by default the latest; None if there is none.

    A run that says it is running while nobody, or another run, holds the lock has been killed.
    """
    numbers = [run] if run is not None else reversed(run_numbers(workspace))
    for number in numbers:
        try:
            status = RunStatus.model_validate_json(
                (run_folder(workspace, number) / "status.json").read_bytes()
            )
        except (OSError, ValidationError):
            continue
        if status.state == "running":
            holder = current_holder(workspace)
            if holder is None or holder.run != number:
                # it may have ended between the two looks; its last word counts
                return read_last_word(workspace, number, status)
        return status
    return None


def read_last_word(workspace: Path, run: int, before: RunStatus) -> RunStatus:
    """The status of a run that does not hold the lock any more."""
    path = run_folder(workspace, run) / "status.json"
    try:
        status = RunStatus.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        status = before
    return status.model_copy(update={"state": "killed"}) if status.state == "running" else status


def status_text(status: RunStatus) -> str:
    """A run's status for people, as lines of text."""
    lines = [
        f"run {status.run} of {printable(status.experiment)} {STATE_WORDS[status.state]}",
        progress(status),
    ]
    if status.state == "running":
        lines += [f"  {running_text(step)}" for step in status.running]
    for failure in status.failures:
        lines += failure_lines(failure)
    return "\n".join([*lines, *last_words(status)])


def last_words(status: RunStatus) -> list[str]:
    """What ended a run, where it was not its steps, and how to go on."""
    lines = []
    if status.error is not None:
        lines.append(f"error: {printable(status.error)}")
    if status.help is not None:
        lines.append(f"  help: {printable(status.help)}")
    if status.state in ("killed", "interrupted"):
        lines.append(f"go on with: {printable(status.again or f'specc run {status.spec}')}")
    return lines


STATE_WORDS: dict[RunState, str] = {
    "running": "is running",
    "done": "is done",
    "failed": "has failed; finished steps are kept",
    "interrupted": "was interrupted; finished steps are kept",
    "killed": "was killed; finished steps are kept",
}


def progress(status: RunStatus, brief: bool = False) -> str:
    """A run's counts, speed and time in one line; `brief` leaves out what a display shows elsewhere."""
    counts = status.counts
    running = status.state == "running"
    parts = [f"{counts.reused + counts.done} of {count(counts.total, 'step')} done"]
    for number, word in ((counts.reused, "reused"), (counts.failed, "failed"), (counts.blocked, "blocked")):
        if number:
            parts.append(f"{number} {word}")
    if running and status.tokens_per_second:
        parts.append(rate(status.tokens_per_second))
    if not brief or status.seconds_left is None:
        parts.append(duration(status.elapsed_seconds) + (" so far" if running else ""))
    if running and status.seconds_left is not None:
        parts.append(f"about {duration(status.seconds_left)} left")
    return ", ".join(parts)


def running_text(step: RunningStep) -> str:
    """A running step in one line."""
    parts = [printable(step.label)]
    if step.of:
        parts.append(f"{step.step}/{step.of}")
    if step.loss is not None:
        parts.append(f"loss {step.loss:.3f}")
    if step.tokens_per_second:
        parts.append(rate(step.tokens_per_second))
    return "  ".join(parts)


def failure_lines(failure: StepFailure) -> list[str]:
    """A failure as a user is told it."""
    lines = [f"error: {printable(failure.message)}", f"  step: {printable(failure.label)}"]
    if failure.arms:
        named = ", ".join(printable(arm) for arm in failure.arms[:3])
        more = f" and {len(failure.arms) - 3} more" if len(failure.arms) > 3 else ""
        lines.append(f"  without a result: {named}{more}")
    if failure.help:
        lines.append(f"  help: {printable(failure.help)}")
    return lines
