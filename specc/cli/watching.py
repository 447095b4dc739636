"""`specc status --watch`: the latest run in the terminal until it ends.

On a terminal a picture that is redrawn once a second; elsewhere a line every few seconds; with `--json`
a line for each change. The display reads what the run writes anyway: it costs the run nothing.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console as Terminal
from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from specc.cli.failures import INTERRUPTED, STEP_FAILED
from specc.errors import SpeccError
from specc.execute.console import closing
from specc.execute.status import RunStatus, failure_lines, progress, running_text
from specc.serving import facts
from specc.serving.following import Follower, Moment
from specc.serving.published import UPDATE_SECONDS, Keeper, Published
from specc.words import count, printable, rate

LOOK_SECONDS = 1.0
LINE_SECONDS = 5.0
"""Least time between two lines where there is no terminal."""

QUIET_SECONDS = 60.0
"""After this time a line is printed though nothing has changed."""

MOST_FAILURES = 3
BAR_WIDTH = 24
SPARK_WIDTH = 16

EXIT_CODES = {"done": 0, "failed": STEP_FAILED, "killed": STEP_FAILED, "interrupted": INTERRUPTED}
"""By how the run ended; killed is a run whose process is gone."""

BLOCKS, LETTERS = "▁▂▃▄▅▆▇█", "_.-=+*#@"


@dataclass(frozen=True, slots=True)
class Spent:
    """Tokens of a stage over all arms: planned, and counted in the arms that are through it."""

    stage: str
    planned: int
    counted: int


def watch_status(workspace: Path, as_json: bool) -> int:
    """Show the latest run until it ends; returns an exit code by how it ended (see `EXIT_CODES`)."""
    follower = Follower(workspace)
    status = follower.look().status
    if status is None:
        print("null" if as_json else "nothing was run in this workspace yet")
        return 0
    try:
        if as_json:
            status = _changes(follower)
        elif sys.stdout.isatty() and not Terminal().is_dumb_terminal:
            status = _display(follower, workspace)
        else:
            status = _lines(follower, sys.stdout)
    except KeyboardInterrupt:
        print("not watched any more; the run goes on", file=sys.stderr)
        return INTERRUPTED
    return EXIT_CODES[status.state]


def _changes(follower: Follower) -> RunStatus:
    """Print the status as JSON, a line each time that it is another."""
    before: RunStatus | None = None
    while True:
        status = follower.look().status
        if status is None:
            assert before is not None, "there was a run when watching began"
            return before.model_copy(update={"state": "killed"})  # its workspace is gone
        if status != before:
            print(status.model_dump_json(), flush=True)
            before = status
        if status.state != "running":
            return status
        time.sleep(LOOK_SECONDS)


def _lines(follower: Follower, stream: TextIO) -> RunStatus:
    """Print what has changed, a line every few seconds."""
    status = follower.look().status
    assert status is not None, "there is a run to watch"
    if status.state == "running":
        print(f"run {status.run} of {printable(status.experiment)}", file=stream, flush=True)
    told, failures, last = float("-inf"), 0, ""
    while status.state == "running":
        for failure in status.failures[failures:]:
            print("\n".join(failure_lines(failure)), file=stream, flush=True)
        failures = len(status.failures)
        line = f"{progress(status)}: " + "; ".join(running_text(step) for step in status.running[:4])
        waited = time.monotonic() - told
        if (line != last and waited >= LINE_SECONDS) or waited >= QUIET_SECONDS:
            print(line, file=stream, flush=True)
            told, last = time.monotonic(), line
        time.sleep(LOOK_SECONDS)
        status = follower.look().status or status.model_copy(update={"state": "killed"})
    print("\n".join(closing(status)), file=stream, flush=True)
    return status


def _display(follower: Follower, workspace: Path) -> RunStatus:
    """Redraw a picture once a second, within the height that the terminal has at the moment."""
    terminal = Terminal(highlight=False)
    moment = follower.look()
    published = Published(workspace)
    keeper = Keeper(published, lambda: UPDATE_SECONDS)
    if moment.status is not None and moment.status.state == "running":
        keeper.start()
    shades = BLOCKS if terminal.encoding.lower().startswith("utf") else LETTERS
    last = moment.status
    assert last is not None
    try:
        with Live(console=terminal, auto_refresh=False, transient=True, redirect_stdout=False) as live:
            while moment.status is not None and moment.status.state == "running":
                last = moment.status
                rows = max(4, terminal.size.height - 1)
                live.update(picture(moment, last, spent(published), rows, shades), refresh=True)
                time.sleep(LOOK_SECONDS)
                moment = follower.look()
    finally:
        keeper.stop()
        published.close()
    status = moment.status or last.model_copy(update={"state": "killed"})
    for failure in status.failures[:MOST_FAILURES]:
        terminal.print(Text("\n".join(failure_lines(failure))))
    if len(status.failures) > MOST_FAILURES:
        terminal.print(Text(f"and {count(len(status.failures) - MOST_FAILURES, 'failed step')} more"))
    first, *rest = closing(status)
    terminal.print(Text(first, style="green" if status.state == "done" else "red"))
    for line in rest:
        terminal.print(Text(line))
    return status


def spent(published: Published) -> list[Spent]:
    """Tokens of each stage of the latest run's experiment, as far as results are published."""
    try:
        first = published.answer("experiments", facts.experiments, None)
        if not first:
            return []
        rows: list[dict[str, Any]] = published.answer("budget", facts.budget, first[0]["experiment"])
    except SpeccError:
        return []
    stages: dict[str, list[int]] = {}
    for row in rows:
        sums = stages.setdefault(row["stage"], [0, 0])
        sums[0] += int(row["planned"] or 0)
        sums[1] += int(row["counted"] or 0)
    return [Spent(stage, planned, counted) for stage, (planned, counted) in stages.items()]


