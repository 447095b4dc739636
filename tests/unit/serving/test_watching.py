"""`specc status --watch`: the same facts in the terminal, in any size of it, until the run ends."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from fake_workspace import FakeWorkspace, log_line
from held_run import FakeRun
from specc.cli import watching
from specc.cli.watching import Spent, picture, sparkline, watch_status
from specc.execute.status import StepCounts, StepFailure
from specc.serving.following import Follower

FAILURE = StepFailure(
    key="k", label="exposure/\x1b[31mred", error="Diverged", message="loss is\nnot a number"
)


def shown(workspace: FakeWorkspace, width: int, rows: int, budget: list[Spent] | None = None) -> list[str]:
    moment = Follower(workspace.path).look()
    assert moment.status is not None
    console = Console(file=io.StringIO(), width=width, force_terminal=True, no_color=True, highlight=False)
    with console.capture() as capture:
        console.print(picture(moment, moment.status, budget or [], rows))
    return capture.get().splitlines()


def test_a_picture_has_the_counts_the_time_the_curve_and_the_budget(tmp_path: Path) -> None:
    workspace = FakeWorkspace(tmp_path)
    with FakeRun(workspace) as run:
        workspace.log("a", "".join(log_line(step, 9.0 - step) for step in range(1, 9)))
        run.status(running=["a"], failures=[FAILURE])
        lines = shown(workspace, 120, 30, [Spent("pretrain", 4000, 1000)])
    text = "\n".join(lines)
    assert "4 of 10 steps done" in text
    assert "about 1:15 left" in text
    assert "3K tokens/s" in text
    assert "█▇▆▅▄▃▂▁" in text
    assert "3/15" in text
    assert "loss 2.250" in text
    assert "1,000 of 4,000 tokens counted" in text
    assert "not a number" in text
    assert "\x1b[31m" not in text


@pytest.mark.parametrize(("width", "rows"), [(200, 60), (80, 24), (40, 10), (20, 4)])
def test_a_picture_of_a_huge_run_fits_any_terminal(tmp_path: Path, width: int, rows: int) -> None:
    workspace = FakeWorkspace(tmp_path)
    with FakeRun(workspace) as run:
        counts = StepCounts(total=100_000, done=50_000, running=200, failed=5_000)
        run.status(running=[f"s{n}" for n in range(200)], failures=[FAILURE] * 5_000, counts=counts)
        lines = shown(workspace, width, rows, [Spent(f"stage{n}", 10, 5) for n in range(30)])
    assert len(lines) <= rows + 1
    assert max(map(len, lines)) <= width + 20  # control codes for bold and dim


def watched(
    workspace: FakeWorkspace,
    monkeypatch: pytest.MonkeyPatch,
    turns: list[Callable[[], object]],
    **wanted: bool,
) -> int:
    """Watch without waiting; each look is followed by the next thing that happens."""
    monkeypatch.setattr("specc.cli.watching.time.sleep", lambda seconds: turns.pop(0)())
    monkeypatch.setattr(watching, "LINE_SECONDS", 0.0)
    return watch_status(workspace.path, **{"as_json": False, **wanted})


def test_lines_tell_changes_until_the_run_ends_and_how(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = FakeWorkspace(tmp_path)
    with FakeRun(workspace) as run:
        run.status(running=["a"])
        turns: list[Callable[[], object]] = [
            lambda: run.status(running=["a"]),
            lambda: run.status(running=["b"], failures=[FAILURE]),
            lambda: run.status(
                state="failed", failures=[FAILURE], counts=StepCounts(total=10, done=9, failed=1)
            ),
        ]
        assert watched(workspace, monkeypatch, turns) == 4
    out = capsys.readouterr().out
    assert out.count("exposure/a") == 1  # what has not changed is not told again
    assert "exposure/b" in out
    assert out.count("error: loss is not a number") == 1
    assert "run 1 has failed" in out
    assert "\x1b" not in out


def test_json_has_a_line_for_each_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = FakeWorkspace(tmp_path)
    with FakeRun(workspace) as run:
        run.status(running=["a"])
        turns: list[Callable[[], object]] = [
            lambda: None,
            lambda: run.status(running=["b"]),
            lambda: run.status(state="done", counts=StepCounts(total=10, done=10)),
        ]
        assert watched(workspace, monkeypatch, turns, as_json=True) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["state"] for line in lines] == ["running", "running", "done"]


def test_a_run_that_is_killed_ends_the_watching(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = FakeWorkspace(tmp_path)
    run = FakeRun(workspace).__enter__()
    run.status(running=["a"])
    assert watched(workspace, monkeypatch, [lambda: run.__exit__()]) == 4


def test_ctrl_c_ends_the_watching_and_not_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    workspace = FakeWorkspace(tmp_path)
    with FakeRun(workspace) as run:
        run.status(running=["a"])
        assert watched(workspace, monkeypatch, [interrupt]) == 130
    assert "the run goes on" in capsys.readouterr().err


def test_nothing_to_watch_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workspace = FakeWorkspace(tmp_path)
    assert watch_status(workspace.path, as_json=False) == 0
    assert watch_status(workspace.path, as_json=True) == 0
    assert capsys.readouterr().out == "nothing was run in this workspace yet\nnull\n"


def test_a_sparkline_is_means_of_parts_from_low_to_high() -> None:
    assert sparkline([]) == ""
    assert sparkline([1.0, 1.0]) == "▁▁"
    assert sparkline([float(n) for n in range(8)]) == "▁▂▃▄▅▆▇█"
    assert sparkline([0.0, 2.0, 8.0, 10.0], watching.LETTERS, width=2) == "_@"
    assert sparkline([None, None]) == "??"
