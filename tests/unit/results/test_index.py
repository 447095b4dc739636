"""The index holds what the files say, and nothing else."""

from __future__ import annotations

import math
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from fake_workspace import EARLY, FakeWorkspace, exposure, key, log_line
from specc.errors import QueryError
from specc.files import file_digest
from specc.results import generations, plans, schema
from specc.results.index import Indexer
from specc.results.reader import open_results
from specc.study import Axis


def rows(workspace: FakeWorkspace, sql: str, experiment: str | None = None) -> list[tuple[Any, ...]]:
    connection = open_results(workspace.path, experiment)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def contents(workspace: FakeWorkspace) -> dict[str, list[str]]:
    """All rows of all public tables, of all schemas."""
    connection = open_results(workspace.path)
    try:
        names = connection.execute(
            "SELECT schema_name, view_name FROM duckdb_views() WHERE NOT internal ORDER BY ALL"
        ).fetchall()
        return {
            f"{schema}.{view}": sorted(
                repr(row) for row in connection.execute(f'SELECT * FROM "{schema}"."{view}"').fetchall()
            )
            for schema, view in names
        }
    finally:
        connection.close()


@pytest.fixture
def workspace(tmp_path: Path) -> FakeWorkspace:
    return FakeWorkspace(tmp_path)


def finish_everything(workspace: FakeWorkspace, arms: int = 4) -> None:
    workspace.finish("init", "init", {"parameters": 10})
    for arm in range(arms):
        workspace.train(f"{arm}/pretrain.0", {"corpus0": 640}, log_line(1) + log_line(2), wall_seconds=2.0)
        workspace.train(f"{arm}/pretrain.1", {"corpus0": 320}, log_line(11), wall_seconds=1.5)
        workspace.train(f"{arm}/tune", {"corpus0": 512}, log_line(1, loss=1.0))
        workspace.measure(f"{arm}/skill/pretrain", 1.0 + arm)
        workspace.measure(f"{arm}/skill/tune", 1.5 + 2 * arm)


def test_results_are_there_as_soon_as_their_steps_are_done(workspace: FakeWorkspace) -> None:
    workspace.plan(1, exposure())
    assert rows(workspace, "select * from results") == []
    workspace.measure("2/skill/tune", 1.25)
    assert rows(
        workspace,
        "select experiment, recipe, early, seed, stage, position, steps, value, n, stderr from results",
    ) == [("exposure", "base", 0.5, 0, "tune", 1.0, 8, 1.25, 100, 0.01)]


def test_counted_tokens_are_known_once_the_whole_stage_is_done(workspace: FakeWorkspace) -> None:
    workspace.plan(1, exposure())
    sql = (
        "select stage, corpus, tokens_nominal, tokens_planned, tokens_counted "
        "from allocations where arm = 0 order by stage"
    )
    workspace.train("0/pretrain.0", {"corpus0": 640})
    assert rows(workspace, sql) == [("pretrain", "web", 1000, 960, None), ("tune", "skill", 500, 512, None)]
    workspace.train("0/pretrain.1", {"corpus0": 960})
    assert rows(workspace, sql) == [("pretrain", "web", 1000, 960, 960), ("tune", "skill", 500, 512, None)]


def test_stages_add_up_the_time_of_their_segments(workspace: FakeWorkspace) -> None:
    workspace.plan(1, exposure())
    finish_everything(workspace, arms=1)
    assert rows(
        workspace,
        "select stage, number, done, wall_seconds, settings->>'batch' from stages where arm < 2 order by all",
    ) == [
        ("pretrain", 0, False, None, "1"),
        ("pretrain", 0, True, 3.5, "1"),
        ("tune", 1, False, None, "1"),
        ("tune", 1, True, 1.0, "1"),
    ]


def test_a_stage_that_trains_nothing_is_done_from_the_start(workspace: FakeWorkspace) -> None:
    study = exposure()
    *others, tune = study.stages
    empty = replace(tune, steps=0, tokens=0, segments=(), ends=(), checkpoint=others[-1].checkpoint)
    workspace.plan(1, study.model_copy(update={"stages": (*others, empty)}))
    sql = (
        f"select stage, number, steps, done, wall_seconds from stages where arm = {tune.arm} order by number"
    )
    assert rows(workspace, sql) == [("pretrain", 0, 15, False, None), ("tune", 1, 0, True, 0.0)]


