"""A study that is exported is read by everybody, and opens again with the same results."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner, Result

import specc
from fake_workspace import FakeWorkspace, exposure, log_line
from specc.cli.main import specc as command
from specc.errors import QueryError, WorkspaceError
from specc.exchange.study import export_study
from specc.execute.lock import WorkspaceLock
from specc.history.notes import add_note, add_tag
from specc.history.recipe import KeptRecipe, write_recipe
from specc.results.as_of import open_run
from specc.results.reader import open_results
from specc.store import open_workspace, sealed
from specc.study import Axis


def cli(*words: object) -> Result:
    return CliRunner().invoke(command, [str(word) for word in words])


def contents(workspace: Path) -> dict[str, list[str]]:
    """All rows of all public tables and views, of all schemas."""
    connection = open_results(workspace)
    try:
        names = connection.execute(
            """SELECT schema_name, view_name FROM duckdb_views()
               WHERE NOT internal AND schema_name <> 'recorded' ORDER BY ALL"""
        ).fetchall()
        return {
            f"{schema}.{view}": sorted(
                map(repr, connection.execute(f'SELECT * FROM "{schema}"."{view}"').fetchall())
            )
            for schema, view in names
        }
    finally:
        connection.close()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> FakeWorkspace:
    """Two experiments: one with two runs, a NaN, a diverged arm, samples, and a step that goes on."""
    folder = tmp_path_factory.mktemp("made")
    workspace = FakeWorkspace(folder)
    study = exposure()
    workspace.plan(1, study)
    workspace.plan(2, exposure("other", (Axis(name="path", type="string", values=("a/b", '<i>"x"')),)))
    workspace.plan(3, study.model_copy(update={"description": "a *second* | time"}))
    for arm in range(3):
        log = "".join(log_line(step) for step in range(1, 11))
        workspace.train(f"{arm}/pretrain.0", {"corpus0": 640}, log)
        more = "".join(log_line(step) for step in range(8, 16))
        workspace.train(f"{arm}/pretrain.1", {"corpus0": 960}, more)
        workspace.measure(f"{arm}/skill/pretrain", None if arm == 2 else 1.5 + arm)
    workspace.train("0/tune", {"corpus0": 512}, log_line(1, loss=None) + log_line(8))
    samples = [
        {"document": f"d{i}", "value": i / 3, "n": 1, "prediction": "ü", "target": "x"} for i in range(3)
    ]
    workspace.finish(
        "0/skill/tune",
        "eval",
        {"metric": "loss", "value": 0.25, "n": 3, "stderr": 0.1},
        {"samples.jsonl": "".join(json.dumps(sample) + "\n" for sample in samples)},
    )
    workspace.log("3/pretrain.0", log_line(1) + log_line(2))
    workspace.event(3, "failed", "1/tune", error="Diverged", message="loss is not finite")
    workspace.event(3, "failed", "3/pretrain.0", error="OSError", message="no space left")
    add_note(workspace.path, 1, "the learning rate was too low")
    add_tag(workspace.path, 3, "submitted")
    recipe = KeptRecipe(
        files={"work/study.spec": 'use "../models/tiny.spec"\n', "models/tiny.spec": "# tiny\n"}
    )
    write_recipe(workspace.path / "runs" / "000003", recipe)
    return workspace


@pytest.fixture(scope="module")
def exported(made: FakeWorkspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported") / "study"
    done = cli("export", "--study", folder, "-w", made.path)
    assert done.exit_code == 0, done.output
    assert re.search(r"exposure, other: [\d.]+ kB in ", done.output)
    return folder


def test_it_opens_again_with_the_same_rows_in_every_table(made: FakeWorkspace, exported: Path) -> None:
    before = contents(made.path)
    assert sum(map(len, before.values())) > 300
    assert contents(open_workspace(exported)) == before
    assert before["exposure.missing"]
    assert "nan" in "".join(before["exposure.results"])


def test_an_earlier_run_is_there_too(made: FakeWorkspace, exported: Path) -> None:
    found = []
    for place in (made.path, open_workspace(exported)):
        connection = open_run(place, 1)
        try:
            found.append(
                connection.execute(
                    "select description, r.* from experiments, results r order by all"
                ).fetchall()
            )
        finally:
            connection.close()
    assert repr(found[0]) == repr(found[1])
    assert {row[0] for row in found[0]} == {"where should the data go?"}


def test_commands_that_read_give_the_same(made: FakeWorkspace, exported: Path) -> None:
    for words in (
        ("compare", "-e", "exposure"),
        ("compare", "--by", "early", "--metric", "skill", "--stage", "pretrain", "-e", "exposure", "--json"),
        ("sql", "select * from exposure order by arm"),
        ("status",),
    ):
        here, there = (cli(*words, "-w", place) for place in (made.path, exported))
        assert here.exit_code == there.exit_code == 0, there.output
        assert here.output == there.output
        assert here.output
    assert specc.open(exported).experiments == ("exposure", "other")
    assert cli("tag", "3", "-w", exported).output == "submitted\n"


def test_the_tables_are_what_the_workspace_says_with_axes_as_typed_columns(
    made: FakeWorkspace, exported: Path
) -> None:
    asked = "SELECT recipe, early, path, seed, eval, stage, value, n FROM {} ORDER BY ALL"
    table = exported / "tables" / "results.parquet"
    here = duckdb.sql(asked.format(f"'{table}'"))
    assert here is not None
    assert dict(zip(here.columns, map(str, here.types), strict=True))["early"] == "DOUBLE"
    connection = open_results(made.path)
    try:
        assert repr(here.fetchall()) == repr(connection.execute(asked.format("main.results")).fetchall())
    finally:
        connection.close()
    codecs = duckdb.sql(f"SELECT DISTINCT compression FROM parquet_metadata('{table}')")
    assert codecs is not None
    assert codecs.fetchall() == [("ZSTD",)]
    names = {path.stem for path in (exported / "tables").iterdir()}
    assert names == {each.name for each in specc_tables()}
    wide = duckdb.sql(f"SELECT count(*) FROM '{exported / 'wide' / 'exposure.parquet'}'")
    assert wide is not None
    assert wide.fetchall() == [(4,)]


def specc_tables() -> tuple[Any, ...]:
    from specc.results.schema import TABLES

    return TABLES


def test_every_example_of_the_readme_works(exported: Path) -> None:
    text = (exported / "README.md").read_text()
    examples = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(examples) == 3
    assert "a \\*second\\* \\| time" in text
    code = "\n".join(
        "\n".join([*lines[:-1], f"print(len({lines[-1]}))"])
        for lines in (each.splitlines() for each in examples)
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=exported, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(set(done.stdout.split())) == 1
    assert int(done.stdout.split()[0]) > 1
    for asked in re.findall(r"duckdb -c \"(.*)\"", text):
        with duckdb.connect() as connection:
            assert connection.execute(asked.replace("'tables/", f"'{exported}/tables/")).fetchall()
    for table in specc_tables():
        assert f"### {table.name}\n" in text
        assert all(f"| `{column.name}` |" in text for column in table.columns)


def test_recipes_find_each_other_where_they_are_written(exported: Path) -> None:
    found = exported / "recipe" / "exposure"
    assert (found / "work" / "study.spec").read_text() == 'use "../models/tiny.spec"\n'
    assert (found / "models" / "tiny.spec").read_text() == "# tiny\n"


@pytest.mark.conformance
def test_the_same_results_give_the_same_bytes(made: FakeWorkspace, exported: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    again.mkdir()
    export_study(made.path, again)
    assert digests(again) == digests(exported)


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.conformance
def test_one_experiment_without_its_logs_and_samples(made: FakeWorkspace, tmp_path: Path) -> None:
    folder = tmp_path / "small"
    words = ("--without", "metrics", "--without", "samples", "-e", "exposure")
    done = cli("export", "--study", folder, "-w", made.path, *words)
    assert done.exit_code == 0, done.output
    assert "left out" in done.output
    assert not {"metrics.parquet", "samples.parquet"} & {path.name for path in folder.rglob("*")}
    before, after = contents(made.path), contents(open_workspace(folder))
    assert "other.results" not in after
    assert after["exposure.metrics"] == after["exposure.samples"] == []
    for name in ("results", "stages", "allocations", "missing", "wide", "lineage", "environments"):
        assert after[f"exposure.{name}"] == before[f"exposure.{name}"]
    # An export of what was opened again is as good as the first.
    twice = tmp_path / "twice"
    assert cli("export", "--study", twice, "-w", folder).exit_code == 0
    assert contents(open_workspace(twice)) == after


def test_nothing_is_written_to_it(exported: Path, made: FakeWorkspace, tmp_path: Path) -> None:
    before = digests(exported)
    spec = tmp_path / "case.spec"
    spec.write_text(
        "experiment e {\n  corpus web = markov(tokens = 10K tokens)\n  allocate { web { pretrain: 100% } }\n"
        "  stage pretrain from llama(layers = 1, width = 16, heads = 2, context = 32 tokens) {\n"
        "    optimizer = adamw()\n    schedule = constant(peak = 1e-3)\n    batch = 4 sequences\n  }\n}\n"
    )
    for words in (("run", spec), ("note", "1", "text"), ("tag", "1", "new"), ("gc",), ("gc", "--yes")):
        done = cli(*words, "-w", exported)
        assert done.exit_code == 2
        assert "is an exported study, which can only be read" in done.stderr
        assert cli(*words, "-w", open_workspace(exported)).exit_code == 2
    assert digests(exported) == before


def _edit(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change what the marker says, and seal it again as somebody hostile would."""
    path = folder / "study.json"
    marker = json.loads(path.read_text())
    del marker["sha256"]
    change(marker)
    path.write_text(sealed(json.dumps(marker, indent=1)))


