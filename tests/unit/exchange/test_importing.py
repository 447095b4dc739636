"""Results of other tools become an experiment that is compared like any other."""

from __future__ import annotations

import csv
import json
import math
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner, Result
from foreign_sources import event_file, lm_eval_file, mlflow_folder, mlflow_run, wandb_file

import specc
from fake_workspace import FakeWorkspace, exposure
from specc.cli.main import specc as command
from specc.errors import DataError, QueryError
from specc.exchange.bringing import Wanted, bring, read_planned, remove
from specc.exchange.sources.tables import Role, Told
from specc.execute.lock import WorkspaceLock
from specc.files import watch
from specc.results.index import Indexer
from specc.results.measured import data_identities
from specc.store import open_workspace
from specc.study import Study


def cli(*words: object) -> Result:
    return CliRunner().invoke(command, [str(word) for word in words])


def study_of(path: Path, **how: Any) -> Study:
    return read_planned(Wanted(str(path), **how))[1].study


def take_in(workspace: Path, path: Path, **how: Any) -> int:
    wanted = Wanted(str(path), **how)
    brought = bring(open_workspace(workspace, create=True), wanted, *read_planned(wanted))
    return brought.run if brought.new else -brought.run


def ask(workspace: Path, query: str) -> list[tuple[Any, ...]]:
    return list(specc.open(workspace).sql(query).rows)


@pytest.fixture(scope="module")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six finished runs of two learning rates, one that failed, one that goes on, one that was deleted."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    for place, (lr, seed) in enumerate((lr, seed) for lr in ("0.001", "0.01") for seed in (1, 2, 3)):
        loss: list[tuple[int, float | None]] = [
            (step, 2.0 - 0.1 * step + float(lr) + seed / 100) for step in range(5)
        ]
        loss[2] = (2, None)
        metrics = {"val/loss": loss, "acc": [(4, 0.5 + float(lr) + seed / 64)], "system/cpu": [(0, 50.0)]}
        parameters = {"lr": lr, "seed": seed, "opt": "adamw", "out": f"/runs/{place}"}
        mlflow_run(path, f"run{place}", parameters, metrics)  # type: ignore[arg-type]
    part = {"val/loss": [(0, 3.0), (1, 2.5)]}
    mlflow_run(path, "bad", {"lr": "0.01", "seed": 4, "opt": "adamw", "out": "/a"}, part, "FAILED")
    mlflow_run(path, "on", {"lr": "0.001", "seed": 4, "opt": "adamw", "out": "/b"}, part, "RUNNING")
    mlflow_run(path, "gone", {"lr": "9", "seed": 9}, part, stage="deleted")
    mlflow_run(path, "else", {"lr": "9", "seed": 9}, part, experiment=(2, "another one"))
    return path