def test_forgetting_is_the_change_since_the_earlier_stage(workspace: FakeWorkspace) -> None:
    workspace.plan(1, exposure())
    finish_everything(workspace)
    # Values are 1 + arm after pretrain and 1.5 + 2 arm after tune.
    assert rows(
        workspace,
        "select arm, early, seed, after, stage, value_after, value, change from forgetting order by arm",
    ) == [
        (0, 0.0, 0, "pretrain", "tune", 1.0, 1.5, 0.5),
        (1, 0.0, 1, "pretrain", "tune", 2.0, 3.5, 1.5),
        (2, 0.5, 0, "pretrain", "tune", 3.0, 5.5, 2.5),
        (3, 0.5, 1, "pretrain", "tune", 4.0, 7.5, 3.5),
    ]


def test_pairs_compare_arms_of_the_same_seed(workspace: FakeWorkspace) -> None:
    workspace.plan(1, exposure())
    finish_everything(workspace)
    sql = (
        "select seed, early, baseline.early, difference from pairs "
        "where stage = 'tune' and baseline.early = 0 order by seed"
    )
    assert rows(workspace, sql) == [(0, 0.5, 0.0, 4.0), (1, 0.5, 0.0, 4.0)]


def test_metrics_follow_a_log_that_grows_and_stop_at_its_torn_line(workspace: FakeWorkspace) -> None:
    workspace.plan(1, exposure())
    sql = "select stage, steps, tokens, lineage_tokens, value from metrics where name = 'loss' order by steps"
    workspace.log("0/pretrain.0", log_line(1, 3.0) + log_line(2, 2.5)[:-20])
    assert rows(workspace, sql) == [("pretrain", 1, 64, 1064, 3.0)]
    workspace.log("0/pretrain.0", log_line(2, 2.5)[-20:] + log_line(3, 2.25))
    assert [row[-1] for row in rows(workspace, sql)] == [3.0, 2.5, 2.25]
    assert rows(workspace, "select state, count(*) from steps group by 1 order by 1") == [
        ("started", 1),
        ("to do", 20),
    ]


def test_a_log_that_was_cut_back_and_went_on_otherwise_is_read_again(workspace: FakeWorkspace) -> None:
    workspace.plan(1, exposure())
    sql = "select value from metrics where name = 'loss' order by steps"
    workspace.log("0/tune", "".join(log_line(step, 3.0) for step in range(1, 5)))
    assert len(rows(workspace, sql)) == 4
    # Back to step 2, and past the old length before anybody looked again.
    workspace.log("0/tune", "".join(log_line(s, 3.0 if s <= 2 else 2.0) for s in range(1, 9)), mode="w")
    assert [row[0] for row in rows(workspace, sql)] == [3.0] * 2 + [2.0] * 6


def test_a_finished_step_s_log_replaces_what_was_seen_live(workspace: FakeWorkspace) -> None:
    workspace.plan(1, exposure())
    workspace.log("0/tune", log_line(1) + log_line(2))
    assert rows(workspace, "select count(*) from metrics where name = 'loss'") == [(2,)]
    workspace.train("0/tune", {"corpus0": 512}, log_line(1) + log_line(2) + log_line(3))
    assert rows(workspace, "select count(*) from metrics where name = 'loss'") == [(3,)]


def test_a_diverged_result_is_not_a_number_and_wins_nothing(workspace: FakeWorkspace) -> None:
    workspace.plan(1, exposure())
    for arm, value in enumerate([2.0, None, 1.0]):
        workspace.measure(f"{arm}/skill/tune", value)
    [(worst, best, highest, diverged)] = rows(
        workspace, "select max(value), best_min(value), best_max(value), diverged(value) from results"
    )
    assert math.isnan(worst)
    assert (best, highest, diverged) == (1.0, 2.0, 1)


