"""Other programs read the published file by its stable path, also while it is published anew."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import duckdb
import pytest

from fake_workspace import FakeWorkspace, exposure, key
from specc.results import generations, schema
from specc.results.index import Indexer


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> FakeWorkspace:
    made = FakeWorkspace(tmp_path_factory.mktemp("readers"))
    made.plan(1, exposure())
    for arm in range(4):
        made.measure(f"{arm}/skill/tune", 1.0 + arm)
    Indexer(made.path).update()
    return made


def test_a_plain_connection_reads_tables_wide_views_and_functions(workspace: FakeWorkspace) -> None:
    with duckdb.connect(str(workspace.path / "results.duckdb"), read_only=True) as plain:
        sql = "select count(*) from exposure.results where stage = 'tune'"
        assert plain.execute(sql).fetchall() == [(4,)]
        assert plain.execute("select count(skill_tune) from exposure").fetchall() == [(4,)]
        assert plain.execute("select best_min(value) from exposure.results").fetchall() == [(1.0,)]
        assert plain.sql("from exposure").df().shape == (4, 6)


def test_the_path_leads_to_the_newest_results(workspace: FakeWorkspace) -> None:
    path = workspace.path / "results.duckdb"
    assert not os.path.isabs(os.readlink(path))
    workspace.measure("0/skill/pretrain", 0.5)
    Indexer(workspace.path).update()
    newest = generations.current(workspace.path)
    assert newest == generations.newest(workspace.path)
    assert path.samefile(generations.generation_path(workspace.path, newest))
    with duckdb.connect(str(path), read_only=True) as plain:
        sql = "select value from exposure.results where stage = 'pretrain'"
        assert plain.execute(sql).fetchall() == [(0.5,)]


def test_something_else_of_that_name_stays(workspace: FakeWorkspace) -> None:
    path = workspace.path / "results.duckdb"
    newest = generations.newest(workspace.path)
    path.unlink()
    path.write_text("mine")
    assert generations.point_to(workspace.path, newest) == generations.generation_path(workspace.path, newest)
    assert path.read_text() == "mine"
    path.unlink()
    assert generations.point_to(workspace.path, newest) == path
    assert not list((workspace.path / "index").glob(".*.tmp"))


READER = """
import sys, duckdb
path, seen, opened = sys.argv[1], 0, 0
print("ready", flush=True)
while seen < int(sys.argv[2]):
    with duckdb.connect(path, read_only=True) as plain:
        [(now,)] = plain.execute("select count(*) from exposure.results").fetchall()
    assert now >= seen, (now, seen)
    seen, opened = now, opened + 1
print(opened)
"""


@pytest.mark.conformance
def test_readers_in_other_programs_meet_no_error_while_results_are_published(
    workspace: FakeWorkspace,
) -> None:
    study = exposure(seeds=tuple(range(20)))
    workspace.plan(1, study)
    readers = [
        subprocess.Popen(
            [sys.executable, "-c", READER, str(workspace.path / "results.duckdb"), str(len(study.measures))],
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for reader in readers:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "ready\n"
    for measure in study.measures:
        name = f"{measure.arm}/skill/{measure.stage}"
        if not workspace.store.path(key(name)).exists():
            workspace.measure(name, 1.0)
            Indexer(workspace.path).update()
    for reader in readers:
        out, _ = reader.communicate(timeout=60)
        assert reader.returncode == 0
        assert int(out) > 5


def test_threads_that_publish_and_read_at_once_meet_no_error(workspace: FakeWorkspace) -> None:
    wrong: list[BaseException] = []

    def read() -> None:
        try:
            for _ in range(4):
                with duckdb.connect(str(workspace.path / "results.duckdb"), read_only=True) as plain:
                    plain.execute("select count(*) from exposure.results").fetchall()
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        time.sleep(0.01)
        generations.publish(workspace.path, generations.newest(workspace.path) + 1)
    for thread in threads:
        thread.join()
    assert not wrong


def test_the_file_has_the_storage_version_of_duckdb_1_4(workspace: FakeWorkspace) -> None:
    """DuckDB 1.4 reads versions 64 to 67; the number stands behind the checksum and the word DUCK."""
    header = (workspace.path / "results.duckdb").read_bytes()[:20]
    assert header[8:12] == b"DUCK"
    assert int.from_bytes(header[12:20], "little") <= 67


def test_a_limit_holds_in_a_plain_shell_before_and_after_a_failure(tmp_path: Path) -> None:
    """DuckDB 2.0.0 drops a LIMIT over an outer join whose right side it knows to be empty."""
    made = FakeWorkspace(tmp_path)
    made.plan(1, exposure())
    for failed in (False, True):
        if failed:
            made.event(1, "failed", "0/tune", error="WorkerLost", message="killed")
        Indexer(made.path).update()
        with duckdb.connect(str(made.path / "results.duckdb"), read_only=True) as plain:
            for table in schema.TABLES:
                everything = plain.execute(f"from exposure.{table.name}").fetchall()
                some = plain.execute(f"from exposure.{table.name} limit 1").fetchall()
                assert len(some) == min(1, len(everything)), table.name