@pytest.fixture(scope="module")
def imported(mlflow: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with one experiment that was run there, and the import."""
    made = FakeWorkspace(tmp_path_factory.mktemp("imported"))
    made.plan(1, exposure())
    made.measure("0/skill/tune", 1.25)
    done = cli("import", mlflow, "--take", "ablation", "--map", "acc=result:accuracy", "--map",
               "val/loss=result", "--better", "accuracy=higher", "-w", made.path)  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "ablation: 8 arms, imported as run 2" in done.output
    assert "lr (float, 2 values)" in done.output
    assert "`seed` is taken for the seed" in done.stderr
    assert "`out` is another text in each run" in done.stderr
    return made.path


def test_parameters_are_typed_axes_and_last_values_are_results(imported: Path) -> None:
    found = ask(
        imported, "select lr, seed, eval, metric, value from ablation.results order by eval, lr, seed"
    )
    assert len(found) == 12
    assert found[0] == (0.001, 1, "accuracy", "accuracy", 0.5 + 0.001 + 1 / 64)
    assert found[-1] == (0.01, 3, "val/loss", "loss", pytest.approx(2.0 - 0.4 + 0.01 + 0.03))
    assert ask(imported, "select typeof(lr), typeof(seed) from ablation.recipes limit 1") == [
        ("DOUBLE", "BIGINT")
    ]
    assert ask(imported, "select eval, better from ablation.evaluations order by all") == [
        ("accuracy", "higher"),
        ("val/loss", "lower"),
    ]


def test_what_was_logged_is_there_from_step_0_and_with_its_nan(imported: Path) -> None:
    found = ask(
        imported,
        """select stage, steps, value, tokens from ablation.metrics
           where name = 'val/loss' and lr = 0.001 and seed = 1 order by steps""",
    )
    assert [row[1] for row in found] == [0, 1, 2, 3, 4]
    assert math.isnan(found[2][2])
    assert found[0][0] == "train"
    assert found[0][3] is None
    assert ask(imported, "select count(*) from ablation.metrics where name = 'system/cpu'") == [(6,)]


def test_runs_that_failed_or_go_on_are_shown(imported: Path) -> None:
    asked = "select seed, state, reason from ablation.missing where eval = 'accuracy' order by state"
    (failed, waiting) = ask(imported, asked)
    assert failed[:2] == (4, "failed")
    assert "failed or was killed in MLflow" in failed[2]
    assert waiting == (4, "missing", None)


def test_it_is_compared_beside_what_was_run_here(imported: Path) -> None:
    done = cli("compare", "-e", "ablation", "--metric", "accuracy", "--by", "lr", "-w", imported, "--json")
    (compared,) = json.loads(done.output)
    (effect,) = compared["effects"]
    # Seeds 1, 2 and 3 pair; each differs by 0.009.
    assert effect["mean"] == pytest.approx(0.009)
    assert cli("compare", "-e", "exposure", "-w", imported).exit_code == 0
    assert cli("log", "-w", imported).output.splitlines()[0].endswith("mlflow.db (MLflow)")
    assert ask(imported, "select run, origin from main.runs where origin is not null")[0][0] == 2
    assert (
        "val/loss" in cli("report", "-e", "ablation", "-o", imported / "r.html", "-w", imported).output
        or (imported / "r.html").is_file()
    )


@pytest.mark.conformance
def test_it_survives_a_rebuild_and_an_export(imported: Path, tmp_path: Path) -> None:
    asked = "select columns(*)::varchar from ablation.{} order by all"
    before = {name: ask(imported, asked.format(name)) for name in ("results", "metrics", "missing", "steps")}
    Indexer(imported).rebuild()
    assert {name: ask(imported, asked.format(name)) for name in before} == before
    assert cli("export", "--study", tmp_path / "out", "-w", imported).exit_code == 0
    assert {name: ask(tmp_path / "out", asked.format(name)) for name in before} == before


def test_the_same_again_changes_nothing_and_more_is_another_run(mlflow: Path, tmp_path: Path) -> None:
    source = tmp_path / mlflow.name
    shutil.copy(mlflow, source)
    place = tmp_path / ".specc"
    assert take_in(place, source, take="ablation") == 1
    assert take_in(place, source, take="ablation") == -1
    assert take_in(place, source, take="ablation", told=Told({"opt": "axis"})) == 2
    mlflow_run(source, "new", {"lr": "0.1", "seed": 1, "opt": "adamw"}, {"val/loss": [(4, 1.0)]})
    assert take_in(place, source, take="ablation") == 3
    assert ask(place, "select max(lr), count(*) from recipes") == [(0.1, 9)]
    assert remove(place, "Ablation") == [1, 2, 3]
    assert os.listdir(place / "runs") == os.listdir(place / "work") == []
    assert ask(place, "select count(*) from results") == [(0,)]
    with pytest.raises(QueryError, match="nothing was imported as `ablation`"):
        remove(place, "ablation")


def test_names_that_are_taken_are_told(imported: Path, mlflow: Path, tmp_path: Path) -> None:
    table = tmp_path / "other.csv"
    table.write_text("eval,value\nskill,1\n")
    with pytest.raises(QueryError, match="is an experiment that was run in this workspace"):
        take_in(imported, table, name="exposure")
    with pytest.raises(QueryError, match=r"was imported from .*mlflow\.db"):
        take_in(imported, table, name="Ablation")
    for name in ("main", "a b", "1"):
        with pytest.raises(QueryError, match="can't be the name of an experiment"):
            take_in(imported, table, name=name)
    with pytest.raises(QueryError, match="there are 2 experiments: `ablation`, `another one`"):
        take_in(imported, mlflow)
    with WorkspaceLock(imported) as lock:
        lock.try_once()
        done = cli("import", table, "-w", imported)
        assert done.exit_code == 2
        assert "works in" in done.stderr
    assert ask(imported, "select count(*) from main.runs") == [(2,)]


def test_names_that_are_not_in_the_source_are_told(mlflow: Path) -> None:
    roles: tuple[tuple[str, Role, str], ...] = (
        ("val/los", "result", "nothing is logged as `val/los`"),
        ("acc", "axis", "no run has a parameter `acc`"),
        ("lr", "stage", "can't be the `stage`"),
        ("opt", "seed", "`opt` of run .* is no whole number"),
    )
    for name, role, told in roles:
        with pytest.raises(QueryError, match=told):
            study_of(mlflow, take="ablation", told=Told({name: role}))
    with pytest.raises(QueryError, match="there is no evaluation `loss`"):
        study_of(mlflow, take="ablation", better={"loss": "lower"})


def test_nothing_is_written_when_a_source_is_wrong_or_for_a_look(tmp_path: Path, mlflow: Path) -> None:
    place = tmp_path / ".specc"
    assert cli("import", tmp_path / "nothing", "-w", place).exit_code == 2
    looked = cli("import", mlflow, "--take", "ablation", "--dry-run", "--json", "-w", place)
    assert json.loads(looked.output)["results"] == 12
    assert not place.exists()


@pytest.mark.conformance
def test_an_import_that_is_killed_anywhere_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("seed,eval,value\n0,skill,1\n1,skill,2\n")
    place = open_workspace(tmp_path / ".specc", create=True)
    wanted = Wanted(str(path))
    read = read_planned(wanted)
    for fatal in count():
        seen = 0

        @contextmanager
        def killing(kind: str, where: Path, fatal: int = fatal) -> Iterator[None]:
            nonlocal seen
            seen += 1
            if seen > fatal:
                raise _Killed
            yield

        watch(killing)
        try:
            bring(place, wanted, *read)
            break
        except _Killed:
            found = os.listdir(place / "runs")
            assert found in ([], ["000001"])
            assert not found or (place / "runs/000001/numbers/numbers.json").is_file()
        finally:
            watch(None)
    assert fatal > 8
    assert ask(place, "select seed, value from results order by 1") == [(0, 1.0), (1, 2.0)]
    assert os.listdir(place / "work") == []


class _Killed(BaseException):
    pass


def test_a_folder_of_mlflow_says_what_its_database_does(tmp_path: Path) -> None:
    lines = "1700000000001 nan 2\n1700000000000 1.5 1\n1700000000002 0.75 3\n"
    for place, lr in enumerate((0.1, 0.2)):
        mlflow_folder(tmp_path / "mlruns", f"r{place}", {"lr": lr}, {"val/loss": lines, "acc": "1 0.5 0\n"})
    source, made = read_planned(Wanted(str(tmp_path / "mlruns")))
    assert (source.kind, source.name) == ("mlflow", "on disk")
    assert [arm.axes for arm in made.study.arms] == [{"lr": 0.1}, {"lr": 0.2}]
    logged = [row[1:2] + row[5:] for row in made.metrics if row[4] == "val/loss"][:3]
    assert logged[0] == (1, 1.5)
    assert logged[2] == (3, 0.75)
    assert math.isnan(logged[1][1])
    assert made.steps[0][2].isoformat() == "2023-11-14T22:13:20"
    assert made.steps[0][3] == 5.0


def test_tables_with_a_row_for_each_result(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    with open(path, "w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["recipe", "early", "rng", "stage", "eval", "metric", "value", "stderr", "n"])
        for early in (0, 0.5):
            for seed in (1, 2):
                for stage in ("pretrain", "tune"):
                    writer.writerow(
                        ["base", early, seed, stage, "skill", "loss", "NaN" if early else 1.5, 0.1, 9]
                    )
                    writer.writerow(["base", early, seed, stage, "skill", "acc", 0.5, "", ""])
    source, made = read_planned(Wanted(str(path), told=Told({"rng": "seed"})))
    study = made.study
    assert [(axis.name, axis.type, axis.values) for axis in study.axes] == [("early", "float", (0.0, 0.5))]
    assert study.seeds == (1, 2)
    assert [(s.arm, s.stage, s.parent) for s in study.stages[:2]] == [
        (0, "pretrain", ""),
        (0, "tune", "pretrain"),
    ]
    # Each evaluation has one metric, so that its column of the wide view is one number.
    assert {(m.eval, m.metric) for m in study.measures} == {("skill/loss", "loss"), ("skill/acc", "acc")}
    values = [row[12:] for row in made.steps if row[12] is not None]
    assert values[0] == (1.5, 9, 0.1)
    assert values[1] == (0.5, None, None)
    assert sum(math.isnan(value[0]) for value in values) == 4
    assert source.kind == "table"


@pytest.mark.parametrize("form", ["json", "jsonl", "parquet", "columns.json"])
def test_tables_with_a_row_for_each_run(tmp_path: Path, form: str) -> None:
    rows = [
        {"lr": 0.1, "opt": "sgd", "seed": seed, "val": 1.0 + seed, "model": {"width": 16, "deep": [1, 2]}}
        for seed in (0, 1)
    ]
    path = tmp_path / f"runs.{form}"
    if form == "json":
        path.write_text(json.dumps(rows))
    elif form == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n\n" for row in rows))
    elif form == "parquet":
        (tmp_path / "rows.json").write_text(json.dumps(rows))
        duckdb.sql(f"COPY (FROM '{tmp_path / 'rows.json'}') TO '{path}'")
    else:
        path.write_text(json.dumps({name: [row[name] for row in rows] for name in rows[0]}))
    with pytest.raises(QueryError, match="nothing says which columns") as raised:
        study_of(path)
    assert "`val`" in raised.value.message
    _, made = read_planned(Wanted(str(path), told=Told({"val": "result"}, {"val": "skill"})))
    assert made.study.axes == ()
    assert [row[12] for row in made.steps if row[12] is not None] == [1.0, 2.0]
    assert {m.eval for m in made.study.measures} == {"skill"}
    assert made.study.stages[0].settings == {
        "lr": 0.1,
        "opt": "sgd",
        "model.width": 16,
        "model.deep": "[1, 2]",
    }
    roles: tuple[dict[str, Role], ...] = ({"nobody": "axis"}, {"lr": "seed"})
    for wrong in roles:
        with pytest.raises(QueryError):
            study_of(path, told=Told({**wrong, "val": "result"}))


def test_a_table_with_training_steps_gives_curves_and_last_values(tmp_path: Path) -> None:
    path = tmp_path / "curves.csv"
    lines = [f"{run},{step},{step * 64},{2 - step / 10 + run}" for run in (0, 1) for step in (4, 2, 0)]
    path.write_text("run,step,tokens,loss\n" + "\n".join(lines) + "\n")
    _, made = read_planned(Wanted(str(path), told=Told({"loss": "result"})))
    assert [(arm.recipe, arm.seed) for arm in made.study.arms] == [("0", 0), ("1", 0)]
    assert [row[12] for row in made.steps if row[12] is not None] == [1.6, 2.6]
    assert made.study.stages[0].steps == 4
    assert made.study.stages[0].tokens == 256


def test_files_of_wandb(tmp_path: Path) -> None:
    folder = tmp_path / "export"
    folder.mkdir()
    summary = {"val_loss": 0.5, "_step": 9, "_runtime": 12.5, "best": {"acc": 0.75}}
    with open(folder / "project.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["", "summary", "config", "name"])
        for place, lr in enumerate((0.1, 0.2)):
            # What the example in the API's documentation writes: Python's text of a dictionary.
            config = {"lr": lr, "seed": 3, "model": {"width": 16}, "note": None, "tied": True}
            writer.writerow([place, {**summary, "val_loss": 0.5 + lr}, config, f"quiet-fox-{place}"])
    history = "_step,_runtime,val_loss,epoch\n0,1,2.5,0\n1,2,,0\n9,3,NaN,1\n"
    (folder / "quiet-fox-1.csv").write_text(history)
    source, made = read_planned(Wanted(str(folder)))
    assert source.kind == "wandb"
    assert [arm.axes for arm in made.study.arms] == [{"lr": 0.1}, {"lr": 0.2}]
    assert made.study.seeds == (3,)
    assert made.study.stages[0].settings == {"model.width": 16, "tied": "true"}
    keys = {step.key: step.params for step in made.study.steps}
    found = {(keys[row[0]]["eval"], row[12]) for row in made.steps[:3] if row[12] is not None}
    assert found == {("val_loss", 0.6), ("best.acc", 0.75)}
    assert [row[1] for row in made.metrics if row[4] == "val_loss"] == [9, 0, 9]
    page = tmp_path / "page.csv"
    page.write_text(
        "Name,State,Created,Runtime,lr,val_loss\nfox-1,finished,2024-05-01T10:00:00.000Z,5,0.1,1.5\n"
        "fox-2,crashed,2024-05-01T11:00:00.000Z,5,0.2,2.5\n"
    )
    _, made = read_planned(Wanted(str(page), told=Told({"val_loss": "result"})))
    assert [arm.axes for arm in made.study.arms] == [{"lr": 0.1}, {"lr": 0.2}]
    assert [why for _, why in made.failed] == ["it crashed in W&B"]
    assert sum(row[12] is not None for row in made.steps) == 1


def test_the_folder_of_wandb(tmp_path: Path) -> None:
    folder = tmp_path / "wandb"
    history = [
        {"loss": 2.0 - step / 10, "text": "x" * 9000, "val.acc": 0.5, "_step": step} for step in range(9)
    ]
    history[3]["loss"] = math.nan
    for place, lr in enumerate((0.1, 0.2)):
        config = {"lr": lr, "seed": 3, "model": {"width": 16}, "_wandb": {"cli_version": "0"}}
        wandb_file(folder / f"offline-run-{place}" / f"run-id{place}.wandb", config, history)
    wandb_file(folder / "offline-run-2" / "run-id2.wandb", {"lr": 0.2, "seed": 4}, history[:2], exit_code=1)
    config = {"lr": 0.1, "seed": 4, "model": {"width": 16}}
    going = wandb_file(folder / "offline-run-3" / "run-id3.wandb", config, history, None)
    source, made = read_planned(Wanted(str(folder)))
    assert source.kind == "wandb"
    assert [(arm.axes, arm.seed) for arm in made.study.arms] == [
        ({"lr": 0.1}, 3), ({"lr": 0.1}, 4), ({"lr": 0.2}, 3), ({"lr": 0.2}, 4)
    ]  # fmt: skip
    assert made.study.stages[0].settings == {"model.width": 16}
    assert sorted(row[12] for row in made.steps if row[12] is not None) == [0.5, 0.5, 1.2, 1.2]
    assert [why for _, why in made.failed] == ["it ended with exit code 1 in W&B"]
    assert len(made.started) == 2
    loss = [row for row in made.metrics if row[4] == "loss"]
    assert [row[1] for row in loss[:9]] == list(range(9))
    assert math.isnan(loss[3][5])
    data = going.read_bytes()
    for harmed, told in (
        (data[:-3], "it is cut off"),
        (data[:-3] + b"abc", "differs from its checksum"),
        (data[:100], "it is cut off"),
    ):
        going.write_bytes(harmed)
        assert any(told in note for note in read_planned(Wanted(str(folder)))[0].notes)
    going.write_bytes(b"anything")
    with pytest.raises(DataError, match="it is no file of W&B"):
        read_planned(Wanted(str(folder)))


def test_event_files_of_tensorboard(tmp_path: Path) -> None:
    for lr in (0.1, 0.2):
        for seed in (0, 1):
            values = {"loss": [(0, 2.0), (5, math.nan), (9, 1.0 + lr)], "acc": [(9, 0.5)]}
            event_file(tmp_path / "logs" / f"lr={lr},seed={seed}" / "events.out.tfevents.1.vm", values)
    source, made = read_planned(Wanted(str(tmp_path / "logs")))
    assert source.kind == "tensorboard"
    assert [(arm.axes, arm.seed) for arm in made.study.arms] == [
        ({"lr": lr}, seed) for lr in (0.1, 0.2) for seed in (0, 1)
    ]
    loss = [row for row in made.metrics if row[4] == "loss"]
    assert len(loss) == 12
    assert sum(math.isnan(row[5]) for row in loss) == 4
    assert next(row[12] for row in made.steps if row[12] is not None) == pytest.approx(1.1)
    take_in(tmp_path / ".specc", tmp_path / "logs")
    done = cli("report", "-o", tmp_path / "page.html", "-w", tmp_path / ".specc")
    assert done.exit_code == 0, done.output
    # Nothing is known of tokens: curves go over training steps.
    assert "training steps of the stage" in (tmp_path / "page.html").read_text()


def test_results_of_the_harness_with_their_samples(tmp_path: Path) -> None:
    folder = tmp_path / "harness"
    for right, model in enumerate(("small", "large")):
        samples = [
            {"doc_id": number, "doc_hash": f"{number:064x}", "target": "b", "filtered_resps": ["b"],
             "filter": "none", "acc": float(number <= right)}
            for number in range(4)
        ]  # fmt: skip
        lm_eval_file(folder / model, model, (1 + right) / 4, "2026-11-21T10-00-00.5", samples)
    place = tmp_path / ".specc"
    assert take_in(place, folder, name="harness") == 1
    assert ask(
        place, "select recipe, eval, value, stderr, n from results where metric = 'acc' order by all"
    ) == [
        ("/models/large", "toy/acc", 0.5, 0.25, 4),
        ("/models/small", "toy/acc", 0.25, 0.25, 4),
    ]
    assert ask(place, "select count(*) from results where metric = 'perplexity' and isnan(value)") == [(2,)]
    assert ask(place, "select eval, better from evaluations order by all") == [
        ("toy/acc", "higher"),
        ("toy/perplexity", "lower"),
    ]
    assert ask(
        place, "select document, sum(value), any_value(prediction) from samples group by 1 order by 1"
    )[:2] == [("0:0000000000000000", 2.0, "b"), ("1:0000000000000000", 1.0, "b")]
    assert ask(place, "select count(distinct data) from results where metric = 'acc'") == [(1,)]


def test_results_of_two_imports_pair_only_where_their_data_has_one_name(tmp_path: Path) -> None:
    apart, together = set(), set()
    for name in ("a", "b"):
        path = tmp_path / f"{name}.csv"
        path.write_text("seed,eval,value\n0,skill,1\n1,skill,2\n")
        apart |= set(data_identities(study_of(path)).values())
        together |= set(data_identities(study_of(path, data="skill v1")).values())
    assert len(apart) == 2
    assert len(together) == 1


def test_runs_of_the_same_parameters(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    path.write_text("run,lr,val\na,1,0.1\nb,1,0.2\nc,2,0.3\nd,,0.4\n")
    source, made = read_planned(Wanted(str(path), told=Told({"val": "result"})))
    assert [(arm.axes["lr"], arm.seed) for arm in made.study.arms] == [(None, 0), (1, 0), (1, 1), (2, 0)]
    assert any("count as seeds" in note for note in source.notes)
    path.write_text("run,lr,seed,val\na,1,0,0.1\nb,1,0,0.2\nc,2,0,0.3\n")
    source, made = read_planned(Wanted(str(path), told=Told({"val": "result"})))
    assert [row[12] for row in made.steps if row[12] is not None] == [0.2, 0.3]
    assert any("`a` has the parameters and seed of `b`" in note for note in source.notes)
    path.write_text("run,val\na,0.1\nb,0.2\n")
    _, made = read_planned(Wanted(str(path), told=Told({"val": "result", "run": "recipe"})))
    assert [arm.recipe for arm in made.study.arms] == ["a", "b"]


def test_what_tells_arms_apart_when_no_parameter_does(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    for text, arms in (
        # Rows without names, with seeds or without: replicates of one recipe.
        ("seed,val\n3,0.1\n4,0.2\n", [("base", 3), ("base", 4)]),
        ("val\n0.1\n0.2\n", [("base", 0), ("base", 1)]),
        ("run,seed,val\na,3,0.1\nb,4,0.2\n", [("base", 3), ("base", 4)]),
        # Names that share a seed can't be replicates: nothing may get lost.
        ("run,seed,val\na,3,0.1\nb,3,0.2\n", [("a", 3), ("b", 3)]),
        # One without a seed gets one that is free.
        ("seed,val,x\n0,0.1,1\n,0.2,1\n0,0.3,2\n", [("base", 0), ("base", 1), ("base", 0)]),
    ):
        path.write_text(text)
        _, made = read_planned(Wanted(str(path), told=Told({"val": "result"})))
        assert [(arm.recipe, arm.seed) for arm in made.study.arms] == arms, text


@pytest.mark.conformance
def test_hostile_names_are_text(tmp_path: Path) -> None:
    folder = tmp_path / "odd [x] dir's *"
    (tmp_path / "odd x dir's and more").mkdir()
    folder.mkdir()
    path = folder / "runs.json"
    name = """x"; drop table results; --'</script>"""
    rows = [{name: value, "lr(": f"f({value}", "arm": value, "val": value} for value in (1, 2, 3)]
    path.write_text(json.dumps(rows[:2]))
    place = folder / ".specc"
    assert take_in(place, path, told=Told({"val": "result", "lr(": "setting"})) == 1
    quoted = name.replace('"', '""')
    assert ask(place, f'select "{quoted}", arm_, value from results order by 1') == [(1, 1, 1.0), (2, 2, 2.0)]
    assert cli("compare", "-w", place).exit_code == 0
    page = folder / "page.html"
    assert cli("report", "-o", page, "-w", place).exit_code == 0
    assert "imported from" in page.read_text()
    path.write_text(json.dumps([rows[0], rows[2]]))
    assert take_in(place, path, told=Told({"val": "result", "lr(": "setting"})) == 2
    assert "1 arm new, 1 arm gone" in cli("log", "-w", place).output
    assert "changed     1 arm new, 1 arm gone" in cli("log", "2", "-w", place).output
    assert cli("export", "--study", folder / "[out]", "-w", place).exit_code == 0
    assert ask(folder / "[out]", "select value from results order by 1") == [(1.0,), (3.0,)]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.csv", "a,b\n1\n", "line 2 has 1 values, and not 2"),
        ("a.csv", "a,a\n1,2\n", "two columns are named `a`"),
        ("a.csv", 'a,b\n"1,2\n', "line 2"),
        ("a.csv", "a,b\n", "it has no rows"),
        ("a.json", "{", "can't be read"),
        ("a.json", "3", "it holds no list of objects"),
        ("a.json", "[" * 100_000, "can't be read"),
        ("a.jsonl", '{"a": 1}\n[]\n', "line 2 holds no object"),
        ("a.parquet", "PAR1", "can't be read"),
        ("a.db", "SQLite format 3\0" + "x" * 100, "it is no database of MLflow"),
        ("a.tfevents.1", "x" * 30, "differs from its checksum"),
        ("a.csv", "a,\xff\n", None),
    ],
)
def test_files_that_are_not_what_they_seem_are_told(
    tmp_path: Path, name: str, text: str, told: str | None
) -> None:
    path = tmp_path / name
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError) as raised:
        read_planned(Wanted(str(path)))
    assert (told or "is not UTF-8") in raised.value.message
    assert cli("import", path, "-w", tmp_path / "w").exit_code == 4


