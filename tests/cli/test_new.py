"""A new project, started as a user starts it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from recipe import Study


@pytest.fixture
def here(tmp_path: Path) -> Study:
    return Study(tmp_path)


def inside(study: Study, folder: str) -> Study:
    return Study(study.folder / folder)


@pytest.mark.conformance
def test_a_new_project_runs_and_answers_in_sql(here: Study) -> None:
    here.specc("new", "my-study")
    project = inside(here, "my-study")
    project.specc("run", "my_study.spec")
    query = "select count(*) as n, count(distinct early) as arms from results where value > 0"
    assert json.loads(project.specc("sql", "--json", query).stdout) == [{"n": 12, "arms": 2}]


def test_its_recipe_is_not_ignored_by_git_whatever_the_folder_ignored_before(here: Study) -> None:
    (here.folder / "study").mkdir()
    (here.folder / "study" / ".gitignore").write_text("*.spec\nmine")
    here.ask("new", "study")
    folder = here.folder / "study"
    assert (folder / ".gitignore").read_text().startswith("*.spec\nmine\n")
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    ignored = subprocess.run(["git", "check-ignore", "-q", "study.spec"], cwd=folder, check=False)
    assert ignored.returncode == 1
    here.ask("new", "study", code=2)
    assert (folder / ".gitignore").read_text().count("!*.spec") == 1


def test_nothing_that_is_there_is_overwritten(here: Study) -> None:
    (here.folder / "study").mkdir()
    (here.folder / "study" / "study.spec").write_text("mine")
    said = here.ask("new", "study", code=2).stderr
    assert "`study/study.spec` is there already" in said
    assert [path.name for path in (here.folder / "study").iterdir()] == ["study.spec"]
    assert (here.folder / "study" / "study.spec").read_text() == "mine"


@pytest.mark.parametrize("name", ["2fast", "my study", "größe", "x" * 64])
def test_a_name_that_cannot_name_an_experiment_is_refused(here: Study, name: str) -> None:
    assert "can't name an experiment" in here.ask("new", name, code=2).stderr
    assert not (here.folder / name).exists()


def test_a_file_in_the_place_of_the_folder_is_refused(here: Study) -> None:
    (here.folder / "study").write_text("mine")
    assert "`study` is a file" in here.ask("new", "study", code=2).stderr


@pytest.mark.parametrize("folder", ["study/inside", "/proc/study"])
def test_a_folder_that_cannot_be_made_is_told(here: Study, folder: str) -> None:
    (here.folder / "study").write_text("mine")
    said = here.ask("new", folder, code=2).stderr
    assert said.startswith(f"error: can't write to `{folder}`: ")
    assert "help: name another folder" in said


def test_the_next_commands_can_be_typed_as_they_are_printed(here: Study) -> None:
    said = here.ask("new", "--", "-my studies/first").stdout
    (line,) = (line for line in said.splitlines() if line.startswith("next: "))
    command = f"{line.removeprefix('next: ')} && ls"
    listed = subprocess.run(
        ["bash", "-c", command], cwd=here.folder, check=True, capture_output=True, text=True
    )
    assert listed.stdout.split() == ["data", "first.spec"]


def test_papers_are_offered_without_a_folder_too_and_a_project_needs_one(here: Study) -> None:
    assert "early_exposure/text" in here.ask("new", "--from", "paper").stdout
    for arguments in ((), ("",), ("--from", "early_exposure/text")):
        assert "no folder is named" in here.ask("new", *arguments, code=2).stderr
    assert list(here.folder.iterdir()) == []


def test_papers_are_offered_by_name_and_copied_with_what_they_use(here: Study) -> None:
    offered = here.ask("new", "copy", "--from", "paper").stdout
    assert "early_exposure/facts" in offered
    assert not (here.folder / "copy").exists()
    here.ask("new", "copy", "--from", "early_exposure/facts")
    copy = inside(here, "copy")
    assert sorted(path.name for path in copy.folder.iterdir()) == [".gitignore", "copy.spec", "models.spec"]
    keys = {step["key"] for step in steps(copy, "copy.spec")}
    assert keys == {step["key"] for step in steps(here, "specc:early_exposure/facts.spec")}


def steps(study: Study, spec: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(study.ask("plan", spec, "--json").stdout)[0]["study"]["steps"]
    return found


def test_an_unknown_paper_is_told_with_the_nearest(here: Study) -> None:
    for meant in ("early_exposure/fact", "facts"):
        said = here.ask("new", "copy", "--from", meant, code=2).stderr
        assert "write `--from early_exposure/facts`" in said