def picture(
    moment: Moment, status: RunStatus, budget: Sequence[Spent], rows: int, shades: str = BLOCKS
) -> Group:
    """All that is shown at a moment, in at most so many lines; what is left out is counted."""
    counts = status.counts
    whole = Table.grid(padding=(0, 1))
    whole.add_column(width=BAR_WIDTH)
    whole.add_column(overflow="ellipsis", no_wrap=True)
    bar = ProgressBar(total=max(counts.total, 1), completed=counts.reused + counts.done, width=BAR_WIDTH)
    whole.add_row(bar, Text(progress(status)))
    title = Text(f"run {status.run} of {printable(status.experiment)}", style="bold", no_wrap=True)
    parts: list[RenderableType] = [title, whole]
    left = rows - 2
    failed = list(status.failures[-MOST_FAILURES:]) if left > 4 else []
    left -= len(failed) + (len(status.failures) > len(failed))
    shown = budget[: max(0, min(len(budget), left // 3))]
    left -= len(shown)
    running = status.running[: max(1, left - 1)] if len(status.running) > left else status.running
    parts.append(_running(moment, running, shades))
    if len(running) < len(status.running):
        parts.append(_left_out(f"{len(status.running) - len(running)} more"))
    if shown:
        parts.append(_budget(shown))
    for failure in failed:
        line = f"failed: {printable(failure.label)}: {printable(failure.message)}"
        parts.append(Text(line, style="red", no_wrap=True, overflow="ellipsis"))
    if len(status.failures) > len(failed):
        parts.append(_left_out(f"{count(len(status.failures) - len(failed), 'failed step')} more"))
    return Group(*parts)


def _left_out(text: str) -> Text:
    return Text(f"  and {text}", style="dim", no_wrap=True, overflow="ellipsis")


def _running(moment: Moment, running: Sequence[Any], shades: str) -> Table:
    steps = Table.grid(padding=(0, 2), expand=True)
    steps.add_column(overflow="ellipsis", no_wrap=True, ratio=1)
    for _ in range(4):
        steps.add_column(justify="right", no_wrap=True)
    for step in running:
        tail = moment.running.get(step.key)
        losses = [loss for _, loss in tail.curve.points()] if tail is not None else []
        steps.add_row(
            Text(f"  {printable(step.label)}"),
            Text(f"{step.step:,}/{step.of:,}" if step.of else ""),
            Text(sparkline(losses, shades)),
            Text(f"loss {step.loss:.3f}" if step.loss is not None else ""),
            Text(rate(step.tokens_per_second) if step.tokens_per_second else ""),
        )
    return steps


def _budget(budget: Sequence[Spent]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(overflow="ellipsis", no_wrap=True, max_width=30)
    table.add_column(width=12)
    table.add_column(no_wrap=True, overflow="ellipsis")
    for each in budget:
        bar = ProgressBar(total=max(each.planned, 1), completed=min(each.counted, each.planned), width=12)
        share = f"{each.counted:,} of {each.planned:,} tokens counted"
        table.add_row(Text(f"  {printable(each.stage)}"), bar, Text(share))
    return table


def sparkline(values: Sequence[float | None], shades: str = BLOCKS, width: int = SPARK_WIDTH) -> str:
    """A curve in a line of text: means of as many parts as fit, from the lowest shade to the highest.

    >>> sparkline([3.0, 2.0, 1.0, 1.0], width=4), sparkline([1.0, None], width=2)
    ('█▅▁▁', '▁?')
    """
    parts = min(width, len(values))
    means: list[float | None] = []
    for part in range(parts):
        piece = values[part * len(values) // parts : (part + 1) * len(values) // parts]
        finite = [value for value in piece if value is not None]
        means.append(sum(finite) / len(finite) if len(finite) == len(piece) else None)
    known = [mean for mean in means if mean is not None]
    if not known:
        return "?" * parts
    low, high = min(known), max(known)
    steps = len(shades) - 1
    return "".join(
        "?" if mean is None else shades[round((mean - low) / (high - low) * steps) if high > low else 0]
        for mean in means
    )
