"""A disk that really is full: the run ends in order, and goes on once there is room."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fake_steps import ENTRY, fake_step, study_of
from specc.errors import DiskFull
from specc.execute.console import SilentConsole
from specc.execute.run import RunOptions, run_study
from specc.store import Store

OPTIONS = RunOptions(workers=1, entry=ENTRY, preload=())
SIZE = 1 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "specc-test", str(folder)]
    try:
        result = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no `mount`")
    if result.returncode != 0:
        pytest.skip(f"mounting a small file system is not permitted: {result.stderr.strip()}")
    yield folder
    unmount(folder)


def unmount(folder: Path, seconds: float = 20.0) -> None:
    """Unmount, once the kernel has let go of the last file of processes that have just ended.

    A killed worker's socket, by which its end is seen, may be closed a moment before its log is.
    """
    deadline = time.monotonic() + seconds
    while True:
        result = subprocess.run(["umount", str(folder)], capture_output=True, text=True, check=False)
        if result.returncode == 0:
            return
        assert time.monotonic() < deadline, result.stderr
        time.sleep(0.05)


def fill(path: Path, leave: int) -> None:
    """Write a file so that `leave` bytes stay free."""
    free = os.statvfs(path.parent).f_bavail * os.statvfs(path.parent).f_frsize
    path.write_bytes(b"x" * (free - leave))


def test_F07_a_step_that_fills_the_disk_fails_and_what_was_finished_is_kept(small_disk: Path) -> None:
    first, big = fake_step("first", seconds=3.0), fake_step("big", bytes=SIZE, seconds=2.0)
    study = study_of(first, big, fake_step("last", seconds=1.0))
    outcome = run_study(study, small_disk / "workspace", OPTIONS, SilentConsole())
    assert outcome.exit_code == 4
    assert [(failure.label, failure.error) for failure in outcome.failures] == [("big", "DiskFull")]
    assert re.search(r"no space left on .*workspace \(\d\.\d MB free\)", outcome.failures[0].message)
    store = Store(small_disk / "workspace")
    assert list(store.keys()) == [first.key]
    store.verify(first.key)


def test_F07_a_run_on_a_full_disk_ends_in_order_and_goes_on_when_there_is_room(small_disk: Path) -> None:
    study = study_of(*(fake_step(str(number), ticks=1) for number in range(3)))
    workspace = small_disk / "workspace"
    ballast = small_disk / "ballast"
    assert run_study(study_of(fake_step("before")), workspace, OPTIONS, SilentConsole()).exit_code == 0
    fill(ballast, leave=0)
    with pytest.raises(DiskFull):
        run_study(study, workspace, OPTIONS, SilentConsole())
    ballast.unlink()
    fill(ballast, leave=32 << 10)
    outcome = run_study(study, workspace, OPTIONS, SilentConsole())
    assert outcome.exit_code == 4
    assert isinstance(outcome.error, DiskFull) or outcome.failures[0].error == "DiskFull"
    ballast.unlink()
    assert run_study(study, workspace, OPTIONS, SilentConsole()).exit_code == 0
