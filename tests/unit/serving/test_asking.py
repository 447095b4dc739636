"""Queries of the page: they only read, end in time, and answer in bounded size."""

from __future__ import annotations

import asyncio
import csv
import io
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fake_workspace import FakeWorkspace, exposure
from specc.errors import QueryError
from specc.serving import asking
from specc.serving import published as serving_published
from specc.serving.asking import Asking
from specc.serving.published import Published

FOREVER = "select count(*) from range(100000000000) a, range(1000) b where a.range % 7 = b.range"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Published]:
    workspace = FakeWorkspace(tmp_path_factory.mktemp("asked"))
    workspace.plan(1, exposure())
    for arm in range(4):
        workspace.measure(f"{arm}/skill/tune", None if arm == 3 else 2.0 + arm)
    found = Published(workspace.path)
    found.refresh(0)
    yield found
    found.close()


def ask(published: Published, sql: str, seconds: float = 20.0) -> dict[str, Any]:
    return asyncio.run(Asking(published, seconds).ask(sql, None, "q"))


def test_answers_of_several_queries_are_given_with_types(published: Published) -> None:
    found = ask(published, "select early, seed, value from results order by all; select 1 as one")
    first, second = found["answers"]
    assert first["columns"] == ["early", "seed", "value"]
    assert first["types"] == ["DOUBLE", "BIGINT", "DOUBLE"]
    assert first["rows"] == [[0.0, 0, 2.0], [0.0, 1, 3.0], [0.5, 0, 4.0], [0.5, 1, "NaN"]]
    assert second["rows"] == [[1]]
    assert found["generation"] == published.generation


def test_a_query_that_comes_before_the_results_are_open_waits_for_them(published: Published) -> None:
    fresh = Published(published.workspace)
    assert fresh._opening.acquire()  # another thread is at it

    def opened() -> None:
        fresh._opening.release()
        fresh.refresh(0)

    timer = threading.Timer(0.2, opened)
    timer.start()
    try:
        assert ask(fresh, "select 1 as one")["answers"][0]["rows"] == [[1]]
    finally:
        timer.join()
        fresh.close()


@pytest.mark.parametrize(
    "sql",
    [
        "create table t (a int)",
        "create temp table t as select 1",
        "create or replace view results as select 1",
        "insert into recorded.steps (step) values ('x')",
        "update planned.arms set seed = 1",
        "delete from planned.arms",
        "drop view main.results",
        "attach '/tmp/other.duckdb' as other",
        "copy (select 1) to '/tmp/written.csv'",
        "copy planned.arms from '/etc/passwd'",
        "export database '/tmp/exported'",
        "import database '/tmp/exported'",
        "install httpfs",
        "load httpfs",
        "set threads = 8",
        "set enable_external_access = true",
        "reset lock_configuration",
        "pragma database_list",
        "call pragma_version()",
        "checkpoint",
        "begin transaction",
        "vacuum",
        "use main",
        "prepare p as select 1",
        "select 1; drop view main.results",
        "explain analyze copy (select 1) to '/tmp/written.csv'",
        "explain analyze delete from planned.arms",
        "with t as (select 1) insert into recorded.steps (step) select 'x'",
    ],
)
def test_what_is_no_query_is_refused(published: Published, sql: str) -> None:
    with pytest.raises(QueryError):
        ask(published, sql)
    assert not Path("/tmp/written.csv").exists()
    assert ask(published, "select count(*) from planned.arms")["answers"][0]["rows"] == [[4]]


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_csv('/etc/passwd')",
        "select * from '/etc/passwd'",
        "select * from read_text('/etc/passwd')",
        "select * from read_blob('/etc/hostname')",
        "select * from glob('/*')",
        "select * from read_json('/etc/passwd')",
        "select * from parquet_metadata('/etc/passwd')",
        "select * from sniff_csv('/etc/passwd')",
        "select getenv('HOME')",
        "select * from published",
        "select * from query('copy (select 1) to ''/tmp/written.csv''')",
        "select $1",
        "",
        ";",
        "sel",
    ],
)
def test_no_file_and_no_variable_is_reached(published: Published, sql: str) -> None:
    with pytest.raises(QueryError):
        ask(published, sql)


def test_a_mistake_is_told_with_its_place(published: Published) -> None:
    with pytest.raises(QueryError) as told:
        ask(published, "select valu from results")
    assert told.value.position == 7
    assert "value" in told.value.candidates


