"""Runs that are killed, or whose disk fails, in any operation on a file; indexes likewise."""

from __future__ import annotations

from pathlib import Path

import duckdb  # noqa: F401 - loaded once, not in every fork
import pytest

from forked import Operations, forked, places
from specc.errors import DiskFailed, DiskFull
from specc.execute.lock import current_holder
from specc.execute.status import read_status
from specc.faults import Fault, FaultKind
from specc.store import Store
from toy_run import run_here, toy_study

STUDY = toy_study()


def files(workspace: Path) -> list[str]:
    """What lies in a workspace, without what each run adds and what only readers need."""
    return sorted(
        str(path.relative_to(workspace))
        for path in workspace.rglob("*")
        if path.is_file() and path.name != "diary" and "runs" not in path.parts and "index" not in path.parts
    )


def check_invariants(workspace: Path) -> None:
    """What holds at any time: artifacts are whole, the lock is free, the status can be read."""
    store = Store(workspace)
    for key in store.done():
        store.verify(key)
    assert not (workspace / "lock").exists() or current_holder(workspace) is None
    status = read_status(workspace)
    assert status is None or status.state in ("killed", "done", "failed", "running")


def check_recovery(workspace: Path, acknowledged: set[str], expected: list[str], what: str) -> None:
    """The next run ends well, keeps what was done, and leaves nothing beside it."""
    assert acknowledged <= Store(workspace).done(), what
    again = forked(lambda: run_here(STUDY, workspace))
    assert (again.status, again.error) == (0, ""), what
    assert files(workspace) == expected, what
    assert not list(workspace.rglob(".*.tmp")), what
    check_invariants(workspace)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], Operations]:
    """Files of a workspace after a run that nothing disturbed, and its operations on files."""
    workspace = tmp_path_factory.mktemp("undisturbed") / "workspace"
    end = forked(lambda: run_here(STUDY, workspace))
    assert {kind for kind, _ in end.seen} == {"write", "append", "sync", "rename", "folder", "remove"}
    return files(workspace), end.seen


def finished_in(workspace: Path) -> set[str]:
    """Steps of which the events say that they have finished: whoever reads them relies on it."""
    found: set[str] = set()
    for path in workspace.glob("runs/*/events.jsonl"):
        for line in path.read_text().splitlines():
            if '"finished"' in line and line.endswith("}"):
                found.add(line.partition('"key": "')[2][:64])
    return found


@pytest.mark.conformance
@pytest.mark.parametrize("kind", ["kill", "torn"])
def test_F01_F03_F04_a_run_killed_in_any_operation_on_a_file_goes_on(
    tmp_path: Path, undisturbed: tuple[list[str], Operations], kind: FaultKind
) -> None:
    expected, seen = undisturbed
    for number in places(kind, seen):
        workspace = tmp_path / str(number)
        assert forked(lambda: run_here(STUDY, workspace), Fault(kind, number)).killed  # noqa: B023
        if (workspace / "runs").exists():
            check_invariants(workspace)
        check_recovery(workspace, finished_in(workspace), expected, f"{kind}@{number}")


@pytest.mark.conformance
@pytest.mark.parametrize(("kind", "error"), [("enospc", DiskFull), ("eio", DiskFailed)])
def test_F07_F08_a_run_whose_disk_fails_in_any_operation_says_so_and_goes_on_later(
    tmp_path: Path,
    undisturbed: tuple[list[str], Operations],
    kind: FaultKind,
    error: type[DiskFull | DiskFailed],
) -> None:
    expected, seen = undisturbed
    for number in places(kind, seen):
        workspace = tmp_path / str(number)
        end = forked(lambda: run_here(STUDY, workspace), Fault(kind, number))  # noqa: B023
        assert end.error in ("", error.__name__), f"{kind}@{number}"
        assert end.error or len(Store(workspace).done()) == len(STUDY.steps), f"{kind}@{number}"
        check_recovery(workspace, finished_in(workspace), expected, f"{kind}@{number}")


def test_F01_F04_a_run_killed_around_a_publication_goes_on(
    tmp_path: Path, undisturbed: tuple[list[str], Operations]
) -> None:
    expected, seen = undisturbed
    renames = [number for number, (kind, name) in enumerate(seen, 1) if kind == "rename" and len(name) == 64]
    assert len(renames) == 2
    for number in (renames[0], renames[0] + 1):
        workspace = tmp_path / str(number)
        assert forked(lambda: run_here(STUDY, workspace), Fault("kill", number)).killed  # noqa: B023
        assert len(Store(workspace).done()) == number - renames[0]
        check_recovery(workspace, finished_in(workspace), expected, f"kill@{number}")