def test_odd_values_lose_no_rows_and_can_be_stored(tmp_path: Path) -> None:
    """Halves of characters, numbers beyond 64 bits, decimals, dates, rows that pandas has numbered."""
    texts = {
        "half.jsonl": '{"value": 1, "eval": "a\\ud800", "lr": "\\udc00 \u2028"}\n'
        '{"value": 2, "eval": "b", "lr": 3}',
        "huge.jsonl": f'{{"value": 1, "eval": "a", "lr": {10**400}}}\n{{"value": 2, "eval": "a", "lr": 3}}',
        "rows.csv": ",value,eval,seed\n0,1,a,9223372036854775806\n1,2,a,9223372036854775807\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    duckdb.sql(
        f"""COPY (SELECT 'a' AS eval, 0.5 * i AS value, 0.1 * i AS lr, DATE '2026-01-01' + i AS day
            FROM (VALUES (1), (2)) t(i)) TO '{tmp_path}/dates.parquet'"""
    )
    for name in (*texts, "dates.parquet"):
        take_in(tmp_path / ".specc", tmp_path / name)
        study = study_of(tmp_path / name)
        assert len(study.arms) == 2
        assert [axis.name for axis in study.axes] == {"rows.csv": [], "dates.parquet": ["lr", "day"]}.get(
            name, ["lr"]
        )
    assert study_of(tmp_path / "rows.csv").seeds == (2**63 - 2, 2**63 - 1)
    assert ask(tmp_path / ".specc", "select experiment, count(*) from results group by all order by all") == [
        ("dates", 2), ("half", 2), ("huge", 2), ("rows", 2)
    ]  # fmt: skip
    (tmp_path / "rows.csv").write_text("value,eval,seed\n1,a,1e300\n2,a,1\n")
    with pytest.raises(QueryError, match="no whole number of 64 bits"):
        study_of(tmp_path / "rows.csv")


