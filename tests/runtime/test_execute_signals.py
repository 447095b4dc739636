"""Runs that are interrupted, killed or find another run in their workspace: in real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fake_steps import HOLD, diary
from specc.execute.lock import current_holder
from specc.execute.status import read_status, status_text
from specc.store import Store

SCRIPT = Path(__file__).with_name("fake_run.py")


def begin(
    workspace: Path, labels: str = "a,b", ticks: int = 20, wait: str = "wait", grace: float = 30
) -> subprocess.Popen[str]:
    root = Path(__file__).parents[2]
    path = os.pathsep.join(map(str, (SCRIPT.parent, root, root / "runtime")))
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), str(workspace), labels, str(ticks), wait, str(grace)],
        env={**os.environ, "PYTHONPATH": path},
        stderr=subprocess.PIPE,
        text=True,
    )


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, errors = process.communicate(timeout=30)
    return process.returncode, errors


def started(workspace: Path, number: int) -> Callable[[], bool]:
    return lambda: sum(line["what"] == "start" for line in diary(workspace)) >= number


def alive(pid: int) -> bool:
    """Whether a process exists and is not only waiting to be reaped."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def children(pid: int) -> list[int]:
    """Processes below a process, at any depth."""
    found = [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [*found, *(below for child in found for below in children(child))]


@pytest.mark.parametrize(
    ("number", "expected"), [(signal.SIGINT, 130), (signal.SIGTERM, 75), (signal.SIGUSR1, 75)]
)
def test_F16_F17_an_interrupted_run_keeps_its_checkpoints_and_goes_on(
    tmp_path: Path, number: signal.Signals, expected: int
) -> None:
    process = begin(tmp_path, ticks=40)
    until(started(tmp_path, 2))
    time.sleep(0.2)
    process.send_signal(number)
    code, errors = finish(process)
    assert code == expected
    assert "go on with: specc run fake.spec" in errors
    positions = [int(path.read_text()) for path in tmp_path.glob("work/*/position")]
    assert len(positions) == 2
    assert all(0 < position < 40 for position in positions)
    status = read_status(tmp_path)
    assert status is not None
    assert (status.state, status.counts.todo) == ("interrupted", 2)
    assert finish(begin(tmp_path, ticks=40))[0] == 0
    assert len(list(Store(tmp_path).keys())) == 2


def test_F16_a_second_interrupt_kills_at_once(tmp_path: Path) -> None:
    process = begin(tmp_path, labels="deaf", ticks=500)
    until(started(tmp_path, 1))
    (server,) = children(process.pid)[:1]
    worker = diary(tmp_path)[0]["pid"]
    os.kill(worker, signal.SIGSTOP)
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert finish(process)[0] == 130
    until(lambda: not alive(server) and not alive(worker))


def test_a_worker_that_does_not_stop_is_killed_after_the_grace_time(tmp_path: Path) -> None:
    process = begin(tmp_path, labels="deaf", ticks=500, grace=0.5)
    until(started(tmp_path, 1))
    worker = diary(tmp_path)[0]["pid"]
    os.kill(worker, signal.SIGSTOP)
    process.send_signal(signal.SIGINT)
    assert finish(process)[0] == 130
    until(lambda: not alive(worker))


def test_F01_killing_the_run_leaves_no_process_and_the_next_run_works(tmp_path: Path) -> None:
    process = begin(tmp_path, ticks=40)
    until(started(tmp_path, 2))
    below = children(process.pid)
    assert len(below) == 3
    process.kill()
    process.communicate()
    until(lambda: not any(map(alive, below)), seconds=2.0)
    status = read_status(tmp_path)
    assert status is not None
    assert status.state == "killed"
    assert "was killed" in status_text(status)
    assert current_holder(tmp_path) is None
    assert finish(begin(tmp_path, ticks=40))[0] == 0


def test_killing_the_server_ends_the_run_with_a_message_and_loses_nothing(tmp_path: Path) -> None:
    process = begin(tmp_path, ticks=40)
    until(started(tmp_path, 2))
    server = int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text())
    below = children(process.pid)
    os.kill(server, signal.SIGKILL)
    code, errors = finish(process)
    assert code == 4
    assert "workers.log" in errors
    until(lambda: not any(map(alive, below)))
    assert finish(begin(tmp_path, ticks=40))[0] == 0


def test_F11_a_second_run_waits_for_the_first_and_says_so_once(tmp_path: Path) -> None:
    hold = tmp_path / HOLD
    hold.touch()
    first = begin(tmp_path, labels="a", ticks=2)
    until(started(tmp_path, 1))
    second = begin(tmp_path, labels="a,b", ticks=2)
    assert second.stderr is not None
    assert second.stderr.readline().startswith(f"waiting for run 1 (process {first.pid}")
    hold.unlink()
    code, errors = finish(second)
    assert finish(first)[0] == 0
    assert code == 0
    assert "waiting" not in errors
    assert [line["label"] for line in diary(tmp_path) if line["what"] == "end"] == ["a", "b"]


def test_F11_a_run_that_must_not_wait_is_refused_and_names_the_holder(tmp_path: Path) -> None:
    hold = tmp_path / HOLD
    hold.touch()
    first = begin(tmp_path, labels="a", ticks=2)
    until(started(tmp_path, 1))
    code, errors = finish(begin(tmp_path, wait="no-wait"))
    assert code == 1
    assert f"run 1 (process {first.pid}" in errors
    assert read_status(tmp_path, 2) is None
    hold.unlink()
    assert finish(first)[0] == 0


def test_a_waiting_run_can_be_interrupted(tmp_path: Path) -> None:
    hold = tmp_path / HOLD
    hold.touch()
    first = begin(tmp_path, labels="a", ticks=2)
    until(started(tmp_path, 1))
    second = begin(tmp_path)
    assert second.stderr is not None
    assert "waiting" in second.stderr.readline()
    second.send_signal(signal.SIGINT)
    assert finish(second)[0] == 130
    hold.unlink()
    assert finish(first)[0] == 0


def test_the_status_of_a_running_run_names_its_steps(tmp_path: Path) -> None:
    hold = tmp_path / HOLD
    process = begin(tmp_path, labels="a", ticks=40)
    until(lambda: any(tmp_path.glob("work/*/position")))
    hold.touch()
    holder = current_holder(tmp_path)
    assert holder is not None
    assert (holder.pid, holder.run) == (process.pid, 1)

    def running() -> str:
        status = read_status(tmp_path)
        return status_text(status) if status is not None else ""

    until(lambda: "/40" in running())
    assert "run 1 of fake is running" in running()
    assert "  a  " in running()
    hold.unlink()
    assert finish(process)[0] == 0
