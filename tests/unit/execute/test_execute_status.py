"""What another shell reads of a run, and the lock that tells whether it lives."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from specc.errors import WorkspaceError
from specc.execute.lock import WorkspaceLock, current_holder
from specc.execute.status import RunState, RunStatus, StepCounts, read_status, run_folder


def write(workspace: Path, run: int, state: RunState) -> None:
    folder = run_folder(workspace, run)
    folder.mkdir(parents=True)
    status = RunStatus(
        run=run, experiment="e", state=state, pid=1, counts=StepCounts(), started="", updated=""
    )
    (folder / "status.json").write_text(status.model_dump_json())


def never() -> bool:
    return False


def test_there_is_no_status_before_the_first_run(tmp_path: Path) -> None:
    assert read_status(tmp_path) is None


def test_the_latest_run_that_has_a_status_is_read(tmp_path: Path) -> None:
    write(tmp_path, 9, "done")
    write(tmp_path, 10, "failed")
    run_folder(tmp_path, 11).mkdir()
    latest, asked = read_status(tmp_path), read_status(tmp_path, 9)
    assert latest is not None
    assert (latest.run, latest.state) == (10, "failed")
    assert asked is not None
    assert asked.state == "done"


def test_a_running_run_whose_lock_is_free_was_killed(tmp_path: Path) -> None:
    write(tmp_path, 1, "running")
    found = read_status(tmp_path)
    assert found is not None
    assert found.state == "killed"


def test_a_running_run_that_holds_the_lock_is_running(tmp_path: Path) -> None:
    write(tmp_path, 1, "running")
    write(tmp_path, 2, "running")
    with WorkspaceLock(tmp_path) as lock:
        assert lock.acquire(wait=False, waiting=print, give_up=never)
        lock.sign(2)
        states = [found.state for run in (1, 2) if (found := read_status(tmp_path, run)) is not None]
    assert states == ["killed", "running"]


def test_the_lock_is_free_once_its_context_has_ended(tmp_path: Path) -> None:
    with WorkspaceLock(tmp_path) as lock:
        assert lock.acquire(wait=False, waiting=print, give_up=never)
        lock.sign(3)
        holder = current_holder(tmp_path)
        assert holder is not None
        assert (holder.pid, holder.run) == (os.getpid(), 3)
        with WorkspaceLock(tmp_path) as other, pytest.raises(WorkspaceError, match=r"run 3 \(process"):
            other.acquire(wait=False, waiting=print, give_up=never)
    assert current_holder(tmp_path) is None


def test_a_look_at_the_lock_does_not_make_a_run_wait(tmp_path: Path) -> None:
    """`current_holder` holds the lock shared for a blink; a run that meets it tries again."""
    looks = 0
    with WorkspaceLock(tmp_path) as reader, WorkspaceLock(tmp_path) as lock:
        fcntl.flock(reader.handle, fcntl.LOCK_SH)

        def after_a_look() -> bool:
            nonlocal looks
            looks += 1
            fcntl.flock(reader.handle, fcntl.LOCK_UN)
            return False

        assert lock.acquire(wait=False, waiting=print, give_up=after_a_look)
    assert looks == 1