def test_rows_and_bytes_are_capped_and_that_is_told(
    published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "MOST_ROWS", 300)
    (answer,) = ask(published, "select range as n from range(1000)")["answers"]
    assert answer["more"]
    assert answer["rows"] == [[number] for number in range(300)]
    (answer,) = ask(published, "select range as n from range(300)")["answers"]
    assert not answer["more"]
    monkeypatch.setattr(asking, "MOST_BYTES", 10_000)
    (answer,) = ask(published, "select repeat('x', 3000) from range(100)")["answers"]
    assert answer["more"]
    assert len(answer["rows"]) == 3
    (answer,) = ask(published, "select repeat('x', 100000)")["answers"]
    assert len(answer["rows"][0][0]) == 4001


def test_values_that_json_lacks_are_text(published: Published) -> None:
    sql = (
        "select 9007199254740993, 'nan'::double, '-inf'::double, timestamp '2026-01-01', "
        "[1, 'nan'::double], null"
    )
    (answer,) = ask(published, sql)["answers"]
    assert answer["rows"] == [
        ["9007199254740993", "NaN", "-Infinity", "2026-01-01T00:00:00", '[1.0, "NaN"]', None]
    ]


def test_a_query_is_stopped_when_its_time_is_up(published: Published) -> None:
    began = time.monotonic()
    with pytest.raises(QueryError, match=r"longer than 0\.3 s"):
        ask(published, FOREVER, seconds=0.3)
    assert time.monotonic() - began < 3


def test_a_query_can_be_cancelled_and_leaves_room_for_others(published: Published) -> None:
    async def act() -> None:
        desk = Asking(published)
        task = asyncio.create_task(desk.ask(FOREVER, None, "slow"))
        await asyncio.sleep(0.3)
        assert not desk.cancel("another")
        assert desk.cancel("slow")
        with pytest.raises(QueryError, match="cancelled"):
            await task
        assert not desk.running
        assert (await desk.ask("select 1", None, "next"))["answers"]

    asyncio.run(act())


def test_a_query_that_runs_outlives_its_generation(tmp_path: Path) -> None:
    workspace = FakeWorkspace(tmp_path)
    workspace.plan(1, exposure())
    results = Published(workspace.path)
    results.refresh(0)
    before = results.generation
    with results.cursor(None) as cursor:
        cursor.execute("select count(*) from results")
        workspace.measure("0/skill/tune", 2.0)
        results._cost = 0.0
        results.refresh(0)
        assert results.generation != before
        assert cursor.fetchall() == [(0,)]
        assert cursor.execute("select count(*) from results").fetchall() == [(0,)]
    assert ask(results, "select count(*) from results")["answers"][0]["rows"] == [[1]]
    results.close()


def test_few_run_at_once(published: Published, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "MOST_AT_ONCE", 1)

    async def act() -> None:
        desk = Asking(published)
        task = asyncio.create_task(desk.ask(FOREVER, None, "slow"))
        await asyncio.sleep(0.2)
        with pytest.raises(QueryError, match="running"):
            await desk.ask("select 1", None, "other")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        while desk.running:  # nobody waits for it, and it is stopped all the same
            await asyncio.sleep(0.01)

    asyncio.run(act())


def test_a_query_that_wants_more_memory_than_there_is_is_told_so(
    published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    published.close()
    limits = {**serving_published.LIMITS, "memory_limit": "40MB"}
    monkeypatch.setattr(serving_published, "LIMITS", limits)
    small = Published(published.workspace)
    try:
        with pytest.raises(QueryError, match="more memory than 40MB"):
            ask(small, "select count(distinct repeat(range::varchar, 200)) from range(10000000)")
    finally:
        small.close()
    monkeypatch.undo()
    published.refresh(0)


def test_csv_has_all_rows_and_no_formulas(published: Published, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "MOST_ROWS", 5)
    sql = "select range as n, '=1+' || range as text from range(450)"
    content = asyncio.run(Asking(published).csv(sql, None, "q"))
    rows = list(csv.reader(io.StringIO(content.decode())))
    assert rows[0] == ["n", "text"]
    assert rows[1:] == [[str(number), f"'=1+{number}"] for number in range(450)]
    monkeypatch.setattr(asking, "MOST_CSV_ROWS", 100)
    with pytest.raises(QueryError, match="100 rows"):
        asyncio.run(Asking(published).csv(sql, None, "q"))
