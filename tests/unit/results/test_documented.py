"""Every table, column and function says what it means, in every place where people look."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from fake_workspace import EARLY, FakeWorkspace, exposure, log_line
from specc.results import schema
from specc.results.bind import Binder
from specc.results.index import Indexer
from specc.results.reader import open_results

EXAMPLES = {
    **{table.name: table.example for table in (*schema.TABLES, schema.WIDE)},
    **{macro.signature: macro.example for macro in schema.ALL_MACROS},
}
IDENTIFIERS = {"arm", "seed", "run", "number", "version"}


@pytest.fixture(scope="module")
def workspaces(tmp_path_factory: pytest.TempPathFactory) -> list[FakeWorkspace]:
    """One whose run has just begun, one in the middle, and one with everything done."""
    made = []
    for done in range(3):
        workspace = FakeWorkspace(tmp_path_factory.mktemp("documented"))
        workspace.plan(1, exposure(seeds=(0, 1)))
        for arm in range(4 * (done > 0)):
            workspace.train(f"{arm}/pretrain.0", {"corpus0": 640}, log_line(1) + log_line(2))
            workspace.train(f"{arm}/pretrain.1", {"corpus0": 320}, log_line(11))
            workspace.measure(f"{arm}/skill/pretrain", 1.0 + arm)
            if done == 1:
                workspace.log(f"{arm}/tune", log_line(1))
                continue
            workspace.train(f"{arm}/tune", {"corpus0": 512}, log_line(1, loss=1.0))
            samples = '{"document": 7, "value": 1.0, "n": 3}\n'
            workspace.finish(
                f"{arm}/skill/tune", "eval", {"value": 2.0 + arm, "n": 3}, {"samples.jsonl": samples}
            )
        Indexer(workspace.path).update()
        made.append(workspace)
    return made


@pytest.fixture(scope="module")
def connections(workspaces: list[FakeWorkspace]) -> Iterator[list[duckdb.DuckDBPyConnection]]:
    """The results of each of them, opened."""
    opened = [open_results(workspace.path, update=False) for workspace in workspaces]
    yield opened
    for connection in opened:
        connection.close()


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_of_each_table_and_function_runs_before_during_and_after(
    connections: list[duckdb.DuckDBPyConnection], name: str
) -> None:
    assert EXAMPLES[name], f"{name} has no example"
    assert name.partition("(")[0] in EXAMPLES[name]
    shapes = []
    for connection in connections:
        cursor = connection.execute(EXAMPLES[name])
        rows = cursor.fetchall()
        shapes.append([(column[0], str(column[1])) for column in cursor.description or ()])
    assert shapes[0] == shapes[1] == shapes[2]
    if name not in ("missing", "recipes", "expectations", "environments", "lineage", "runs", "steps"):
        assert rows, f"the example of {name} shows nothing"


def test_examples_of_tables_bind_in_a_recipe() -> None:
    with Binder("exposure", [EARLY]) as binder:
        for table in schema.TABLES:
            assert binder.bind(table.example)


@pytest.mark.parametrize("table", [*schema.TABLES, schema.WIDE], ids=lambda table: table.name)
def test_every_column_has_a_meaning_and_every_quantity_a_unit(table: schema.Table) -> None:
    assert table.doc
    for column in table.columns:
        assert column.doc, column.name
        if column.type in ("BIGINT", "DOUBLE") and column.name not in IDENTIFIERS:
            assert column.unit, f"{table.name}.{column.name} has no unit"


def test_the_schema_is_the_same_live_and_finished(connections: list[duckdb.DuckDBPyConnection]) -> None:
    shapes = [
        connection.execute(
            "select schema_name, table_name, column_name, data_type, comment from duckdb_columns() "
            "where schema_name in ('main', 'exposure') order by all"
        ).fetchall()
        for connection in connections
    ]
    assert shapes[0] == shapes[1] == shapes[2]
    assert len(shapes[0]) > 300


def test_the_file_says_what_tables_columns_and_functions_mean(workspaces: list[FakeWorkspace]) -> None:
    path = workspaces[2].path / "plain.duckdb"
    path.write_bytes((workspaces[2].path / "results.duckdb").read_bytes())
    with duckdb.connect(str(path), read_only=True) as plain:
        views = plain.execute(
            "select schema_name || '.' || view_name, comment from duckdb_views() where not internal "
            "and schema_name in ('main', 'exposure')"
        ).fetchall()
        assert len(views) == 2 * len(schema.TABLES) + 2
        assert all(comment for _, comment in views), views
        silent = plain.execute(
            "select table_name, column_name from duckdb_columns() where not internal and comment is null "
            "and schema_name in ('main', 'exposure')"
        ).fetchall()
        assert silent == []
        assert plain.execute(
            "select comment from duckdb_columns() where schema_name = 'exposure' "
            "and column_name = 'skill_tune' and table_name = 'wide'"
        ).fetchall() == [("result of `skill` after stage `tune`",)]
        functions = plain.execute(
            "select distinct function_name from duckdb_functions() where comment is not null"
        ).fetchall()
        assert {macro.name for macro in schema.ALL_MACROS} <= {name for (name,) in functions}
        assert plain.execute("select schema_version()").fetchall() == [(schema.VERSION,)]


def test_a_column_of_the_wide_view_tells_where_its_number_is_from(
    connections: list[duckdb.DuckDBPyConnection],
) -> None:
    comments = dict(
        connections[0]
        .execute("select column_name, comment from duckdb_columns() where table_name = 'exposure'")
        .fetchall()
    )
    assert comments["skill_pretrain"] == "result of `skill` after stage `pretrain`"
    assert comments["early"] == schema.SWEPT
