"""Taking away what no kept result needs: what goes, what stays, and a death in the middle of it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fake_steps import fake_step, study_of
from forked import fork, forked, places
from specc.cli.main import specc
from specc.errors import WorkspaceError
from specc.execute.lock import WorkspaceLock, described, read_holder
from specc.execute.status import RunState, read_status, run_folder
from specc.faults import Fault, FaultKind
from specc.history.collect import collect, freed
from specc.history.notes import add_tag
from specc.history.trash import LIST, bins, move_to_trash, purge, restore
from specc.results.reader import open_results
from specc.store import Store
from specc.study import PlannedStep, Study
from toy_run import run_here


def chain(*names: str) -> Study:
    """A study in which each step reads the one before it."""
    steps: list[PlannedStep] = []
    for name in names:
        steps.append(fake_step(name, *steps[-1:]))
    study = study_of(*steps)
    return study.model_copy(update={"stages": tuple(replace(stage, ends=(1,)) for stage in study.stages)})


OLD, NEW = chain("shared", "old", "older"), chain("shared", "new")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of an experiment, the second without two steps of the first, and what was left lying."""
    workspace = tmp_path_factory.mktemp("collecting") / "workspace"
    assert forked(lambda: run_here(OLD, workspace)).error == ""
    assert forked(lambda: run_here(NEW, workspace)).error == ""
    for name in (f"work/{'a' * 64}", f"quarantine/{'b' * 64}.0"):
        (workspace / name).mkdir(parents=True)
        (workspace / name / "rest.bin").write_bytes(b"x" * 1000)
    return workspace


@pytest.fixture
def workspace(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "workspace", symlinks=True))


def keys(study: Study) -> set[str]:
    return {step.key for step in study.steps}


def gone(study: Study) -> set[str]:
    """Steps that only the old run needs."""
    return keys(study) - keys(NEW)


def answers(workspace: Path) -> list[list[str]]:
    """What queries see of the latest run."""
    connection = open_results(workspace)
    try:
        return [
            sorted(map(str, connection.execute(f"SELECT * FROM {table}").fetchall()))
            for table in ("recipes", "steps", "lineage", "stages", "results", "metrics", "artifacts")
        ]
    finally:
        connection.close()


def called(workspace: Path, *arguments: str) -> Result:
    return CliRunner().invoke(specc, ["gc", *arguments, "-w", str(workspace)])


def test_what_the_latest_run_needs_stays_and_the_rest_may_go(workspace: Path) -> None:
    found = collect(workspace)
    assert {item.path[-64:] for item in found.items if item.kind == "step"} == gone(OLD)
    assert [item.bytes for item in found.items if item.kind != "step"] == [1000, 1000]
    assert [(keeper.run, keeper.why) for keeper in found.keepers] == [(2, "the latest")]
    assert Store(workspace).done() == keys(OLD) | keys(NEW), "looking takes nothing away"


def test_what_a_tagged_run_needs_stays(workspace: Path) -> None:
    add_tag(workspace, 1, "submitted")
    assert [item.kind for item in collect(workspace).items] == ["scratch", "damaged"]


def test_more_of_the_latest_runs_can_be_kept(workspace: Path) -> None:
    assert [item.kind for item in collect(workspace, runs_kept=2).items] == ["scratch", "damaged"]


def in_state(workspace: Path, run: int, state: RunState) -> None:
    status = read_status(workspace, run)
    assert status is not None
    path = run_folder(workspace, run) / "status.json"
    path.write_text(status.model_copy(update={"state": state}).model_dump_json())


def test_what_the_latest_finished_run_needs_stays_beside_one_that_was_interrupted(workspace: Path) -> None:
    in_state(workspace, 2, "interrupted")
    found = collect(workspace)
    assert [(keeper.run, keeper.why) for keeper in found.keepers] == [
        (2, "the latest"),
        (1, "the latest that was done"),
    ]
    assert [item.kind for item in found.items] == ["scratch", "damaged"]


def test_the_command_that_is_offered_takes_no_more_than_was_shown(workspace: Path) -> None:
    assert "`specc gc -w " in called(workspace, "--keep", "2").stdout
    assert " --keep 2 --yes` moves" in called(workspace, "--keep", "2").stdout
    assert " --results --yes` moves" in called(workspace, "--results").stdout


