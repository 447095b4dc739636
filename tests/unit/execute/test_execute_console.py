"""What a run prints: foreign text is harmless, pipes get lines, terminals a picture that fits."""

from __future__ import annotations

import io
import re
import time

import pytest

from specc.execute.console import PlainConsole, open_console
from specc.execute.live import LiveConsole
from specc.execute.status import RunningStep, RunState, RunStatus, StepCounts, StepFailure, status_text

HOSTILE = "[bold red]x[/]\x1b]0;owned\x07\x1b[2J\r\n\u202eevil"


def status(state: RunState = "running", **fields: object) -> RunStatus:
    values: dict[str, object] = {
        "run": 7,
        "experiment": "early_exposure",
        "spec": "early.spec",
        "pid": 1,
        "workers": 2,
        "counts": StepCounts(total=120, reused=20, done=30, running=2, failed=1, blocked=3, todo=64),
        "running": (
            RunningStep(slot=0, key="k", label="early=25%/seed=1/posttrain", step=40, of=900, loss=3.21987),
        ),
        "started": "2026-01-01T00:00:00.000+00:00",
        "updated": "2026-01-01T00:00:00.000+00:00",
        "elapsed_seconds": 75.0,
        "seconds_left": 3700.0,
        "tokens_per_second": 45_210.0,
    }
    return RunStatus.model_validate({**values, **fields, "state": state})


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> tuple[LiveConsole, Terminal]:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = Terminal()
    console = open_console(stream)
    assert isinstance(console, LiveConsole)
    return console, stream


def test_a_run_in_one_line_gives_counts_speed_and_time_left() -> None:
    text = status_text(status())
    assert "50 of 120 steps done, 20 reused, 1 failed, 3 blocked, 45.2K tokens/s" in text
    assert "1:15 so far, about 1:01:40 left" in text
    assert "early=25%/seed=1/posttrain  40/900  loss 3.220" in text


def test_a_pipe_gets_lines_without_control_codes() -> None:
    stream = io.StringIO()
    console = open_console(stream)
    assert isinstance(console, PlainConsole)
    console.started(status())
    console.note(HOSTILE)
    console.finished(HOSTILE, 3.0)
    console.told -= 10
    console.update(status())
    console.failed(StepFailure(key="k", label=HOSTILE, error="DataError", message=HOSTILE, arms=(HOSTILE,)))
    console.ended(status("failed", error=HOSTILE))
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202e]", stream.getvalue())


def test_finished_steps_are_told_together_every_two_seconds() -> None:
    stream = io.StringIO()
    console = PlainConsole(stream)
    for number in range(50):
        console.finished(f"step{number}", 0.1)
        console.update(status())
    assert stream.getvalue() == ""
    console.told = time.monotonic() - 2.1
    console.update(status())
    assert stream.getvalue().count("\n") == 1
    assert "step49 (0.1 s) and 49 before it" in stream.getvalue()


def test_a_long_step_is_told_now_and_then() -> None:
    stream = io.StringIO()
    console = PlainConsole(stream)
    console.told = time.monotonic() - 31
    console.update(status())
    console.update(status())
    assert stream.getvalue().count("posttrain  40/900") == 1


def test_a_reader_that_has_left_does_not_end_the_run() -> None:
    tried = []

    class Left(io.StringIO):
        def write(self, text: str) -> int:
            tried.append(text)
            raise BrokenPipeError

    PlainConsole(Left()).note("still here")
    assert "still here" in "".join(tried)


def test_a_failure_names_at_most_three_arms() -> None:
    stream = io.StringIO()
    failure = StepFailure(
        key="k", label="base", error="DataError", message="m", help="h", arms=tuple("abcde")
    )
    PlainConsole(stream).failed(failure)
    assert stream.getvalue().splitlines() == [
        "error: m",
        "  step: base",
        "  without a result: a, b, c and 2 more",
        "  help: h",
    ]


def test_the_live_display_fits_the_terminal_and_reads_no_markup(live: tuple[LiveConsole, Terminal]) -> None:
    console, stream = live
    running = (RunningStep(slot=0, key="k", label=HOSTILE + "long" * 60, step=1, of=2, loss=1.0),)
    console.started(status())
    console.update(status(running=running))
    console.note(HOSTILE)
    console.ended(status("done"))
    text = stream.getvalue()
    assert "[bold red]x[/]" in text
    assert "\x1b]0" not in text
    assert "\x1b[2J" not in text
    assert "\u202e" not in text
    visible = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    assert max(len(line) for line in re.split(r"[\r\n]+", visible)) <= 80


def test_no_color_is_respected(live: tuple[LiveConsole, Terminal], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    console = LiveConsole(stream)
    console.failed(StepFailure(key="k", label="l", error="DataError", message="m"))
    console.started(status())
    console.update(status())
    console.ended(status("failed"))
    assert not re.search(r"\x1b\[(3|4|9)[0-9]", stream.getvalue())


def test_an_interrupted_run_says_how_to_go_on() -> None:
    assert status_text(status("interrupted")).endswith("go on with: specc run early.spec")
    assert "go on with" not in status_text(status("done"))


def test_how_to_go_on_names_what_the_run_was_given() -> None:
    again = "specc run specc:a.spec -w elsewhere"
    assert status_text(status("killed", again=again)).endswith(f"go on with: {again}")
