"""A workspace opened from Python."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import duckdb
import pytest

import specc
from fake_workspace import FakeWorkspace, exposure, log_line
from specc.errors import QueryError, WorkspaceError
from specc.results import generations


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> FakeWorkspace:
    made = FakeWorkspace(tmp_path_factory.mktemp("workspace"))
    made.plan(1, exposure())
    for arm in range(4):
        made.measure(f"{arm}/skill/tune", 1.0 + arm)
    return made


def test_the_public_names_are_these() -> None:
    assert sorted(specc.__all__) == ["SpeccError", "Workspace", "__version__", "open"]
    assert {*specc.__all__} <= {*dir(specc)}
    assert specc.Workspace is type(specc.Workspace(Path()))
    with pytest.raises(AttributeError, match="`nonsense`"):
        _ = specc.nonsense
    public = {name for name in dir(specc.Workspace) if not name.startswith("_")}
    assert public == {"compare", "connect", "experiments", "fit", "frontier", "report", "sql", "study"}


def test_importing_specc_loads_next_to_nothing() -> None:
    code = (
        "import sys; before = {*sys.modules}; import specc; new = {*sys.modules} - before; "
        "print(*sorted(n for n in new if n.partition('.')[0] not in sys.stdlib_module_names))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["specc", "specc.version"]


def test_opening_a_workspace_loads_no_duckdb_and_no_pandas() -> None:
    code = "import sys, specc; specc.open; print(*({'duckdb', 'pandas', 'numpy'} & {*sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_answers_are_rows_frames_and_tables(workspace: FakeWorkspace) -> None:
    ws = specc.open(workspace.path)
    assert ws.experiments == ("exposure",)
    assert ws.path == workspace.path
    answer = ws.sql("select early, avg(value) as loss from results group by early order by early")
    assert answer.columns == ("early", "loss")
    assert answer.types == ("DOUBLE", "DOUBLE")
    assert answer.rows == list(answer) == [(0.0, 1.5), (0.5, 3.5)]
    assert len(answer) == 2
    assert answer.df()["loss"].tolist() == [1.5, 3.5]
    assert repr(answer).splitlines()[0].split() == ["early", "loss"]
    assert "<td" in answer._repr_html_()
    assert "| ---: |" in answer._repr_markdown_()
    assert ws.sql("from exposure").df().shape == (4, 6)
    assert ws.study().experiment == "exposure"


def test_names_from_a_recipe_come_out_as_text_in_a_notebook(tmp_path: Path) -> None:
    workspace = FakeWorkspace(tmp_path)
    workspace.plan(1, exposure("<script>alert(1)</script>"))
    shown = specc.open(workspace.path).sql("select distinct experiment from recipes")._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown


def test_each_call_sees_what_has_come_in_since(workspace: FakeWorkspace) -> None:
    ws = specc.open(workspace.path)
    sql = "select count(*) from metrics where name = 'loss'"
    assert ws.sql(sql).rows == [(0,)]
    for step in range(1, 3):
        workspace.log("1/pretrain.0", log_line(step))
        assert ws.sql(sql).rows == [(step,)]


@pytest.mark.parametrize("place", [".specc", ".", "nested/folder", "nested/case.spec", "case.spec"])
def test_a_workspace_is_found_by_its_folder_its_recipe_or_a_folder_around(
    workspace: FakeWorkspace, place: str
) -> None:
    project = workspace.path.parent
    (project / "nested" / "folder").mkdir(parents=True, exist_ok=True)
    for recipe in ("case.spec", "nested/case.spec"):
        (project / recipe).touch()
    if place == "nested/case.spec":
        with pytest.raises(WorkspaceError):
            specc.open(project / place)
    else:
        assert specc.open(str(project / place)).path.samefile(workspace.path)


def test_mistakes_are_told_with_what_to_do(workspace: FakeWorkspace, tmp_path: Path) -> None:
    ws = specc.open(workspace.path)
    with pytest.raises(QueryError, match="there is no column `vlaue` here") as caught:
        ws.sql("select vlaue from results")
    assert caught.value.__notes__ == ["help: write `value`"]
    with pytest.raises(QueryError, match="2 of the statements return rows"):
        ws.sql("select 1; select 2")
    with pytest.raises(QueryError, match="none of the statements return rows"):
        ws.sql("create temp table t as select 1")
    with pytest.raises(QueryError, match="no results of an experiment `exposur`"):
        ws.sql("select 1", "exposur")
    for wrong in (tmp_path / "missing", tmp_path / "missing.spec"):
        with pytest.raises(WorkspaceError):
            specc.open(wrong)
    assert isinstance(caught.value, specc.SpeccError)


def test_threads_and_several_workspaces_ask_at_once(workspace: FakeWorkspace, tmp_path: Path) -> None:
    other = FakeWorkspace(tmp_path)
    other.plan(1, exposure("second"))
    wrong: list[BaseException] = []

    def ask(path: Path, name: str) -> None:
        try:
            for _ in range(2):
                assert specc.open(path).sql("select any_value(experiment) from recipes").rows == [(name,)]
        except BaseException as error:
            wrong.append(error)

    places = [(workspace.path, "exposure"), (other.path, "second")] * 2
    threads = [threading.Thread(target=ask, args=place) for place in places]
    for thread in threads:
        thread.start()
    for step in range(1, 4):
        workspace.log("0/pretrain.0", log_line(step))
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_plain_connection_of_the_same_process_is_no_hindrance(workspace: FakeWorkspace) -> None:
    ws = specc.open(workspace.path)
    assert ws.sql("select count(*) from results").rows == [(4,)]
    generation = generations.current(workspace.path)
    with duckdb.connect(str(workspace.path / "results.duckdb"), read_only=True) as plain:
        assert plain.sql("select count(*) from exposure.results").fetchall() == [(4,)]
        assert ws.sql("select count(*) from results").rows == [(4,)]
    assert generations.current(workspace.path) == generation
    assert not [name for name in os.listdir(workspace.path / "index" / "gen") if name.endswith(".tmp")]