def test_a_run_that_was_killed_does_not_seem_to_go_on_while_things_are_moved(workspace: Path) -> None:
    in_state(workspace, 2, "running")
    result = called(workspace, "--yes", "--json")
    kept = [keeper["why"] for keeper in json.loads(result.stdout)["keepers"]]
    assert kept == ["the latest", "the latest that was done"]
    assert described(read_holder(workspace / "lock")).startswith("`specc gc` (process ")


def test_a_run_that_died_before_its_plan_needs_nothing(workspace: Path) -> None:
    run_folder(workspace, 3).mkdir()
    assert [keeper.run for keeper in collect(workspace).keepers] == [2]


def test_a_run_whose_tags_cannot_be_read_might_be_kept(workspace: Path) -> None:
    (run_folder(workspace, 1) / "notes.jsonl").mkdir()
    assert "tags of run 1 can't be read" in called(workspace, "--yes").stderr
    assert Store(workspace).done() == keys(OLD) | keys(NEW)


def test_the_two_steps_and_the_way_back(workspace: Path) -> None:
    before = answers(workspace)
    shown = called(workspace)
    assert "nothing was changed" in shown.stdout
    assert Store(workspace).done() == keys(OLD) | keys(NEW)
    moved = called(workspace, "--yes")
    assert f"{len(gone(OLD))} finished steps" in moved.stdout
    assert Store(workspace).done() == keys(NEW)
    assert answers(workspace) == before, "the latest run's results are what they were"
    assert called(workspace, "--yes").stdout.startswith("there is nothing to take away")
    assert "4 folders put back" in called(workspace, "--restore").stdout
    assert Store(workspace).done() == keys(OLD) | keys(NEW)
    for key in keys(OLD):
        Store(workspace).verify(key)
    called(workspace, "--yes")
    assert "--purge --yes` deletes it for good" in called(workspace, "--purge").stdout
    assert len(bins(workspace)) == 1
    assert "deleted" in called(workspace, "--purge", "--yes").stdout
    assert bins(workspace) == []
    assert "the trash is empty" in called(workspace, "--purge").stdout


def test_a_step_that_was_done_again_is_not_put_in_the_place_of_the_new_one(workspace: Path) -> None:
    called(workspace, "--yes")
    assert forked(lambda: run_here(OLD, workspace)).error == ""
    restored = restore(workspace)
    assert restored.items == 2, "scratch and damaged"
    assert len(restored.left) == len(gone(OLD))
    assert bins(workspace)[0].items == len(gone(OLD))


def test_nothing_is_taken_from_under_a_run(workspace: Path) -> None:
    with WorkspaceLock(workspace) as lock:
        assert lock.try_once()
        result = called(workspace, "--yes")
    assert result.exit_code == 2
    assert "works in" in result.stderr
    assert Store(workspace).done() == keys(OLD) | keys(NEW)


def test_a_plan_that_cannot_be_read_might_need_anything(workspace: Path) -> None:
    (run_folder(workspace, 1) / "plan.json").write_text("{}")
    with pytest.raises(WorkspaceError, match="nobody knows what it needs"):
        collect(workspace)


