"""The main job end to end: a recipe compiles, runs, is reused, changed, and compared in SQL."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from recipe import SPEC, Study, small_study


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A study that was run once; tests that change it work on a copy."""
    study = small_study(tmp_path_factory.mktemp("study"))
    study.specc("run", "small.spec", "-j", "2")
    return study


@pytest.fixture
def copy(done: Study, tmp_path: Path) -> Study:
    """The finished study in a folder of its own."""
    folder = tmp_path / "moved"
    shutil.copytree(done.folder, folder)
    return Study(folder)


def test_planned_tokens_are_counted_tokens(done: Study) -> None:
    rows = done.rows("select early, stage, corpus, tokens_planned, tokens_counted, epochs from allocations")
    assert len(rows) == 2 * (2 + 3)
    assert all(row["tokens_planned"] == row["tokens_counted"] for row in rows)
    half = [row for row in rows if row["early"] == 0.5 and row["stage"] == "pretrain"]
    assert {row["corpus"]: row["tokens_counted"] for row in half} == {"web": 3840, "skill": 1280}


def test_every_arm_has_its_results_with_axes_as_columns(done: Study) -> None:
    rows = done.rows("select early, seed, stage, eval, value, n from results where eval = 'web_loss'")
    assert {(row["early"], row["seed"], row["stage"]) for row in rows} == {
        (early, seed, stage) for early in (0, 0.5) for seed in (0, 1) for stage in ("pretrain", "posttrain")
    }
    assert all(4 < row["value"] < 6 for row in rows)
    assert len({row["n"] for row in rows}) == 1


def test_the_mean_of_the_documents_is_the_result(done: Study) -> None:
    rows = done.rows(
        "select any_value(r.value) as whole, sum(s.value * s.n) / sum(s.n) as parts from results r "
        "join samples s using (step, arm) where r.eval = 'web_loss' group by r.step, r.arm"
    )
    assert rows
    assert all(row["whole"] == pytest.approx(row["parts"], rel=1e-6) for row in rows)


def test_a_run_ends_with_comparison_expectations_and_a_next_command(done: Study) -> None:
    again = done.specc("run", "small.spec")
    assert "losses" in again.stdout
    assert "met  mean(web_loss after pretrain given early = 0%) < 100" in again.stdout
    assert 'specc sql "select * from results limit 10"' in again.stderr
    assert "all" in again.stderr
    assert "done before" in again.stderr


def test_an_unchanged_recipe_has_nothing_to_do_wherever_it_lies(copy: Study) -> None:
    assert set(copy.todo().values()) == {0}
    copy.write(
        "# Another comment.\n" + SPEC.replace("small {", "renamed {").replace("web_loss", "general_loss")
    )
    assert set(copy.todo().values()) == {0}


def test_a_changed_learning_rate_retrains_what_depends_on_it(copy: Study) -> None:
    copy.write(SPEC.replace("constant(peak = 1e-3)", "constant(peak = 2e-3)"))
    assert copy.todo() == {"prepare": 0, "init": 0, "train": 4, "eval": 8}
    before = {row["step"] for row in copy.rows("select step from results where stage = 'pretrain'")}
    copy.specc("run", "small.spec", "-j", "2")
    assert {row["step"] for row in copy.rows("select step from results where stage = 'pretrain'")} == before
    assert set(copy.todo().values()) == {0}


def test_rebuilding_the_index_changes_no_number(copy: Study) -> None:
    queries = [
        "select * from results order by all",
        "select * from metrics order by all",
        "select * from allocations order by all",
        "select * from expectations order by all",
    ]
    before = [copy.rows(query) for query in queries]
    assert all(before)
    copy.specc("index", "--rebuild")
    assert [copy.rows(query) for query in queries] == before


def test_compare_prints_a_comparison_by_name(done: Study) -> None:
    rows = json.loads(done.specc("compare", "losses", "--json").stdout)
    assert [(row["early"], row["stage"], row["n"]) for row in rows] == [
        (0, "posttrain", 2),
        (0, "pretrain", 2),
        (0.5, "posttrain", 2),
        (0.5, "pretrain", 2),
    ]
    assert "`losses`" in done.specc("compare", "--csv", code=2).stderr
    wrong = done.specc("compare", "loses", code=2)
    assert "write `losses`" in wrong.stderr