def _replace(folder: Path, name: str, data: bytes) -> None:
    (folder / name).write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    _edit(folder, lambda m: m["files"][name].update(bytes=len(data), sha256=digest))


def _link(folder: Path) -> None:
    (folder / "runs/000001/plan.json").unlink()
    os.symlink("/etc/passwd", folder / "runs/000001/plan.json")


def _linked_folder(folder: Path) -> None:
    shutil.move(folder / "stored", folder.parent / "elsewhere")
    os.symlink(folder.parent / "elsewhere", folder / "stored")


def _other_columns(folder: Path) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT 1 AS step) TO '{folder / 'x'}' (FORMAT parquet)")
    _replace(folder, "stored/steps.parquet", (folder / "x").read_bytes())
    _edit(folder, lambda m: m["files"]["stored/steps.parquet"].update(rows=1))


def _rename(folder: Path, experiment: str) -> None:
    """Call the experiment of the first run something else."""
    name = "runs/000001/plan.json"
    plan = json.loads((folder / name).read_text())
    _replace(folder, name, json.dumps({**plan, "experiment": experiment}).encode())


def _outside(marker: dict[str, Any]) -> None:
    marker["files"]["runs/../../../etc/passwd"] = {"bytes": 1, "sha256": "0" * 64, "rows": None}


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (lambda f: (f / "stored/metrics.parquet").unlink(), "`stored/metrics.parquet` is missing"),
        (lambda f: (f / "runs/000001/plan.json").write_text("{}"), "has 2 bytes, and not"),
        (lambda f: (f / "study.json").write_text("{"), "`study.json`"),
        (lambda f: (f / "study.json").write_text('{"format": 1}'), "is not what an export writes"),
        (lambda f: _edit(f, lambda m: m.update(format=9, more=1)), "has format 9"),
        (lambda f: _edit(f, _outside), "is no name of a file in it"),
        (_link, "is no plain file"),
        (_linked_folder, "is missing"),
        (lambda f: _replace(f, "stored/steps.parquet", b"PAR1" * 9), "can't be read as Parquet"),
        (_other_columns, "columns of `stored/steps.parquet`: `step` is integer and not varchar"),
        (
            lambda f: _edit(f, lambda m: m["files"]["stored/samples.parquet"].update(rows=10**12)),
            "doesn't have the 1,000,000,000,000 rows",
        ),
        (lambda f: _replace(f, "runs/000003/plan.json", b"[]"), "is no plan that this specc can read"),
        (
            lambda f: (f / "stored/steps.parquet").write_bytes(
                bytes(reversed((f / "stored/steps.parquet").read_bytes()))
            ),
            "differs from its checksum",
        ),
        (lambda f: _edit(f, lambda m: m.update(files={})), "it holds no run"),
        (lambda f: _rename(f, "../../elsewhere"), "that none can be called: `../../elsewhere`"),
        (lambda f: (f / "study.json").write_text('{"format": ' + "[" * 100_000), "`study.json`"),
    ],
)
def test_one_that_is_torn_or_hostile_is_told(
    exported: Path, tmp_path: Path, harm: Callable[[Path], object], told: str
) -> None:
    folder = tmp_path / "study"
    shutil.copytree(exported, folder)
    _edit(folder, lambda m: m.update(specc=str(tmp_path)))  # another study than those opened before
    harm(folder)
    with pytest.raises(WorkspaceError) as raised:
        open_workspace(folder)
    assert told in raised.value.message
    assert cli("sql", "select 1", "-w", folder).exit_code == 2
    assert not list(Path(os.environ["XDG_CACHE_HOME"], "specc", "studies").glob(".*"))


