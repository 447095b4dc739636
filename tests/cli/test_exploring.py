"""`specc graph`, `specc diff` and `specc why`, as a user calls them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
from recipe import SPEC, Study, small_study

from specc.store import Store


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return small_study(tmp_path)


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the recipe was run: training takes longer than all that is asked about it."""
    study = small_study(tmp_path_factory.mktemp("once"))
    study.specc("run", "small.spec", "-j", "1")
    return study.folder


@pytest.fixture
def ran(once: Path, tmp_path: Path) -> Study:
    """A copy of that folder."""
    shutil.copytree(once, tmp_path / "ran")
    return Study(tmp_path / "ran")


@pytest.fixture
def repository(study: Study) -> Study:
    """The recipe and a file that it uses, committed."""
    model, rest = SPEC.split("experiment small", 1)
    (study.folder / "models.spec").write_text(model)
    study.write('use "models.spec" { tiny }\n\nexperiment small' + rest)
    git(study, "init", "-q")
    commit(study)
    return study


def git(study: Study, *arguments: str) -> None:
    isolated = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *identity, *arguments], cwd=study.folder, env=os.environ | isolated, check=True)


def commit(study: Study) -> None:
    git(study, "add", "--", *(path.name for path in study.folder.glob("*.spec")))
    git(study, "commit", "-q", "-m", "a state")


def edit(study: Study, old: str, new: str, name: str = "small.spec") -> None:
    path = study.folder / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


# ---- graph


def test_the_form_of_a_picture_is_known_by_the_ending_of_its_file(study: Study) -> None:
    for name, begins in (
        ("a.svg", "<svg"),
        ("a.html", "<!DOCTYPE html>"),
        ("a.dot", "digraph"),
        ("a.mmd", "flowchart"),
    ):
        done = study.ask("graph", "small.spec", "-o", name)
        assert done.stdout == ""
        assert done.stderr == f"wrote {name}\n"
        assert (study.folder / name).read_text().startswith(begins)
    assert study.ask("graph", "small.spec").stdout.startswith("small: ")
    assert "doesn't say in which form" in study.ask("graph", "small.spec", "-o", "a.png", code=2).stderr
    assert "can't write" in study.ask("graph", "small.spec", "-o", "no/where.svg", code=2).stderr


def test_drawing_does_nothing_else(study: Study) -> None:
    before = sorted(path.name for path in study.folder.iterdir())
    ElementTree.fromstring(study.ask("graph", "small.spec", "--format", "svg").stdout)
    assert sorted(path.name for path in study.folder.iterdir() if path.name != "cache") == before


def test_a_picture_tells_what_a_run_has_done(ran: Study) -> None:
    text = ran.ask("graph", "small.spec").stdout
    assert "24 steps, 24 done" in text
    assert "[ ]" not in text
    edit(ran, "constant(peak = 1e-3)", "constant(peak = 2e-3)")
    changed = ran.ask("graph", "small.spec").stdout
    assert "[ ] train    posttrain" in changed
    assert "[x] train    pretrain" in changed


def test_a_wrong_recipe_is_told_and_not_drawn(study: Study) -> None:
    edit(study, "budget    = 5_120 tokens", "budget    = 5_120 steps")
    for command in (
        ["graph", "small.spec"],
        ["diff", "small.spec", "small.spec"],
        ["why", "small.spec", "web"],
    ):
        done = study.ask(*command, code=1)
        assert "error[E0301]" in done.stderr
        assert done.stdout == ""


# ---- diff


def test_two_files_are_compared(study: Study) -> None:
    (study.folder / "other.spec").write_text(SPEC.replace("constant(peak = 1e-3)", "constant(peak = 2e-3)"))
    text = study.ask("diff", "small.spec", "other.spec").stdout
    assert text.startswith("small.spec -> other.spec\n")
    assert "posttrain: schedule.peak 0.001 -> 0.002  (line 24)" in text
    study.ask("diff", "small.spec", "other.spec", "--exit-code", code=1)
    study.ask("diff", "small.spec", "small.spec", "--exit-code")
    (found,) = json.loads(study.ask("diff", "small.spec", "other.spec", "--json").stdout)
    assert found["changes"][0]["subject"] == "posttrain"


