"""Indexes that are killed while they are brought up to date, or damaged: rebuilt from the files."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import duckdb  # noqa: F401 - loaded once, not in every fork
import pytest

from forked import fork, forked, places
from specc.faults import Fault, FaultKind
from specc.results import generations
from specc.results.index import Indexer
from toy_run import rows, run_here, toy_study

Finished = tuple[Path, dict[str, Any]]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A workspace with a finished run and no index, and what its index must hold."""
    workspace = tmp_path_factory.mktemp("finished") / "workspace"
    assert forked(lambda: run_here(toy_study(), workspace)).error == ""
    indexed = workspace.with_name("indexed")
    shutil.copytree(workspace, indexed)
    return workspace, rows(indexed)


def copy_of(workspace: Path, target: Path) -> Path:
    """A copy in which files were changed when the original's were."""
    shutil.copytree(workspace, target)
    return target


def update(workspace: Path) -> None:
    Indexer(workspace).update()


@pytest.mark.conformance
@pytest.mark.parametrize("kind", ["kill", "torn", "enospc"])
def test_F04_F05_an_index_killed_in_any_operation_on_a_file_is_brought_up_to_date(
    tmp_path: Path, finished: Finished, kind: FaultKind
) -> None:
    original, expected = finished
    seen = forked(lambda: update(copy_of(original, tmp_path / "seen"))).seen
    assert len(seen) >= 8
    for number in places(kind, seen):
        workspace = copy_of(original, tmp_path / str(number))
        end = forked(lambda: update(workspace), Fault(kind, number))  # noqa: B023
        assert end.killed == (kind != "enospc")
        assert rows(workspace) == expected, f"{kind}@{number}"
        assert not list(workspace.glob("index/**/.*.tmp"))


def without_second(original: Path, folder: Path) -> tuple[Path, Path]:
    """An indexed copy that lacks the step `second`, and the place of that step, which lies beside it."""
    early = copy_of(original, folder / "early")
    (made,) = (path for path in early.glob("store/*/*") if '"second"' in (path / "manifest.json").read_text())
    made.rename(folder / "second")
    update(early)
    return early, made.relative_to(early)


@pytest.mark.conformance
def test_F04_an_index_killed_while_it_takes_in_a_step_more_is_brought_up_to_date(
    tmp_path: Path, finished: Finished
) -> None:
    original, expected = finished
    early, made = without_second(original, tmp_path)

    def later(name: str) -> Path:
        workspace = copy_of(early, tmp_path / name)
        shutil.copytree(tmp_path / "second", workspace / made)
        return workspace

    seen = forked(lambda: update(later("seen"))).seen
    assert len(seen) >= 8
    for number in places("kill", seen):
        workspace = later(str(number))
        assert forked(lambda: update(workspace), Fault("kill", number)).killed  # noqa: B023
        assert rows(workspace) == expected, number


@pytest.mark.conformance
def test_F05_an_index_killed_at_any_moment_loses_no_row_and_has_none_twice(
    tmp_path: Path, finished: Finished
) -> None:
    """DuckDB's own operations can't be counted: moments over the time that an update takes have to do."""
    original, expected = finished
    begun = time.monotonic()
    forked(lambda: update(copy_of(original, tmp_path / "seen")))
    whole = time.monotonic() - begun
    kills = 0
    for number in range(12):
        workspace = copy_of(original, tmp_path / str(number))
        child = fork()
        if child == 0:
            update(workspace)
            os._exit(0)
        time.sleep(whole * (number + 0.5) / 12)
        os.kill(child, signal.SIGKILL)
        kills += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) < 0
        assert rows(workspace) == expected, number
    assert kills >= 6


def damage(path: Path, number: int, draw: random.Random) -> int:
    """Flip the bits of a byte: in one of the first pages, which hold the headers, or anywhere."""
    data = bytearray(path.read_bytes())
    at = 4096 * (number // 4) + draw.randrange(4096) if number < 12 else draw.randrange(len(data))
    data[at] ^= 0xFF
    path.write_bytes(data)
    return at


@pytest.mark.conformance
def test_F06_a_damaged_published_index_is_noticed_and_built_again(tmp_path: Path, finished: Finished) -> None:
    original, expected = finished
    indexed = copy_of(original, tmp_path / "indexed")
    update(indexed)
    draw = random.Random(1)
    for number in range(16):
        workspace = copy_of(indexed, tmp_path / str(number))
        newest = generations.newest(workspace)
        at = damage(generations.generation_path(workspace, newest), number, draw)
        assert rows(workspace) == expected, at
        assert generations.newest(workspace) > newest


@pytest.mark.conformance
def test_F06_a_damaged_index_in_the_making_is_set_aside(tmp_path: Path, finished: Finished) -> None:
    original, expected = finished
    early, made = without_second(original, tmp_path)
    draw = random.Random(2)
    for number in range(16):
        workspace = copy_of(early, tmp_path / str(number))
        at = damage(generations.build_path(workspace), number, draw)
        shutil.copytree(tmp_path / "second", workspace / made)
        assert rows(workspace) == expected, at