def test_arms_that_diverged_have_results_that_are_not_numbers(workspace: FakeWorkspace) -> None:
    workspace.plan(1, exposure())
    finish_everything(workspace, arms=1)
    workspace.event(1, "failed", "1/pretrain.1", error="Diverged", message="the loss is nan at step 12")
    workspace.event(1, "failed", "2/pretrain.0", error="WorkerLost", message="killed")
    found = rows(workspace, "select arm, stage, n from results where isnan(value) order by all")
    assert found == [(1, "pretrain", None), (1, "tune", None)]
    assert rows(workspace, "select op, error from steps where state = 'failed' order by label") == [
        ("train", "the loss is nan at step 12"),
        ("train", "killed"),
    ]
    # Another run goes on, with another outcome.
    workspace.plan(2, exposure())
    workspace.train("1/pretrain.1", {"corpus0": 320})
    workspace.event(2, "failed", "3/tune", error="Diverged", message="the loss is nan at step 1")
    found = rows(workspace, "select arm, stage from results where isnan(value)")
    assert found == [(3, "tune")]


def test_what_diverged_has_diverged_until_it_is_done(workspace: FakeWorkspace) -> None:
    """A run that was stopped early takes nothing back."""
    query = "SELECT arm, isnan(value) FROM results WHERE stage = 'tune' ORDER BY arm"
    workspace.plan(1, exposure())
    workspace.event(1, "failed", "0/pretrain.1", error="Diverged", message="the loss is not finite")
    workspace.event(1, "failed", "1/tune", error="StepCrashed", message="it went wrong")
    assert rows(workspace, query) == [(0, True)]
    workspace.plan(2, exposure())
    assert rows(workspace, query) == [(0, True)]
    states = rows(workspace, "SELECT state FROM missing WHERE stage = 'tune' AND arm < 2 ORDER BY arm")
    assert states == [("diverged",), ("missing",)]
    workspace.train("0/pretrain.1", {"corpus0": 320})
    assert rows(workspace, query) == []
    workspace.store.quarantine(key("0/pretrain.1"))
    assert rows(workspace, query) == [(0, True)]
    workspace.plan(3, exposure("other"))
    assert rows(workspace, query, "exposure") == [(0, True)]
    before = contents(workspace)
    Indexer(workspace.path).rebuild()
    assert contents(workspace) == before


def test_samples_carry_their_arm(workspace: FakeWorkspace) -> None:
    workspace.plan(1, exposure())
    lines = (
        '{"document": 7, "value": 1.0, "n": 3}\n'
        '{"document": "a\\u0000b", "value": null, "n": 1, "prediction": "\\ud800", "target": "x"}\n'
    )
    workspace.finish("3/skill/tune", "eval", {"value": 1.0, "n": 4}, {"samples.jsonl": lines})
    found = rows(
        workspace, "select early, seed, document, value, n, prediction, target from samples order by n desc"
    )
    assert found[0] == (0.5, 1, "7", 1.0, 3, None, None)
    assert found[1][2] == "a\0b"
    assert math.isnan(found[1][3])
    assert found[1][5:] == ("?", "x")


def test_rebuilding_from_nothing_gives_the_same_tables(workspace: FakeWorkspace) -> None:
    workspace.plan(1, exposure())
    Indexer(workspace.path).update()
    workspace.log("0/pretrain.0", log_line(1) + log_line(2))
    Indexer(workspace.path).update()
    finish_everything(workspace, arms=3)
    workspace.log("3/pretrain.0", log_line(1) + '{"step"')
    Indexer(workspace.path).update()
    workspace.plan(2, exposure("other", (Axis(name="early", type="string", values=("x", "y")),)))
    workspace.plan(3, exposure(seeds=(0, 1, 2)))
    workspace.store.quarantine(key("1/skill/tune"))
    grown = contents(workspace)
    generation = generations.current(workspace.path)
    Indexer(workspace.path).rebuild()
    assert generations.current(workspace.path) != generation
    assert contents(workspace) == grown
    assert sum(map(len, grown.values())) > 100


def test_a_step_that_was_set_aside_disappears_and_comes_back_made_anew(workspace: FakeWorkspace) -> None:
    workspace.plan(1, exposure())
    workspace.measure("0/skill/tune", 1.0)
    assert rows(workspace, "select value from results") == [(1.0,)]
    workspace.store.quarantine(key("0/skill/tune"))
    assert rows(workspace, "select value from results") == []
    assert rows(workspace, "select count(*) from artifacts") == [(0,)]
    workspace.measure("0/skill/tune", 2.0)
    assert rows(workspace, "select value from results") == [(2.0,)]


