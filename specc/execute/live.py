"""The live display of a run on a terminal: a bar for the whole, a line for each worker."""

from __future__ import annotations

from typing import TextIO

from rich.console import Console as Terminal
from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from specc.execute.console import closing, opening
from specc.execute.status import RunningStep, RunStatus, StepFailure, failure_lines, progress
from specc.words import printable, rate

BAR_WIDTH = 24


class LiveConsole:
    """Redraws in place, only when it is updated: no thread of its own."""

    def __init__(self, stream: TextIO) -> None:
        self.terminal = Terminal(file=stream, highlight=False)
        self.live: Live | None = None

    def note(self, text: str) -> None:
        self.terminal.print(Text(printable(text)))

    def started(self, status: RunStatus) -> None:
        self.terminal.print(Text(opening(status)))
        self.live = Live(console=self.terminal, auto_refresh=False, transient=True, redirect_stdout=False)
        self.live.start()

    def finished(self, label: str, seconds: float) -> None:
        """Shown by the counts of the next update."""

    def failed(self, failure: StepFailure) -> None:
        first, *rest = failure_lines(failure)
        self.terminal.print(Text(first, style="red"))
        for line in rest:
            self.terminal.print(Text(line))

    def update(self, status: RunStatus) -> None:
        if self.live is not None:
            self.live.update(picture(status), refresh=True)

    def ended(self, status: RunStatus) -> None:
        if self.live is not None:
            self.live.stop()
        style = "green" if status.state == "done" else "red"
        first, *rest = closing(status)
        self.terminal.print(Text(first, style=style))
        for line in rest:
            self.terminal.print(Text(line))


def picture(status: RunStatus) -> Group:
    """All that is shown at a moment."""
    counts = status.counts
    whole = Table.grid(padding=(0, 1))
    whole.add_column(width=BAR_WIDTH)
    whole.add_column(overflow="ellipsis", no_wrap=True)
    bar = ProgressBar(total=max(counts.total, 1), completed=counts.reused + counts.done, width=BAR_WIDTH)
    whole.add_row(bar, Text(progress(status, brief=True)))
    steps = Table.grid(padding=(0, 2), expand=True)
    steps.add_column(overflow="ellipsis", no_wrap=True, ratio=1)
    for _ in range(3):
        steps.add_column(justify="right", no_wrap=True)
    for step in status.running:
        steps.add_row(*worker_line(step))
    return Group(whole, steps)


def worker_line(step: RunningStep) -> tuple[Text, Text, Text, Text]:
    """Label, position, loss and speed of a running step."""
    return (
        Text(f"  {printable(step.label)}"),
        Text(f"{step.step:,}/{step.of:,}" if step.of else ""),
        Text(f"loss {step.loss:.3f}" if step.loss is not None else ""),
        Text(rate(step.tokens_per_second) if step.tokens_per_second else ""),
    )