def test_a_comment_changes_no_step(repository: Study) -> None:
    edit(repository, "experiment small {", "# what for?\nexperiment small {")
    text = repository.ask("diff", "small.spec", "--exit-code").stdout
    assert text.startswith("small.spec at HEAD -> small.spec\n")
    assert "no step changes: they are the same 24 steps" in text


def test_a_used_file_is_read_at_the_revision_too(repository: Study) -> None:
    edit(repository, "width = 16", "width = 32", "models.spec")
    assert "model tiny: width 16 -> 32  (models.spec:2)" in repository.ask("diff", "small.spec").stdout
    commit(repository)
    assert "no step changes" in repository.ask("diff", "small.spec").stdout
    assert "width 16 -> 32" in repository.ask("diff", "small.spec", "--since", "HEAD~1").stdout
    assert sorted(path.name for path in repository.folder.glob("*.spec")) == ["models.spec", "small.spec"]


def test_finished_steps_are_told_among_the_new_ones(ran: Study) -> None:
    (ran.folder / "old.spec").write_text(SPEC.replace("constant(peak = 1e-3)", "constant(peak = 2e-3)"))
    text = ran.ask("diff", "old.spec", "small.spec").stdout
    assert "new, done" in text
    assert "nothing to do: what is new is done already" in text


def test_a_revision_that_can_not_be_read_is_told(repository: Study, tmp_path: Path) -> None:
    for wrong in ("nothing", "--output=x", "HEAD:small.spec", "HEAD~7"):
        told = repository.ask("diff", "small.spec", f"--since={wrong}", code=2).stderr
        assert f"git knows no revision `{wrong}`" in told
    (repository.folder / "fresh.spec").write_text(SPEC)
    assert "there is no file `fresh.spec` at `HEAD`" in repository.ask("diff", "fresh.spec", code=1).stderr
    both = repository.ask("diff", "small.spec", "small.spec", "--since", "HEAD", code=2).stderr
    assert "exclude each other" in both


def test_a_missing_file_is_told_once(repository: Study) -> None:
    told = repository.ask("diff", "gone.spec", code=1).stderr
    assert told.count("error") == 2  # the message, and the count of errors
    assert "can't read `gone.spec`" in told


def test_in_a_repository_without_a_commit_two_files_are_asked_for(study: Study) -> None:
    git(study, "init", "-q")
    told = study.ask("diff", "small.spec", code=2).stderr
    assert "the git repository of `small.spec` has no commit yet" in told
    assert "specc diff A B" in told


def test_without_a_repository_two_files_are_asked_for(study: Study) -> None:
    told = study.ask("diff", "small.spec", code=2).stderr
    assert "lies in no git repository" in told
    assert "specc diff A B" in told


def test_reading_a_revision_runs_nothing_that_a_repository_configures(repository: Study) -> None:
    trap = repository.folder / "trapped"
    command = f"touch {trap}; cat"
    for key in (
        "diff.trap.textconv",
        "diff.trap.command",
        "filter.trap.smudge",
        "core.fsmonitor",
        "core.pager",
    ):
        git(repository, "config", key, command)
    (repository.folder / ".gitattributes").write_text("*.spec diff=trap filter=trap\n")
    edit(repository, "width = 16", "width = 32", "models.spec")
    assert "width 16 -> 32" in repository.ask("diff", "small.spec").stdout
    assert not trap.exists()


# ---- why


def test_a_step_of_a_run_is_explained_without_its_recipe(ran: Study) -> None:
    ran.spec.unlink()
    text = ran.ask("why", "early=0%/seed=1/pretrain").stdout
    assert text.startswith("small/early=0%/seed=1/pretrain\n  train  ")
    assert "run 1" in text
    assert "arms      1 of 4: early = 0%, seed = 1" in text
    assert "expected  mean(web_loss after pretrain given early = 0%) < 100" in text
    assert "compared  losses" in text
    found = json.loads(ran.ask("why", "early=0%/seed=1/pretrain", "--json").stdout)
    assert found["done"]["run"] == 1
    assert json.loads(ran.ask("why", found["key"][:10], "--json").stdout)["key"] == found["key"]


def test_a_step_of_a_recipe_is_explained_with_its_lines_before_any_run(study: Study) -> None:
    text = study.ask("why", "small.spec", "early=50%/seed=0/posttrain").stdout
    assert "to do" in text
    assert "schedule constant(peak = 0.001) (line 24)" in " ".join(text.split())


