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


def test_a_new_project_runs_and_answers_in_sql(here: Study) -> None:
    here.specc("new", "my-study")
    project = inside(here, "my-study")
    project.specc("run", "my_study.spec")
    query = "select count(*) as n, count(distinct early) as arms from results where value > 0"
    assert json.loads(project.specc("sql", "--json", query).stdout) == [{"n": 12, "arms": 2}]


def test_its_recipe_is_not_ignored_by_git_whatever_the_folder_ignored_before(here: Study) -> None:
    (here.folder / "study").mkdir()
    (here.folder / "study" / ".gitignore").write_text("*.spec\nmine")
    here.specc("new", "study")
    folder = here.folder / "study"
    assert (folder / ".gitignore").read_text().startswith("*.spec\nmine\n")
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    ignored = subprocess.run(["git", "check-ignore", "-q", "study.spec"], cwd=folder, check=False)
    assert ignored.returncode == 1
    here.specc("new", "study", code=2)
    assert (folder / ".gitignore").read_text().count("!*.spec") == 1


def test_nothing_that_is_there_is_overwritten(here: Study) -> None:
    (here.folder / "study").mkdir()
    (here.folder / "study" / "study.spec").write_text("mine")
    said = here.specc("new", "study", code=2).stderr
    assert "`study/study.spec` is there already" in said
    assert [path.name for path in (here.folder / "study").iterdir()] == ["study.spec"]
    assert (here.folder / "study" / "study.spec").read_text() == "mine"


@pytest.mark.parametrize("name", ["2fast", "my study", "größe", "x" * 64])
def test_a_name_that_cannot_name_an_experiment_is_refused(here: Study, name: str) -> None:
    assert "can't name an experiment" in here.specc("new", name, code=2).stderr
    assert not (here.folder / name).exists()


def test_a_file_in_the_place_of_the_folder_is_refused(here: Study) -> None:
    (here.folder / "study").write_text("mine")
    assert "`study` is a file" in here.specc("new", "study", code=2).stderr


def test_papers_are_offered_by_name_and_copied_with_what_they_use(here: Study) -> None:
    offered = here.specc("new", "copy", "--from", "paper").stdout
    assert "early_exposure/facts" in offered
    assert not (here.folder / "copy").exists()
    here.specc("new", "copy", "--from", "early_exposure/facts")
    copy = inside(here, "copy")
    assert sorted(path.name for path in copy.folder.iterdir()) == [".gitignore", "copy.spec", "models.spec"]
    keys = {step["key"] for step in steps(copy, "copy.spec")}
    assert keys == {step["key"] for step in steps(here, "specc:early_exposure/facts.spec")}


def steps(study: Study, spec: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(study.specc("plan", spec, "--json").stdout)[0]["study"]["steps"]
    return found


def test_an_unknown_paper_is_told_with_the_nearest(here: Study) -> None:
    said = here.specc("new", "copy", "--from", "early_exposure/fact", code=2).stderr
    assert "write `--from early_exposure/facts`" in said