def test_a_step_made_anew_between_two_updates_is_read_again(workspace: FakeWorkspace) -> None:
    workspace.plan(1, exposure())
    workspace.measure("0/skill/tune", 1.0)
    rows(workspace, "select 1")
    workspace.store.quarantine(key("0/skill/tune"))
    workspace.measure("0/skill/tune", 2.0)
    assert rows(workspace, "select value from results") == [(2.0,)]


def test_an_unreadable_manifest_counts_as_not_done_and_is_read_once(workspace: FakeWorkspace) -> None:
    workspace.plan(1, exposure())
    workspace.measure("0/skill/tune", 1.0)
    workspace.measure("1/skill/tune", 2.0)
    (workspace.store.path(key("0/skill/tune")) / "manifest.json").write_text('{"key": ')
    assert rows(workspace, "select value from results") == [(2.0,)]
    generation = generations.current(workspace.path)
    assert rows(workspace, "select value from results") == [(2.0,)]
    assert generations.current(workspace.path) == generation


def test_lines_and_numbers_that_can_t_be_read_hide_no_others(workspace: FakeWorkspace) -> None:
    deep = "[" * 100_000 + "]" * 100_000
    workspace.plan(1, exposure())
    workspace.log("0/pretrain.0", log_line(1) + f'{{"step": 2, "loss": {deep}}}\n' + log_line(3))
    workspace.finish("0/skill/tune", "eval", {"value": 10**400, "n": 10**30, "stderr": 10**400})
    workspace.event(1, "started", f'"failed" {deep}')
    with open(workspace.path / "runs/000001/events.jsonl", "a") as events:
        events.write(f'{{"event": "failed", "key": {deep}}}\n')
    Indexer(workspace.path).update()
    assert rows(workspace, "SELECT steps FROM metrics WHERE name = 'loss' ORDER BY steps") == [(1,), (3,)]
    assert rows(workspace, "SELECT value, n, stderr FROM results") == [(math.inf, None, None)]


def test_an_experiment_is_what_its_latest_run_says(workspace: FakeWorkspace) -> None:
    workspace.plan(1, exposure())
    workspace.plan(2, exposure(seeds=(0, 1, 2)))
    assert rows(workspace, "select run, arms, steps, axes from experiments") == [(2, 6, 31, ["early"])]
    (workspace.path / "runs" / "000002" / "plan.json").unlink()
    assert rows(workspace, "select run, arms from experiments") == [(1, 4)]
    (workspace.path / "runs" / "000001" / "plan.json").unlink()
    assert rows(workspace, "select run, arms from experiments") == []