def test_the_corpus_of_an_evaluation_is_told_by_its_name(study: Study) -> None:
    text = study.ask("why", "small.spec", "early=0%/seed=0/posttrain/skill_acc").stdout
    assert "corpus skill of skill_acc after posttrain" in text
    assert "corpus0" not in text


def test_a_step_that_only_an_earlier_run_had_is_found(ran: Study) -> None:
    old = json.loads(ran.ask("why", "early=0%/seed=1/posttrain", "--json").stdout)
    edit(ran, "constant(peak = 1e-3)", "constant(peak = 2e-3)")
    (plan,) = json.loads(ran.ask("plan", "small.spec", "--json").stdout)
    later = ran.folder / ".specc" / "runs" / "000002"
    later.mkdir()
    (later / "plan.json").write_text(json.dumps(plan["study"]))
    new = json.loads(ran.ask("why", "early=0%/seed=1/posttrain", "--json").stdout)
    assert new["key"] != old["key"]
    assert new["done"] is None
    for command in (["why", old["key"]], ["why", "small.spec", old["key"]]):
        found = json.loads(ran.ask(*command, "--json").stdout)
        assert (found["key"], found["done"]["run"]) == (old["key"], 1)


def test_a_finished_step_that_no_plan_has_any_more_is_explained_from_the_store(ran: Study) -> None:
    key = json.loads(ran.ask("why", "early=0%/seed=1/posttrain", "--json").stdout)["key"]
    for path in (ran.folder / ".specc" / "runs").glob("*/plan.json"):
        path.write_text("{}")
    text = ran.ask("why", key[:12]).stdout
    assert "no plan of a run has it any more" in text
    assert "small/early=0%/seed=1/pretrain" in text


def test_a_step_that_is_not_there_is_told_with_what_was_meant(study: Study) -> None:
    told = study.ask("why", "small.spec", "early=0%/seed=1/pretrian", code=2).stderr
    assert "there is no step `early=0%/seed=1/pretrian` in `small.spec`" in told
    assert "write `early=0%/seed=1/pretrain`" in told
    assert "fits 4 steps" in study.ask("why", "small.spec", "posttrain", code=2).stderr
    assert "run a recipe first" in study.ask("why", "posttrain", code=2).stderr
    assert "no step is named" in study.ask("why", "small.spec", code=2).stderr
    assert "[FILE] STEP" in study.ask("why", "a", "b", "c", code=2).stderr


# ---- verify


def test_damaged_steps_are_told_set_aside_and_made_again(ran: Study) -> None:
    assert ran.ask("verify").stdout.endswith("all are as their manifests say\n")
    store = Store(ran.folder / ".specc")
    ended = [manifest for manifest in map(store.manifest, store.done()) if manifest.op == "eval"]
    everything = len(store.done())
    (store.path(ended[0].key) / "result.json").write_text("{}")
    (store.path(ended[1].key) / "samples.jsonl").unlink()
    told = json.loads(ran.ask("verify", "--json", code=4).stdout)
    assert told["checked"] == everything
    assert {(one["key"], one["state"], one["set_aside"]) for one in told["bad"]} == {
        (one.key, "damaged", True) for one in ended[:2]
    }
    assert ran.todo()["eval"] == 2
    assert ran.ask("verify").exit_code == 0


def test_what_a_recipe_or_a_name_means_is_verified_and_nothing_else(ran: Study) -> None:
    def checked(*words: str) -> int:
        found: int = json.loads(ran.ask("verify", *words, "--json").stdout)["checked"]
        return found

    everything = checked()
    assert checked("small.spec") == everything > 20
    assert checked("posttrain/skill_acc") == checked("small.spec", "posttrain/skill_acc") == 4
    edit(ran, "seeds 0..1", "seeds 0..0")
    assert checked("small.spec", "posttrain/skill_acc") == 2
    assert "there is no step `nothing`" in ran.ask("verify", "nothing", code=2).stderr
    assert "more than one recipe" in ran.ask("verify", "a.spec", "b.spec", code=2).stderr


@pytest.mark.conformance
def test_steps_are_done_again_as_they_were(ran: Study) -> None:
    done = ran.specc("verify", "small.spec", "--rerun", "3", "--seed", "1", "-j", "1")
    assert done.stdout.endswith("done again: 3 same\n")
    assert done.stdout.count("\n") == 4
