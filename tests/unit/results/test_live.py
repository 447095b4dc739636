"""Eight logs grow at 5,000 metric rows a second while indexers are killed and shells read."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from fake_workspace import FakeWorkspace, exposure, log_line
from specc.results.generations import stable_path
from specc.results.index import Indexer
from specc.results.reader import open_results

SECONDS = 6.0
WRITERS = 8
LINES_A_SECOND = 5000 / 4 / WRITERS
"""Of one log; a line has four metric rows."""

METRICS = "SELECT count(*), count(*) FILTER (WHERE name = 'loss') FROM main.metrics"


def forked(action: Callable[[], None]) -> int:
    child = os.fork()
    if child == 0:
        status = 1
        try:
            action()
            status = 0
        finally:
            os._exit(status)
    return child


def status(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def write(workspace: FakeWorkspace, number: int, end: float) -> None:
    """Append a line at a time, and leave it half for a moment now and then; some steps are finished."""
    began, step, text = time.monotonic(), 0, ""
    name = f"{number}/pretrain.0"
    while (now := time.monotonic()) < end:
        while step < (now - began) * LINES_A_SECOND:
            step += 1
            line = log_line(step)
            text += line
            half = len(line) // 2 if step % 50 == 0 else len(line)
            workspace.log(name, line[:half])
            if half < len(line):
                workspace.log(name, line[half:])
        time.sleep(0.01)
    if number % 2:
        workspace.train(name, {"corpus0": step}, text)
    (workspace.path.parent / f"{number}.count").write_text(str(step))


def read(path: Path, end: float) -> None:
    """Any DuckDB shell: opens what the stable path leads to, and never sees less than before."""
    seen, reads = 0, 0
    while time.monotonic() < end:
        connection = duckdb.connect(str(path), read_only=True)
        ((rows, losses),) = connection.execute(METRICS).fetchall()
        connection.close()
        assert rows == 4 * losses
        assert rows >= seen, f"{seen} rows, and then {rows}"
        seen, reads = rows, reads + 1
        time.sleep(0.02)
    assert reads > 5
    assert seen > 0


def keep_indexed(workspace: Path) -> None:
    while True:
        Indexer(workspace).update()
        time.sleep(0.05)


@pytest.mark.conformance
def test_no_row_is_lost_and_no_reader_fails_while_logs_grow_and_indexers_are_killed(tmp_path: Path) -> None:
    workspace = FakeWorkspace(tmp_path)
    study = exposure(seeds=tuple(range(WRITERS // 2)))
    # Every state stands for more training steps than a log will have.
    stages = tuple(
        replace(stage, ends=(10**6, 10**6 + 1)) if stage.stage == "pretrain" else stage
        for stage in study.stages
    )
    workspace.plan(1, study.model_copy(update={"stages": stages}))
    Indexer(workspace.path).update()
    chance = random.Random(0)
    end = time.monotonic() + SECONDS
    readers = [forked(lambda: read(stable_path(workspace.path), end)) for _ in range(2)]
    writers = [forked(lambda number=number: write(workspace, number, end - 1)) for number in range(WRITERS)]  # type: ignore[misc]
    kills = 0
    while time.monotonic() < end:
        indexer = forked(lambda: keep_indexed(workspace.path))
        time.sleep(chance.uniform(0.1, 0.8))
        os.kill(indexer, signal.SIGKILL)
        kills += status(indexer) == -signal.SIGKILL
    assert [status(child) for child in writers] == [0] * WRITERS
    assert [status(child) for child in readers] == [0] * 2
    assert kills > 5
    wrote = [int((tmp_path / f"{number}.count").read_text()) for number in range(WRITERS)]
    for again in (False, True):
        if again:
            Indexer(workspace.path).rebuild()
        connection = open_results(workspace.path)
        found = connection.execute(
            "SELECT count(*) FROM metrics WHERE name = 'loss' GROUP BY arm ORDER BY arm"
        ).fetchall()
        steps = connection.execute(
            "SELECT count(*) FROM (SELECT DISTINCT arm, steps FROM metrics WHERE name = 'loss')"
        ).fetchall()
        connection.close()
        assert [count for (count,) in found] == wrote
        assert steps == [(sum(wrote),)]