def test_a_run_that_goes_while_it_is_looked_at_is_gone(
    workspace: FakeWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.plan(1, exposure())
    workspace.plan(2, exposure("other"))
    digest_of = file_digest

    def moved_away_before(path: Path) -> str:
        (workspace.path / "runs" / "000002" / "plan.json").unlink(missing_ok=True)
        return digest_of(path)

    monkeypatch.setattr(plans, "file_digest", moved_away_before)
    assert rows(workspace, "SELECT experiment FROM experiments") == [("exposure",)]


def test_a_plan_that_can_t_be_read_hides_no_other(workspace: FakeWorkspace) -> None:
    workspace.plan(1, exposure())
    folder = workspace.path / "runs" / "000002"
    folder.mkdir()
    (folder / "plan.json").write_text('{"format": 99, "news": true}')
    assert rows(workspace, "select run from experiments") == [(1,)]


def test_axes_of_all_experiments_are_columns_of_main(workspace: FakeWorkspace) -> None:
    workspace.plan(1, exposure("a", (EARLY, Axis(name="width", type="int", values=(8, 16)))))
    workspace.plan(2, exposure("b", (Axis(name="early", type="string", values=("x", "y")),)))
    workspace.plan(3, exposure("c", (Axis(name="Width", type="float", values=(0.5, 1.5)), EARLY)))
    finish_everything(workspace)
    sql = "select experiment, early, width, count(*) from main.results group by all order by all"
    assert rows(workspace, sql) == [
        ("a", "0.0", 8.0, 4),
        ("a", "0.5", 16.0, 4),
        ("b", "x", None, 4),
        ("b", "y", None, 4),
        ("c", "0.0", 0.5, 4),
        ("c", "0.5", 1.5, 4),
    ]
    assert rows(workspace, "select typeof(early), typeof(width) from results limit 1", "a") == [
        ("DOUBLE", "BIGINT")
    ]
    # In each experiment 4 arms x 2 stages, and for each one other arm with the same seed.
    assert rows(workspace, "select count(distinct baseline.early), count(*) from main.pairs") == [(4, 24)]


def test_all_types_of_axes_come_back_as_they_were(workspace: FakeWorkspace) -> None:
    axes = (
        Axis(name="rate", type="float", values=(0.1 + 0.2, 1e-300)),
        Axis(name="budget", type="tokens", values=(10**15, 1)),
        Axis(name="shuffled", type="bool", values=(True, False)),
        Axis(name='it\'s "odd"', type="string", values=("'; drop table x; --", "{arm}")),
    )
    workspace.plan(1, exposure(axes=axes, seeds=(0,)))
    assert rows(workspace, 'select rate, budget, shuffled, "it\'s ""odd""" from recipes order by arm') == [
        (0.1 + 0.2, 10**15, True, "'; drop table x; --"),
        (1e-300, 1, False, "{arm}"),
    ]


@pytest.mark.parametrize("name", ["main", "recorded", 'it\'s "odd" {arm}', "select"])
def test_an_experiment_of_any_name_has_its_tables(workspace: FakeWorkspace, name: str) -> None:
    workspace.plan(1, exposure(name))
    workspace.measure("0/skill/tune", 1.0)
    assert rows(workspace, "select experiment, early from results", name) == [(name, 0.0)]
    assert rows(workspace, "select experiment from main.results") == [(name,)]


def test_an_axis_with_a_reserved_name_gets_another_column(workspace: FakeWorkspace) -> None:
    workspace.plan(1, exposure(axes=(Axis(name="Value", type="int", values=(3,)),), seeds=(0,)))
    assert rows(workspace, 'select "Value_" from recipes') == [(3,)]
    assert "value" in schema.RESERVED_COLUMNS


def test_views_have_the_documented_columns(workspace: FakeWorkspace) -> None:
    workspace.plan(1, exposure("a", (EARLY,)))
    connection = open_results(workspace.path)
    for name in ("a", "main"):
        for table in schema.TABLES:
            described = connection.execute(f"DESCRIBE {name}.{table.name}").fetchall()
            documented = schema.columns(table, schema.axis_columns([EARLY]))
            assert [row[0] for row in described] == [column.name for column in documented]
            types = [column.type.replace('"', "") for column in documented]
            assert [row[1].replace('"', "") for row in described] == types
    connection.close()


def test_limit_and_order_hold_on_every_table(workspace: FakeWorkspace) -> None:
    """DuckDB 2.0.0 drops a LIMIT over outer joins with an empty table, unless told not to."""
    workspace.plan(1, exposure())
    for step in range(3):
        connection = open_results(workspace.path)
        for schema_name in ("exposure", "main"):
            for table in schema.TABLES:
                name = f"{schema_name}.{table.name}"
                everything = connection.execute(f"SELECT * FROM {name}").fetchall()
                some = connection.execute(f"SELECT * FROM {name} LIMIT 1").fetchall()
                assert len(some) == min(1, len(everything)), (name, step)
                column = "label" if table.name == "steps" else table.columns[1].name
                found = connection.execute(f"SELECT {column} FROM {name} ORDER BY 1 DESC").fetchall()
                last = connection.execute(f"SELECT {column} FROM {name} ORDER BY 1 DESC LIMIT 2").fetchall()
                assert last == found[:2], (name, step)
                assert found == sorted(found, reverse=True), (name, step)
        connection.close()
        if step == 0:
            finish_everything(workspace)
        elif step == 1:
            workspace.event(1, "failed", "0/tune", error="Diverged", message="the loss is nan")
            workspace.store.quarantine(key("0/skill/tune"))


def test_a_workspace_without_runs_has_empty_tables(workspace: FakeWorkspace) -> None:
    assert rows(workspace, "select * from results") == []
    with pytest.raises(QueryError, match="no results of an experiment `exposure`"):
        open_results(workspace.path, "exposure")


def test_nothing_new_publishes_nothing(workspace: FakeWorkspace) -> None:
    workspace.plan(1, exposure())
    assert Indexer(workspace.path).update()
    generation = generations.current(workspace.path)
    assert Indexer(workspace.path).update()
    assert generations.current(workspace.path) == generation


def test_only_the_last_generations_are_kept(workspace: FakeWorkspace) -> None:
    workspace.plan(1, exposure())
    for arm in range(4):
        workspace.measure(f"{arm}/skill/tune", 1.0)
        workspace.measure(f"{arm}/skill/pretrain", 1.0)
        Indexer(workspace.path).update()
    newest = generations.current(workspace.path)
    assert newest is not None
    folder = workspace.path / "index" / "gen"
    assert len(list(folder.iterdir())) == 4
    for path in folder.iterdir():
        os.utime(path, (0, path.stat().st_mtime - 60))
    generations.publish(workspace.path, newest := newest + 1)
    files = sorted(int(path.stem) for path in (workspace.path / "index" / "gen").iterdir())
    assert files == [newest - 2, newest - 1, newest]


def test_a_reader_can_neither_write_nor_reach_files(workspace: FakeWorkspace, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    connection = open_results(workspace.path)
    for sql in (
        "delete from recorded.steps",
        f"select * from '{secret}'",
        f"copy (select 1) to '{tmp_path}/out.csv'",
        f"attach '{tmp_path}/x.duckdb'",
        "set enable_external_access = true",
        "select * from secret",
    ):
        with pytest.raises(duckdb.Error):
            connection.execute(sql).fetchall()
    connection.close()


def test_training_that_two_states_logged_is_shown_once(workspace: FakeWorkspace) -> None:
    """The last state was trained uncut before the one in its middle was asked for."""
    workspace.plan(1, exposure())
    workspace.train("0/pretrain.1", {"corpus0": 960}, "".join(log_line(step) for step in range(1, 16)))
    workspace.train("0/pretrain.0", {"corpus0": 640}, "".join(log_line(step) for step in range(1, 11)))
    sql = "select steps from metrics where arm = 0 and name = 'loss' order by steps"
    assert rows(workspace, sql) == [(step,) for step in range(1, 16)]
    assert rows(workspace, "select tokens_counted from allocations where arm = 0 and stage = 'pretrain'") == [
        (960,)
    ]


def test_training_that_another_arm_did_first_is_shown_in_both(workspace: FakeWorkspace) -> None:
    """Arm 1 goes on from step 6 of arm 0, which it has no state of its own at."""
    study = exposure(axes=(), seeds=(0, 1))
    trunk, whole = key("0/pretrain.0"), key("1/pretrain.0")
    steps = tuple(
        replace(
            step,
            params={"steps": 6 if step.key == trunk else 10},
            inputs=step.inputs | ({"resume": trunk} if step.key == whole else {}),
        )
        for step in study.steps
    )
    short = replace(study.stages[0], ends=(6, 15))
    workspace.plan(1, study.model_copy(update={"steps": steps, "stages": (short, *study.stages[1:])}))
    sql = "select steps from metrics where arm = 1 and stage = 'pretrain' and name = 'loss' order by steps"
    workspace.train("0/pretrain.0", {"corpus0": 384}, "".join(log_line(step) for step in range(1, 7)))
    assert rows(workspace, sql) == [(step,) for step in range(1, 7)]
    workspace.log("1/pretrain.0", "".join(log_line(step) for step in range(7, 9)))
    assert rows(workspace, sql) == [(step,) for step in range(1, 9)]
    # Had it been trained whole, by an earlier run, its own log would have it all.
    workspace.train("1/pretrain.0", {"corpus0": 640}, "".join(log_line(step) for step in range(1, 11)))
    assert rows(workspace, sql) == [(step,) for step in range(1, 11)]
    workspace.train("1/pretrain.1", {"corpus0": 960}, log_line(11))
    done = "select done, wall_seconds from stages where arm = 1 and stage = 'pretrain'"
    assert rows(workspace, done) == [(True, 2.0)]