def test_csv_has_a_header_and_a_line_for_each_row(done: Study) -> None:
    lines = done.specc("sql", "--csv", "select seed, early from recipes order by all").stdout.splitlines()
    assert lines == ["seed,early", "0,0.0", "0,0.5", "1,0.0", "1,0.5"]


def test_a_wrong_column_is_told_with_the_nearest_ones(done: Study) -> None:
    wrong = done.specc("sql", "select erly from results", code=2)
    assert "there is no column `erly`" in wrong.stderr
    assert "`early`" in wrong.stderr
    assert "Traceback" not in wrong.stderr


def test_an_expectation_that_is_not_met_sets_exit_code_3(copy: Study) -> None:
    copy.write(SPEC.replace("< 100", "< 1"))
    ended = copy.specc("run", "small.spec", code=3)
    assert "not met" in ended.stdout


def test_status_tells_the_latest_run(done: Study) -> None:
    assert "is done" in done.specc("status").stdout
    assert json.loads(done.specc("status", "--json").stdout)["state"] == "done"


def test_a_source_file_that_changed_is_read_again(copy: Study) -> None:
    (copy.folder / "web" / "3.txt").write_text("something else " * 40)
    todo = copy.todo()
    assert todo["prepare"] == 1
    assert todo["init"] == 0
    assert todo["train"] == 8


@pytest.mark.conformance
def test_a_damaged_checkpoint_is_noticed_and_made_again(copy: Study) -> None:
    (row,) = copy.rows("select checkpoint from stages where stage = 'pretrain' and early = 0.5 and seed = 1")
    key = row["checkpoint"]
    damaged = copy.folder / ".specc" / "store" / key[:2] / key / "model.safetensors"
    content = bytearray(damaged.read_bytes())
    content[-1] ^= 1
    damaged.chmod(0o644)
    damaged.write_bytes(content)
    copy.write(SPEC.replace("constant(peak = 1e-3)", "constant(peak = 5e-4)"))
    copy.specc("run", "small.spec", "-j", "1")
    assert set(copy.todo().values()) == {0}
    assert [path.name.split(".")[0] for path in (copy.folder / ".specc" / "quarantine").iterdir()] == [key]


def test_the_plan_says_when_results_come_from_other_versions(copy: Study) -> None:
    for path in (copy.folder / ".specc" / "store").glob("*/*/manifest.json"):
        manifest = json.loads(path.read_text())
        del manifest["sha256"]  # manifests of earlier versions have no checksum of themselves
        manifest["provenance"]["versions"]["torch"] = "0.1.0"
        path.chmod(0o644)
        path.write_text(json.dumps(manifest))
    shown = copy.specc("plan", "small.spec").stdout
    assert "nothing to do" in shown
    assert "were made with torch 0.1.0; here is " in shown


def test_a_run_with_a_failed_step_still_prints_what_came_through(copy: Study) -> None:
    copy.write(SPEC.replace("constant(peak = 1e-3)", "constant(peak = 1e18)"))
    ended = copy.specc("run", "small.spec", "-j", "2", code=4)
    assert "diverged at step" in ended.stderr
    assert "small: losses" in ended.stdout
    assert "met  mean(web_loss after pretrain given early = 0%) < 100" in ended.stdout
    (row,) = copy.rows(
        "select count(*) as n, bool_and(isnan(value)) as nan from results where stage = 'posttrain'"
    )
    assert row == {"n": 8, "nan": True}


def test_a_device_that_is_not_there_is_wrong_usage_and_fails_no_step(copy: Study) -> None:
    copy.write(SPEC.replace("constant(peak = 1e-3)", "constant(peak = 3e-3)"))
    ended = copy.specc("run", "small.spec", "--device", "cuda:99", "-j", "1", code=2)
    assert "there is no device `cuda:99` here" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert json.loads(copy.specc("status", "--json").stdout)["counts"]["failed"] == 0


def test_a_comparison_that_the_rows_do_not_suit_hides_nothing_else(copy: Study) -> None:
    broken = (
        "  compare broken = ```sql\n    select eval::integer as n from results\n  ```\n\n  compare losses"
    )
    copy.write(SPEC.replace("  compare losses", broken))
    ended = copy.specc("run", "small.spec")
    assert "comparison `broken`" in ended.stderr
    assert "small: losses" in ended.stdout
    assert "met  mean(web_loss after pretrain" in ended.stdout
