"""What users see when something is wrong outside of a recipe, or with specc itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from recipe import Study, small_study

from specc.cli import failures


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return small_study(tmp_path)


def test_a_bug_is_called_one_and_its_traceback_goes_to_a_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    @failures.told
    def command() -> int:
        raise ZeroDivisionError("a slip")

    with pytest.raises(SystemExit) as ended:
        command()
    assert ended.value.code == failures.INTERNAL_ERROR
    told = capsys.readouterr().err
    assert "internal error: ZeroDivisionError: a slip" in told
    assert "Traceback" not in told
    (written,) = tmp_path.glob("specc-*.traceback.txt")
    assert str(written) in told
    assert "raise ZeroDivisionError" in written.read_text()


def test_a_workspace_of_a_newer_version_is_left_alone(study: Study) -> None:
    folder = study.folder / ".specc"
    folder.mkdir()
    (folder / "format.json").write_text(json.dumps({"version": 99}))
    for command in (["plan", "small.spec"], ["run", "small.spec"], ["sql", "select 1"], ["status"]):
        told = study.specc(*command, code=2).stderr
        assert "has format 99; this specc knows up to 1" in told
    assert [path.name for path in folder.iterdir()] == ["format.json"]


def test_without_a_workspace_commands_say_what_to_run_first(study: Study) -> None:
    for command in (["sql", "select 1"], ["status"], ["compare"]):
        assert "run a recipe first" in study.specc(*command, code=2).stderr


def test_planning_writes_nothing_beside_the_recipe(study: Study) -> None:
    before = sorted(path.name for path in study.folder.iterdir())
    study.specc("check", "small.spec")
    study.specc("plan", "small.spec")
    after = sorted(path.name for path in study.folder.iterdir() if path.name != "cache")
    assert after == before


def test_a_workspace_that_can_not_be_made_is_told(study: Study) -> None:
    (study.folder / "taken").write_text("a file")
    told = study.specc("run", "small.spec", "-w", "taken/ws", code=2).stderr
    assert "taken" in told
    assert "Traceback" not in told
