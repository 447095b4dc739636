"""Runs for people, and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from specc.difference.compare import compare
from specc.difference.show import as_text
from specc.execute.status import failure_lines, progress
from specc.history.changes import changed
from specc.history.origin import Origin, read_origin
from specc.history.runs import Run, run_before
from specc.words import count, display_width, duration, printable

_INDENT = " " * 6

MOST_ARMS = 30
"""Arms of an import that are listed."""


def log_lines(runs: Sequence[Run]) -> list[str]:
    """Runs, newest first: what each did, what it changed, and what was written about it."""
    lines: list[str] = []
    width = max((display_width(printable(run.experiment)) for run in runs), default=0)
    for run in runs:
        lines += _entry(run, width)
    return lines


def _entry(run: Run, width: int) -> list[str]:
    experiment = printable(run.experiment) or "?"
    space = " " * (width - display_width(experiment))
    tags = [f"[{printable(tag)}]" for tag in run.notes.tags]
    started = _when(run.status.started if run.status is not None else "")
    head = f"{run.number:>4}  {started}  {experiment}{space}  {_outcome(run)}"
    lines = ["  ".join([head, *tags]).rstrip()]
    if told := changed(run):
        lines.append(_INDENT + printable(told))
    lines += [f"{_INDENT}note: {printable(note.text)}" for note in run.notes.notes]
    return lines


def _when(time: str) -> str:
    """A time in the time zone of who asks; blank if it is none."""
    try:
        return datetime.fromisoformat(time).astimezone().strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return " " * 16


def _outcome(run: Run) -> str:
    status = run.status
    if status is None:
        return "was killed before it began"
    if (origin := read_origin(run.folder)) is not None:
        return f"imported from {printable(origin.title)}"
    counts = status.counts
    parts = [status.state, f"{counts.done} of {count(counts.total - counts.reused, 'new step')} done"]
    if counts.total == counts.reused:
        parts = [status.state, "nothing new to do"]
    if counts.reused:
        parts.append(f"{counts.reused:,} reused")
    if counts.failed:
        parts.append(f"{counts.failed:,} failed")
    parts.append(duration(status.elapsed_seconds))
    return ", ".join(parts)


def run_text(run: Run) -> str:
    """All that is known of a run."""
    lines = _entry(run, 0)[:1]
    status = run.status
    origin = read_origin(run.folder)
    if origin is not None:
        lines += _imported(origin)
    else:
        lines.append(f"  recipe      {printable(run.spec)}{_kept(run)}")
    if status is not None and origin is None:
        lines.append(f"  steps       {progress(status)}")
        for failure in status.failures:
            lines += [f"  {line}" for line in failure_lines(failure)]
    for note in run.notes.notes:
        lines.append(f"  note        {_when(note.time)}  {printable(note.text)}")
    before = run_before(run)
    if origin is not None:
        lines.append(f"  changed     {printable(changed(run))}")
    elif before is not None and before.study is not None and run.study is not None:
        lines += ["", f"against run {before.number}, the one before:"]
        lines += [f"  {line}".rstrip() for line in as_text(compare(before.study, run.study)).splitlines()]
    return "\n".join(lines) + "\n"


def _imported(origin: Origin) -> list[str]:
    """Where an import is from, how it was read, and which run became which arm."""
    lines = [f"  source      {printable(origin.path)}, SHA-256 {origin.digest[:12]}..."]
    for name, values in origin.mapping.items():
        lines.append(f"  {name:<10}  {printable(', '.join(values))}")
    lines += [f"  note        {printable(note)}" for note in origin.notes]
    shown = list(origin.runs.items())[:MOST_ARMS]
    lines += [f"  arm         {printable(label)}: {printable(run)}" for label, run in shown]
    if len(origin.runs) > len(shown):
        lines.append(f"  ({len(origin.runs) - len(shown)} more)")
    return lines


def _kept(run: Run) -> str:
    if run.recipe is None:
        return "  (its text was not kept)"
    others = len(run.recipe.files) - 1
    more = f", with {count(others, 'file')} that it uses" if others else ""
    return f"  (text kept{more}: `specc log {run.number} --recipe`)"


def run_json(run: Run) -> dict[str, Any]:
    """A run as JSON."""
    status = run.status
    return {
        "run": run.number,
        "experiment": run.experiment,
        "spec": run.spec,
        "spec_digest": run.study.spec_digest if run.study is not None else None,
        "state": status.state if status is not None else "killed",
        "started": status.started if status is not None else None,
        "updated": status.updated if status is not None else None,
        "seconds": status.elapsed_seconds if status is not None else None,
        "steps": status.counts.model_dump() if status is not None else None,
        "changed": changed(run),
        "origin": origin.model_dump(mode="json") if (origin := read_origin(run.folder)) else None,
        "notes": [{"time": note.time, "text": note.text} for note in run.notes.notes],
        "tags": list(run.notes.tags),
    }