def test_what_is_not_speccs_and_what_links_lead_to_is_left_alone(workspace: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("keep")
    (workspace / "store" / "mine.txt").write_text("keep")
    (workspace / "work" / "notes").mkdir()
    (workspace / "work" / ("c" * 64)).symlink_to(outside)
    (workspace / f"work/{'a' * 64}" / "link").symlink_to(outside)
    found = collect(workspace)
    assert set(found.foreign) == {"store/mine.txt", "work/notes", f"work/{'c' * 64}"}
    move_to_trash(workspace, found.items)
    purge(workspace)
    assert (outside / "precious").read_text() == "keep"
    assert (workspace / "store" / "mine.txt").exists()


def test_a_folder_of_the_workspace_that_is_a_link_is_refused(workspace: Path, tmp_path: Path) -> None:
    shutil.move(workspace / "store", tmp_path / "elsewhere")
    (workspace / "store").symlink_to(tmp_path / "elsewhere")
    assert "symbolic link" in called(workspace).stderr


def test_a_list_that_leads_out_of_the_workspace_is_not_followed(workspace: Path, tmp_path: Path) -> None:
    called(workspace, "--yes")
    (place,) = (workspace / "trash").iterdir()
    listed = json.loads((place / LIST).read_text())
    for item in listed["items"]:
        item["path"] = "../../escaped"
    (place / LIST).write_text(json.dumps(listed))
    assert restore(workspace).items == 0
    assert not (tmp_path.parent / "escaped").exists()
    assert not (tmp_path / "escaped").exists()


def test_what_is_in_no_list_is_not_deleted_by_putting_back(workspace: Path) -> None:
    called(workspace, "--yes")
    (place,) = (workspace / "trash").iterdir()
    (place / LIST).write_text("{")
    result = called(workspace, "--restore")
    assert "is damaged" in result.stdout
    assert bins(workspace)[0].items == 4


def test_only_bins_are_emptied_and_one_that_is_half_deleted_is_shown(workspace: Path) -> None:
    called(workspace, "--yes")
    (place,) = (workspace / "trash").iterdir()
    place.rename(place.with_name(place.name + ".deleting"))
    (workspace / "trash" / "mine").mkdir()
    assert "--purge --yes` deletes it for good" in called(workspace, "--purge").stdout
    assert "deleted: " in called(workspace, "--purge", "--yes").stdout
    assert [each.name for each in (workspace / "trash").iterdir()] == ["mine"]


def test_a_file_of_two_names_is_counted_once_and_not_while_a_name_stays(tmp_path: Path) -> None:
    for folder in ("here", "there"):
        (tmp_path / folder).mkdir()
    (tmp_path / "here" / "one").write_bytes(b"x" * 500)
    os.link(tmp_path / "here" / "one", tmp_path / "there" / "two")
    assert freed([tmp_path]) == 500
    assert freed([tmp_path / "here"]) == 0
    assert freed([tmp_path / "here", tmp_path / "there"]) == 500


def test_a_workspace_that_may_not_be_written_is_told(workspace: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    (workspace / "trash").mkdir(mode=0o500)
    assert called(workspace, "--yes").exit_code == 2


@pytest.mark.conformance
@pytest.mark.parametrize("kind", ["kill", "torn", "enospc", "eio"])
def test_a_death_in_any_operation_loses_nothing_that_is_kept(
    tmp_path: Path, finished: Path, kind: FaultKind
) -> None:
    def move(workspace: Path) -> None:
        move_to_trash(workspace, collect(workspace).items)

    seen = forked(lambda: move(Path(shutil.copytree(finished, tmp_path / "seen", symlinks=True)))).seen
    assert len(seen) >= 8
    for number in places(kind, seen):
        workspace = Path(shutil.copytree(finished, tmp_path / str(number), symlinks=True))
        end = forked(lambda: move(workspace), Fault(kind, number))  # noqa: B023
        assert end.killed or end.error
        assert keys(NEW) <= Store(workspace).done()
        restore(workspace)
        assert Store(workspace).done() == keys(OLD) | keys(NEW), f"{kind}@{number}: all is put back"
        move(workspace)
        assert Store(workspace).done() == keys(NEW)


@pytest.mark.conformance
def test_a_death_while_the_trash_is_emptied_or_put_back_leaves_no_half_of_a_step(
    tmp_path: Path, finished: Path
) -> None:
    full = Path(shutil.copytree(finished, tmp_path / "full", symlinks=True))
    move_to_trash(full, collect(full).items)

    def put_back(workspace: Path) -> None:
        restore(workspace)

    both: tuple[Callable[[Path], None], ...] = (purge, put_back)
    for number, what in enumerate(both):
        seen = forked(lambda: what(Path(shutil.copytree(full, tmp_path / f"seen{number}")))).seen  # noqa: B023
        for place in places("kill", seen):
            workspace = Path(shutil.copytree(full, tmp_path / f"{number}-{place}"))
            assert forked(lambda: what(workspace), Fault("kill", place)).killed  # noqa: B023
            restore(workspace)
            for key in Store(workspace).done():
                Store(workspace).verify(key)
            assert keys(NEW) <= Store(workspace).done()
            purge(workspace)
            assert not [*(workspace / "trash").iterdir()]


def test_two_who_collect_at_once_take_each_thing_once(workspace: Path) -> None:
    children = []
    for _ in range(2):
        child = fork()
        if child == 0:
            try:
                called(workspace, "--yes")
            finally:
                os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    assert Store(workspace).done() == keys(NEW)
    assert sum(each.items for each in bins(workspace)) == 4
