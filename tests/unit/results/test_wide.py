"""Settings as rows, and the view with a row per arm."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fake_workspace import FakeWorkspace, exposure
from specc.results.reader import open_results
from specc.results.settings import flattened, number
from specc.study import Axis, Study


@pytest.fixture
def workspace(tmp_path: Path) -> FakeWorkspace:
    return FakeWorkspace(tmp_path)


def table(workspace: FakeWorkspace, sql: str) -> tuple[list[tuple[str, str]], list[tuple[Any, ...]]]:
    """Names and types of the columns, and the rows."""
    connection = open_results(workspace.path)
    try:
        shape = [(row[0], row[1]) for row in connection.execute(f"DESCRIBE {sql}").fetchall()]
        return shape, connection.execute(sql).fetchall()
    finally:
        connection.close()


def with_settings(study: Study, by_arm: list[dict[str, Any]], stage: str = "tune") -> Study:
    """The study with other settings in one stage of each arm."""
    stages = tuple(
        replace(run, settings=by_arm[run.arm]) if run.stage == stage else run for run in study.stages
    )
    return study.model_copy(update={"stages": stages})


def test_components_and_their_arguments_are_settings_with_dotted_names() -> None:
    found = flattened(
        {
            "schedule": "cosine(peak = 3e-3, warmup = 2%)",
            "replay": "again(share = 5%, of = [a, b])",
            "adapter": 'outer(inner = inner(rank = 4), name = "x, y")',
            "clip": "none",
            "parameters": 117120,
        }
    )
    assert found["schedule"] == ("cosine", None)
    assert found["schedule.peak"] == ("3e-3", 0.003)
    assert found["schedule.warmup"] == ("2%", 0.02)
    assert found["replay.of"] == ("[a, b]", None)
    assert found["adapter.inner"] == ("inner", None)
    assert found["adapter.inner.rank"] == ("4", 4.0)
    assert found["adapter.name"] == ("x, y", None)
    assert found["clip"] == ("none", None)
    assert found["parameters"] == ("117120", 117120.0)


def test_defaults_of_a_component_are_settings_too() -> None:
    assert flattened({"optimizer": "adamw(beta2 = 0.99)"})["optimizer.beta2"] == ("0.99", 0.99)
    assert flattened({"optimizer": "adamw()"})["optimizer.weight_decay"] == ("0.1", 0.1)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("24 sequences", 24.0),
        ("20M tokens", 20e6),
        ("1.5B tokens", 1.5e9),
        ("10%", 0.1),
        ("1_000 steps", 1000.0),
        ("-1e-3", -0.001),
        (".5", 0.5),
        ("bfloat16", None),
        ("1/20", None),
        ("", None),
        ("3 blind mice", None),
    ],
)
def test_numbers_are_read_with_their_units(text: str, value: float | None) -> None:
    assert number(text) == value


def test_settings_are_rows(workspace: FakeWorkspace) -> None:
    workspace.plan(1, with_settings(exposure(), [{"batch": f"{8 + arm % 2} sequences"} for arm in range(4)]))
    _, rows = table(
        workspace, "select arm, early, seed, value, number from settings where stage = 'tune' order by arm"
    )
    assert rows == [
        (0, 0.0, 0, "8 sequences", 8.0),
        (1, 0.0, 1, "9 sequences", 9.0),
        (2, 0.5, 0, "8 sequences", 8.0),
        (3, 0.5, 1, "9 sequences", 9.0),
    ]


def test_an_experiment_s_name_is_a_table_with_a_row_per_arm(workspace: FakeWorkspace) -> None:
    settings = [
        {
            "schedule": f"cosine(peak = {peak})",
            "batch": f"{batch} sequences",
            "clip": clip,
            "dtype": dtype,
            "same": "1",
        }
        for peak, batch, clip, dtype in [
            ("3e-3", 8, "1", "float32"),
            ("1e-3", 8, "none", "bfloat16"),
            ("3e-3", 16, "1", "float32"),
            ("1e-3", 16, "0.5", "float32"),
        ]
    ]
    workspace.plan(1, with_settings(exposure(), settings))
    workspace.measure("0/skill/pretrain", 1.5)
    workspace.measure("1/skill/tune", None)
    shape, rows = table(workspace, "select * from exposure order by arm")
    assert shape == [
        ("arm", "BIGINT"),
        ("recipe", "VARCHAR"),
        ("early", "DOUBLE"),
        ("seed", "BIGINT"),
        ("tune_schedule_peak", "DOUBLE"),
        ("tune_batch", "BIGINT"),
        ("tune_clip", "DOUBLE"),
        ("tune_dtype", "VARCHAR"),
        ("skill_pretrain", "DOUBLE"),
        ("skill_tune", "DOUBLE"),
    ]
    assert rows[0] == (0, "base", 0.0, 0, 0.003, 8, 1.0, "float32", 1.5, None)
    assert repr(rows[1]) == "(1, 'base', 0.0, 1, 0.001, 8, None, 'bfloat16', None, nan)"
    assert table(workspace, "select * from exposure.wide order by arm")[0] == shape


def test_an_evaluation_after_one_stage_only_gives_its_name_to_the_column(workspace: FakeWorkspace) -> None:
    study = exposure(axes=(Axis(name="skill", type="int", values=(1, 2)),), seeds=(0,))
    last = tuple(measure for measure in study.measures if measure.stage == "tune")
    workspace.plan(1, study.model_copy(update={"measures": last}))
    workspace.measure("0/skill/tune", 1.5)
    shape, rows = table(workspace, "select * from exposure order by arm")
    assert [name for name, _ in shape] == ["arm", "recipe", "skill", "seed", "skill_2"]
    assert rows == [(0, "base", 1, 0, 1.5), (1, "base", 2, 0, None)]


def test_a_plan_with_other_differences_gives_the_table_other_columns(workspace: FakeWorkspace) -> None:
    workspace.plan(1, exposure())
    assert len(table(workspace, "from exposure")[0]) == 6
    workspace.plan(2, with_settings(exposure(), [{"dropout": f"{arm}%"} for arm in range(4)]))
    shape, rows = table(workspace, "from exposure order by arm")
    assert ("tune_dropout", "DOUBLE") in shape
    assert [row[4] for row in rows] == [0.0, 0.01, 0.02, 0.03]
    workspace.plan(3, exposure("other"))
    (workspace.path / "runs" / "000001" / "plan.json").unlink()
    (workspace.path / "runs" / "000002" / "plan.json").unlink()
    _, names = table(workspace, "select view_name from duckdb_views() where schema_name = 'main'")
    assert ("other",) in names
    assert ("exposure",) not in names


@pytest.mark.parametrize("name", ["results", 'it\'s "odd"'])
def test_an_experiment_of_any_name_has_its_wide_table(workspace: FakeWorkspace, name: str) -> None:
    workspace.plan(1, exposure(name))
    quoted = '"' + name.replace('"', '""') + ("_" if name == "results" else "") + '"'
    assert len(table(workspace, f"select * from main.{quoted}")[1]) == 4
    assert len(table(workspace, "select * from wide")[1]) == 4