@pytest.mark.conformance
def test_it_opens_where_no_cache_can_be_kept(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    workspace = open_workspace(exported)
    assert open_workspace(exported) == workspace
    assert len(contents(workspace)["exposure.recipes"]) == 4
    shutil.rmtree(workspace)  # inside the temporary folder of this process


def test_workspaces_of_studies_are_forgotten_when_nobody_opens_them(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    old, foreign = tmp_path / "specc/studies" / ("a" * 64), tmp_path / "specc/studies" / ("b" * 64)
    killed, going = tmp_path / "specc/studies/.killed", tmp_path / "specc/studies/.going"
    for folder in (old, foreign, killed, going):
        folder.mkdir(parents=True)
    os.utime(killed, (1, 1))
    (old / "exported.json").write_text("")
    os.utime(old / "exported.json", (1, 1))
    workspace = open_workspace(exported)
    assert sorted(workspace.parent.iterdir()) == sorted([foreign, going, workspace])
    os.utime(workspace / "exported.json", (1, 1))
    open_workspace(exported)
    assert (workspace / "exported.json").stat().st_mtime > 2


def test_wrong_usage_is_told(made: FakeWorkspace, exported: Path, tmp_path: Path) -> None:
    with pytest.raises(QueryError, match="nothing is overwritten"):
        export_study(made.path, exported)
    with pytest.raises(QueryError, match="no experiment `nobody`"):
        export_study(made.path, tmp_path / "a", ["nobody"])
    with WorkspaceLock(made.path) as lock:
        assert lock.try_once()
        lock.sign(4)
        with pytest.raises(WorkspaceError, match="works in"):
            export_study(made.path, tmp_path / "a")
    for words, told in (
        (("export", "one"), "there is a checkpoint or a folder"),
        (("export", "--study", "a", "b"), "a study is written to one folder"),
        (("export", "a", "b", "--without", "metrics"), "is about a study"),
        (("export", "--study", "a", "--dtype", "float32"), "is about a checkpoint's weights"),
    ):
        done = cli(*words, "-w", made.path)
        assert done.exit_code == 2
        assert told in done.stderr
    assert not (tmp_path / "a").exists()


def test_numbers_are_left_out_when_they_are_not_what_was_sealed(exported: Path, tmp_path: Path) -> None:
    workspace = tmp_path / "copy"
    shutil.copytree(open_workspace(exported), workspace)
    shutil.rmtree(workspace / "index")
    path = next(workspace.glob("runs/*/numbers/steps.parquet"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    done = cli("verify", "-w", workspace)
    assert done.exit_code == 4
    assert "numbers of run 3" in done.output
    assert len(contents(workspace)["exposure.results"]) == 1  # what the events say of a divergence


@pytest.mark.parametrize("name", ["../../elsewhere", "{tmp_path}/elsewhere", "a" * 300])
def test_nothing_is_written_outside_of_the_folder(tmp_path: Path, name: str) -> None:
    """A workspace may be a stranger's, and its experiment be called like a path."""
    made = FakeWorkspace(tmp_path / "work")
    made.plan(1, exposure().model_copy(update={"experiment": name.format(tmp_path=tmp_path)}))
    done = cli("export", "--study", tmp_path / "a" / "out", "-w", made.path)
    assert done.exit_code == 2
    assert "that no file can be named after" in done.stderr
    assert not list(tmp_path.glob("**/*.parquet"))


@pytest.mark.parametrize("names", [("a.spec", "a.spec/b.spec"), ("a\0.spec",)])
def test_a_recipe_whose_files_can_not_be_is_told(tmp_path: Path, names: tuple[str, ...]) -> None:
    made = FakeWorkspace(tmp_path / "work")
    made.plan(1, exposure())
    write_recipe(made.path / "runs" / "000001", KeptRecipe(files=dict.fromkeys(names, "text")))
    done = cli("export", "--study", tmp_path / "out", "-w", made.path)
    assert done.exit_code == 2, done.output
    assert "is no file's name" in done.stderr


def test_a_place_where_no_folder_can_be_made_is_told(tmp_path: Path) -> None:
    made = FakeWorkspace(tmp_path / "work")
    made.plan(1, exposure())
    done = cli("export", "--study", "/proc/study", "-w", made.path)
    assert done.exit_code == 2, done.output
    assert "can't be made" in done.stderr
