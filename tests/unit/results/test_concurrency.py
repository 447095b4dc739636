"""Readers and indexers at once, and indexers that are killed."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

from fake_workspace import FakeWorkspace, exposure, log_line
from specc.errors import WorkspaceError
from specc.results import generations
from specc.results.index import Indexer
from specc.results.reader import open_results

PROGRAM = Path(__file__).with_name("indexing_process.py")


@pytest.fixture
def workspace(tmp_path: Path) -> FakeWorkspace:
    workspace = FakeWorkspace(tmp_path)
    workspace.plan(1, exposure(seeds=tuple(range(10))))
    return workspace


def indexing(workspace: FakeWorkspace, seconds: float) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, str(PROGRAM), str(workspace.path), str(seconds)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "updated\n"
    return process


def count(workspace: FakeWorkspace, table: str) -> int:
    connection = open_results(workspace.path)
    try:
        row = connection.execute(f"select count(*) from {table}").fetchone()
        assert row is not None
        return int(row[0])
    finally:
        connection.close()


def test_readers_see_whole_generations_while_two_processes_index(workspace: FakeWorkspace) -> None:
    processes = [indexing(workspace, 3.0), indexing(workspace, 3.0)]
    seen = []
    for arm in range(20):
        workspace.train(f"{arm}/tune", {"corpus0": 512}, log_line(1) + log_line(2))
        workspace.measure(f"{arm}/skill/tune", float(arm))
        connection = open_results(workspace.path)
        results, metrics = connection.execute(
            "select (select count(*) from results), (select count(*) from metrics where name = 'loss')"
        ).fetchall()[0]
        connection.close()
        assert metrics in (2 * results, 2 * results + 2)
        seen.append(results)
    for process in processes:
        assert process.wait(timeout=30) == 0
        assert process.stdout is not None
        process.stdout.close()
    assert seen == sorted(seen)
    assert count(workspace, "results") == 20
    assert count(workspace, "metrics where name = 'loss'") == 40


def test_an_open_reader_keeps_its_generation_while_newer_ones_come(workspace: FakeWorkspace) -> None:
    workspace.measure("0/skill/tune", 1.0)
    connection = open_results(workspace.path)
    for arm in range(1, 6):
        workspace.measure(f"{arm}/skill/tune", 1.0)
        Indexer(workspace.path).update()
    assert connection.execute("select count(*) from results").fetchall() == [(1,)]
    connection.close()
    assert count(workspace, "results") == 6


def test_a_reader_does_not_wait_for_an_indexer_at_work(workspace: FakeWorkspace) -> None:
    assert count(workspace, "results") == 0
    workspace.measure("0/skill/tune", 1.0)
    with generations.index_lock(workspace.path, wait=True) as held:
        assert held
        assert not Indexer(workspace.path).update(wait=False)
        assert count(workspace, "results") == 0
    assert count(workspace, "results") == 1


@pytest.mark.conformance
def test_an_indexer_killed_anywhere_leaves_an_index_that_goes_on(workspace: FakeWorkspace) -> None:
    chance = random.Random(0)
    for round in range(8):
        process = indexing(workspace, 30.0)
        for part in range(3):
            arm = round * 2 + part % 2
            workspace.log(f"{arm}/pretrain.0", log_line(part + 1) + log_line(part + 2)[:30])
            workspace.log(f"{arm}/pretrain.0", log_line(part + 2)[30:])
            if part == 2:
                workspace.measure(f"{round}/skill/tune", 1.0)
            time.sleep(chance.uniform(0.0, 0.06))
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
        # A reader that may not index still finds a whole generation.
        with generations.index_lock(workspace.path, wait=True):
            assert 0 <= count(workspace, "results") <= round + 1
        assert count(workspace, "results") == round + 1
        assert count(workspace, "metrics where name = 'loss'") == 6 * (round + 1)
    connection = open_results(workspace.path)
    grown = sorted(connection.execute("select * from metrics").fetchall())
    connection.close()
    Indexer(workspace.path).rebuild()
    connection = open_results(workspace.path)
    assert sorted(connection.execute("select * from metrics").fetchall()) == grown
    connection.close()


@pytest.mark.parametrize("damage", ["garbage", "cut", "other version", "garbage in the log"])
def test_a_build_file_of_no_use_is_set_aside_and_built_again(workspace: FakeWorkspace, damage: str) -> None:
    workspace.measure("0/skill/tune", 1.0)
    Indexer(workspace.path).update()
    before = generations.current(workspace.path)
    build = generations.build_path(workspace.path)
    if damage == "garbage":
        build.write_bytes(b"\xff" * 20_000)
    elif damage == "cut":
        build.write_bytes(build.read_bytes()[:10_000])
    elif damage == "other version":
        connection = duckdb.connect(str(build))
        connection.execute("update recorded.meta set schema_version = 0")
        connection.close()
    else:
        Path(f"{build}.wal").write_bytes(b"\xfe" * 1_000)
    workspace.measure("1/skill/tune", 2.0)
    assert count(workspace, "results") == 2
    after = generations.current(workspace.path)
    assert before is not None
    assert after is not None
    assert after > before


def test_another_program_in_the_build_file_is_named_and_reads_go_on(workspace: FakeWorkspace) -> None:
    workspace.measure("0/skill/tune", 1.0)
    Indexer(workspace.path).update()
    build = generations.build_path(workspace.path)
    program = f"import duckdb; c = duckdb.connect({str(build)!r}); print('open', flush=True); input()"
    shell = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert shell.stdout is not None
    assert shell.stdout.readline() == "open\n"
    workspace.measure("1/skill/tune", 1.0)
    with pytest.raises(WorkspaceError, match="another program has"):
        Indexer(workspace.path).update()
    assert count(workspace, "results") == 1
    shell.communicate("\n")
    assert count(workspace, "results") == 2


def test_a_damaged_generation_does_not_hide_the_next(workspace: FakeWorkspace) -> None:
    workspace.measure("0/skill/tune", 1.0)
    Indexer(workspace.path).update()
    (workspace.path / "index" / "CURRENT").write_text("nonsense")
    assert count(workspace, "results") == 1
    generation = generations.current(workspace.path)
    assert generation is not None
    generations.generation_path(workspace.path, generation).unlink()
    assert count(workspace, "results") == 1


def test_deleting_the_index_loses_nothing(workspace: FakeWorkspace) -> None:
    workspace.measure("0/skill/tune", 1.0)
    assert count(workspace, "results") == 1
    subprocess.run(["rm", "-r", str(workspace.path / "index")], check=True)
    assert count(workspace, "results") == 1


def test_only_the_indexer_opens_the_build_file() -> None:
    """DuckDB 2.0.0 loses commits of a file that several processes write in turn."""
    import specc.results

    folder = Path(specc.results.__file__).parent
    users = {path.name for path in folder.glob("*.py") if re.search(r"build_path\(", path.read_text())}
    assert users == {"generations.py", "index.py"}
    source = (folder / "index.py").read_text()
    assert source.count("with generations.index_lock(") == 2


def test_a_query_that_needs_the_disk_is_in_no_one_s_way(workspace: FakeWorkspace) -> None:
    Indexer(workspace.path).update()
    reader = open_results(workspace.path, limits={"memory_limit": "20MB"})
    try:
        reader.execute("CREATE TEMP TABLE t AS SELECT md5(i::VARCHAR) AS m FROM range(700_000) r(i)")
        assert [path for path in (workspace.path / "index" / "gen").glob("*.tmp") if path.is_dir()]
        workspace.measure("0/skill/tune", 1.0)
        assert count(workspace, "results") == 1
        assert reader.execute("SELECT count(DISTINCT m) FROM t").fetchall() == [(700_000,)]
    finally:
        reader.close()


def test_the_other_name_of_a_generation_that_a_reader_is_opening_is_kept(workspace: FakeWorkspace) -> None:
    folder = workspace.path / "index" / "gen"
    Indexer(workspace.path).update()
    first = generations.current(workspace.path)
    assert first is not None
    opening = folder / f"{first:06}.{os.getpid()}-1.tmp"
    os.link(generations.generation_path(workspace.path, first), opening)
    for arm in range(3):
        assert opening.exists()
        workspace.measure(f"{arm}/skill/tune", 1.0)
        Indexer(workspace.path).update()
    assert not opening.exists()


def test_what_a_killed_program_has_written_to_the_published_file_is_no_result(
    workspace: FakeWorkspace,
) -> None:
    workspace.measure("0/skill/tune", 1.0)
    Indexer(workspace.path).update()
    path = generations.stable_path(workspace.path)
    opened = f"import duckdb, os; c = duckdb.connect({str(path)!r})"
    program = f"{opened}; c.execute('DELETE FROM planned.results'); os._exit(9)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 9
    assert list((workspace.path / "index" / "gen").glob("*.wal"))
    assert count(workspace, "results") == 1