def test_a_database_computes_nothing(tmp_path: Path) -> None:
    """A view may compute without end, and a generated column a value that fills the memory."""
    path = tmp_path / "mlflow.db"
    mlflow_run(path, "one", {"lr": "1"}, {"loss": [(0, 1.0)]})
    with sqlite3.connect(path) as connection:
        connection.execute("ALTER TABLE params RENAME TO stored")
        connection.execute(
            """CREATE VIEW params AS WITH RECURSIVE t(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM t)
               SELECT run_uuid, key, value FROM stored, t"""
        )
    connection.close()
    with pytest.raises(DataError, match="`params` is no plain table"):
        read_planned(Wanted(str(path)))


def test_a_small_file_with_very_many_values_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rows.parquet"
    duckdb.sql(f"COPY (SELECT 'a' AS eval, 1.0 AS value FROM range(1000000)) TO '{path}'")
    assert path.stat().st_size < 100_000
    monkeypatch.setattr("specc.exchange.sources.records.MOST_VALUES", 1_000)
    with pytest.raises(DataError, match="more than 1,000 values"):
        read_planned(Wanted(str(path)))


def test_what_looks_like_nothing_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")
    for path in (tmp_path / "a.txt", tmp_path):
        with pytest.raises(QueryError, match="looks like no results"):
            read_planned(Wanted(str(path)))
    for words in (("--map", "x"), ("--map", "x=nothing"), ("--better", "x=most")):
        done = cli("import", tmp_path / "a.txt", *words, "-w", tmp_path / "w")
        assert done.exit_code == 2
        assert "says not" in done.stderr
