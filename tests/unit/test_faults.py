"""Faults on purpose: what the variable may say, and what happens at the operation that it names."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from specc import faults, files
from specc.errors import DiskFailed, DiskFull
from specc.faults import Fault

WRITER = """
import sys
from pathlib import Path
from specc.files import write_atomic, write_file
for number in range(1, 4):
    write_file(Path(sys.argv[1], str(number)), "content")
"""


@pytest.fixture(autouse=True)
def _unwatched() -> Iterator[None]:
    yield
    faults.install(None)
    files.watch(None)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("kill@17", Fault("kill", operation=17)),
        ("enospc@1", Fault("enospc", operation=1)),
        ("kill@step=3", Fault("kill", step=3)),
        ("eio@step=12,rank=1", Fault("eio", step=12, rank=1)),
    ],
)
def test_a_fault_is_read_from_its_text(text: str, fault: Fault) -> None:
    assert Fault.parse(text) == fault


@pytest.mark.parametrize("text", ["", "kill", "kill@", "kill@x", "burn@3", "kill@step=", "kill@3,rank=1"])
def test_a_text_that_says_no_fault_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no fault"):
        Fault.parse(text)


@pytest.mark.parametrize(
    ("fault", "status", "left"),
    [("kill@2", -9, {"1": 7}), ("torn@2", -9, {"1": 7, "2": 3}), ("enospc@3", 1, {"1": 7, "2": 7})],
)
def test_a_process_finds_its_fault_in_the_environment(
    tmp_path: Path, fault: str, status: int, left: dict[str, int]
) -> None:
    environment = {**os.environ, "SPECC_FAULT": fault, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    ended = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert ended.returncode == status
    assert {path.name: path.stat().st_size for path in tmp_path.iterdir()} == left


def test_a_full_disk_stays_full_and_an_error_comes_once(tmp_path: Path) -> None:
    faults.install(Fault("enospc", operation=2))
    files.write_file(tmp_path / "1", "a")
    for _ in range(2):
        with pytest.raises(OSError, match="No space left") as full:
            files.write_file(tmp_path / "2", "a")
        assert full.value.errno == errno.ENOSPC
    files.rename(tmp_path / "1", tmp_path / "3")
    faults.install(Fault("eio", operation=1))
    with pytest.raises(DiskFailed):
        files.write_atomic(tmp_path / "4", "a")
    files.write_atomic(tmp_path / "4", "b")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["3", "4"]


@pytest.mark.parametrize(("kind", "error"), [("enospc", DiskFull), ("eio", DiskFailed)])
def test_a_file_that_can_not_be_replaced_keeps_its_content(
    tmp_path: Path, kind: faults.FaultKind, error: type[Exception]
) -> None:
    path = tmp_path / "file"
    files.write_atomic(path, "old")
    operations = faults.install(None)
    files.write_atomic(path, "old")
    assert [kind for kind, _ in operations.seen] == ["write", "sync", "rename", "sync"]
    for number in (1, 2):
        faults.install(Fault(kind, operation=number))
        with pytest.raises(error):
            files.write_atomic(path, "new")
        assert path.read_text() == "old"
        assert list(tmp_path.iterdir()) == [path]


def test_a_training_step_fails_only_in_its_rank() -> None:
    faults.install(Fault("eio", step=3, rank=1))
    faults.before_training_step(3)
    faults.before_training_step(2, rank=1)
    with pytest.raises(OSError, match="Input/output"):
        faults.before_training_step(3, rank=1)
