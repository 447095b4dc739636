"""What was run when, what it changed, and what was written about it."""

from __future__ import annotations

import json
import multiprocessing
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from specc.analysis.compile import compile_file
from specc.cli.compiling import study_of
from specc.cli.main import specc
from specc.errors import QueryError
from specc.execute.record import RunRecord
from specc.execute.status import RunStatus, StepCounts, run_folder
from specc.files import file_digest
from specc.history.notes import add_note, add_tag, read_notes, remove_tag
from specc.history.recipe import KeptRecipe, read_recipe
from specc.history.runs import find_run, tagged
from specc.history.since import earlier, since
from specc.results.as_of import open_run
from specc.results.reader import open_results
from specc.steps import Step
from specc.store import Provenance, Store, open_workspace
from specc.study import Study

SPEC = """experiment NAME {
  seeds 0..LAST
  corpus web = markov(tokens = 10K tokens)
  allocate { web { pretrain: 100% } }
  stage pretrain from llama(layers = 1, width = 16, heads = 2, context = 32 tokens) {
    optimizer = adamw()
    schedule  = constant(peak = PEAK)
    batch     = 4 sequences
  }
  eval fit = loss(web.train) after pretrain
}
"""


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Study]:
    """The experiment `exposure` of two seeds and of three, and `other`."""
    folder = tmp_path_factory.mktemp("studies")
    found = {}
    for key, name, last, peak in (
        ("two", "exposure", 1, 1e-3),
        ("three", "exposure", 2, 1e-3),
        ("higher", "exposure", 2, 2e-3),
        ("other", "other", 1, 1e-3),
    ):
        path = folder / f"{key}.spec"
        path.write_text(SPEC.replace("NAME", name).replace("LAST", str(last)).replace("PEAK", str(peak)))
        (experiment,) = compile_file(path).experiments
        found[key] = study_of(experiment, Store(folder))[0]
    return found


@pytest.fixture
def workspace(tmp_path: Path, studies: dict[str, Study]) -> Path:
    """Three runs: of two seeds, again, and of three seeds."""
    place = open_workspace(tmp_path / ".specc", create=True)
    for study in ("two", "two", "three"):
        ran(place, studies[study])
    return place


def ran(place: Path, study: Study) -> None:
    record = RunRecord(place, study, KeptRecipe(files={"case.spec": "experiment e {}\n", "m.spec": "# m\n"}))
    record.status(
        RunStatus(
            run=record.run,
            experiment=study.experiment,
            spec=study.spec,
            state="done",
            pid=1,
            counts=StepCounts(total=len(study.steps), done=len(study.steps)),
            started="2026-11-21T10:00:00+00:00",
            updated="2026-11-21T10:00:05+00:00",
            elapsed_seconds=5.0,
        )
    )
    record.close()


def measured(place: Path, study: Study, *values: float) -> None:
    """Finish the evaluations of a study, seed by seed."""
    by_key = {step.key: step for step in study.steps}
    for measure, value in zip(study.measures, values, strict=True):
        planned = by_key[measure.key]
        step = Step.model_validate({name: getattr(planned, name) for name in Step.model_fields})
        folder = place / "work" / measure.key
        folder.mkdir()
        outputs = {"metric": "loss", "value": value, "n": 10, "stderr": 0.1}
        Store(place).publish(step, folder, outputs, Provenance(versions={}))


def called(place: Path, *arguments: str) -> Result:
    return CliRunner().invoke(specc, [*arguments, "-w", str(place)])


def test_a_run_keeps_the_text_of_its_recipe(workspace: Path) -> None:
    kept = read_recipe(run_folder(workspace, 1))
    assert kept is not None
    assert (kept.name, kept.text, len(kept.files)) == ("case.spec", "experiment e {}\n", 2)
    assert called(workspace, "log", "1", "--recipe").stdout == "experiment e {}\n\n# ---- m.spec\n\n# m\n"


def test_the_log_says_what_each_run_changed(workspace: Path) -> None:
    listed = json.loads(called(workspace, "log", "--json").stdout)
    assert [run["run"] for run in listed] == [3, 2, 1]
    assert [run["changed"] for run in listed[1:]] == ["the same recipe", "the first run of this experiment"]
    assert listed[0]["changed"] == "seeds: new: seed 2"


def test_the_log_of_one_run_tells_all_that_changed_since_the_one_before(workspace: Path) -> None:
    text = called(workspace, "log", "3").stdout
    assert "against run 2" in text
    assert "2 arms -> 3" in text


def test_notes_and_tags_are_shown_and_taken_away(workspace: Path) -> None:
    assert called(workspace, "note", "2", "too  low\x1b[31m").exit_code == 0
    assert called(workspace, "tag", "2", "submitted", "v1.0").exit_code == 0
    text = called(workspace, "log").stdout
    assert "note: too  low\ufffd[31m" in text
    assert "[submitted]  [v1.0]" in text
    assert find_run(workspace, "submitted").number == 2
    remove_tag(workspace, 2, "submitted")
    assert tagged(workspace) == {"v1.0": 2}
    add_note(workspace, 2, "all is well", replace=True)
    assert read_notes(workspace, 2).note == "all is well"


def test_a_tag_names_the_run_that_got_it_last(workspace: Path) -> None:
    add_tag(workspace, 3, "best")
    path = run_folder(workspace, 1) / "notes.jsonl"
    path.write_text('{"time": "2099-01-01T00:00:00+00:00", "kind": "tag", "text": "best"}\n')
    assert tagged(workspace) == {"best": 1}


def test_of_two_runs_tagged_in_a_second_the_later_tag_counts(workspace: Path) -> None:
    for run in (3, 1, 3, 2):
        add_tag(workspace, run, "best")
        assert tagged(workspace) == {"best": run}


def test_notes_come_from_standard_input_and_are_shown_without_steering_the_terminal(workspace: Path) -> None:
    def noted(given: bytes, *arguments: str) -> Result:
        return CliRunner().invoke(specc, ["note", "1", *arguments, "-w", str(workspace)], input=given)

    assert noted("zwei\nZeilen \x1b[31m ü".encode()).exit_code == 0
    assert noted(b"").stdout == "zwei\nZeilen \ufffd[31m ü\n"
    assert "no UTF-8 text" in noted(b"\xff\xfe", "-").stderr
    assert len(read_notes(workspace, 1).notes) == 1
    assert noted(b"", "--replace").exit_code == 0
    assert read_notes(workspace, 1).notes == ()


def test_what_was_not_run_has_no_log(workspace: Path, tmp_path: Path) -> None:
    assert "`nope.spec` was not run in this workspace" in called(workspace, "log", "nope.spec").stderr
    empty = open_workspace(tmp_path / "empty", create=True)
    assert called(empty, "log").stdout == "nothing was run in this workspace yet\n"
    assert called(workspace, "tag", "1").stdout == ""


@pytest.mark.parametrize("tag", ["12", "latest", "a b", "", "../x", "-x", "a" * 65])
def test_what_is_no_tag_is_refused(workspace: Path, tag: str) -> None:
    with pytest.raises(QueryError, match="can't be a tag"):
        add_tag(workspace, 1, tag)
    assert read_notes(workspace, 1).tags == {}


def test_a_torn_line_loses_nothing_but_itself(workspace: Path) -> None:
    add_note(workspace, 1, "one")
    path = run_folder(workspace, 1) / "notes.jsonl"
    with open(path, "a") as file:
        file.write('{"time": "2026", "ki')
    add_note(workspace, 1, "two")
    assert [note.text for note in read_notes(workspace, 1).notes] == ["one", "two"]


def test_runs_are_a_table(workspace: Path) -> None:
    def listed() -> list[tuple[object, ...]]:
        connection = open_results(workspace)
        try:
            return connection.execute(
                "SELECT run, state, steps_done, ended - started, note, tags, recipe FROM runs ORDER BY run"
            ).fetchall()
        finally:
            connection.close()

    digest = file_digest(run_folder(workspace, 1) / "recipe.json")
    first = listed()[0]
    assert first == (1, "done", first[2], timedelta(seconds=5), None, [], digest)
    add_note(workspace, 1, "to be cited")
    add_tag(workspace, 1, "v1")
    assert listed()[0][4:6] == ("to be cited", ["v1"])


def _write(workspace: Path, name: str) -> None:
    for number in range(50):
        add_note(workspace, 1, f"{name} {number}")


def test_two_who_write_at_once_lose_nothing(workspace: Path) -> None:
    writers = [multiprocessing.get_context("fork").Process(target=_write, args=(workspace, n)) for n in "ab"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    found = [note.text for note in read_notes(workspace, 1).notes]
    assert [text for text in found if text.startswith("a")] == [f"a {number}" for number in range(50)]
    assert [text for text in found if text.startswith("b")] == [f"b {number}" for number in range(50)]


@pytest.mark.parametrize(
    ("name", "message"),
    [("9", "there is no run 9"), ("subm", "no run has the tag `subm`"), ("0", "there is no run 0")],
)
def test_an_unknown_run_is_told(workspace: Path, name: str, message: str) -> None:
    add_tag(workspace, 1, "submitted")
    result = called(workspace, "log", name)
    assert result.exit_code == 2
    assert message in result.stderr


def test_runs_of_one_experiment_are_listed_by_its_name(workspace: Path, studies: dict[str, Study]) -> None:
    ran(workspace, studies["other"])
    assert [run["run"] for run in json.loads(called(workspace, "log", "other", "--json").stdout)] == [4]
    assert "(2 earlier; `-n` shows more)" in called(workspace, "log", "exposure", "-n", "1").stdout


def test_an_earlier_run_can_be_looked_at_as_if_it_were_the_latest(workspace: Path) -> None:
    for run, seeds in ((1, 2), (3, 3)):
        connection = open_run(workspace, run)
        try:
            assert connection.execute("SELECT count(*) FROM recipes").fetchone() == (seeds,)
            assert connection.execute("SELECT run FROM experiments").fetchone() == (run,)
            assert connection.execute("SELECT count(*) FROM runs").fetchone() == (3,)
        finally:
            connection.close()
    connection = open_results(workspace)
    try:
        assert connection.execute("SELECT count(*) FROM recipes").fetchone() == (3,)
    finally:
        connection.close()


def test_a_run_is_compared_with_an_earlier_one_seed_by_seed(
    workspace: Path, studies: dict[str, Study]
) -> None:
    measured(workspace, studies["three"], 2.0, 3.0, 4.0)
    ran(workspace, studies["higher"])
    measured(workspace, studies["higher"], 1.5, 2.4, 3.6)
    found = since(find_run(workspace, "1"), find_run(workspace, "latest"))
    (answer,) = found.answers
    (effect,) = answer.effects
    assert [(pair.seed, round(pair.difference, 9)) for pair in effect.pairs] == [(0, -0.5), (1, -0.6)]
    assert effect.mean == pytest.approx(-0.55)
    assert "schedule.peak" in [change.name for change in found.difference.changes]
    assert found.gone == 0
    text = called(workspace, "compare", "--since", "peak").stdout
    assert "schedule.peak 0.001 -> 0.002" in text
    assert "0.5 lower" in text, "over three seeds, against run 3"


def test_what_no_change_has_touched_is_the_same(workspace: Path, studies: dict[str, Study]) -> None:
    measured(workspace, studies["three"], 2.0, 3.0, 4.0)
    assert "the same as in run 2" in called(workspace, "compare", "--since", "2").stdout


def test_results_that_are_gone_are_counted(workspace: Path, studies: dict[str, Study]) -> None:
    assert since(find_run(workspace, "1"), find_run(workspace, "3")).gone == 2


def test_earlier_runs_are_found_by_date_and_by_words_of_a_change(workspace: Path) -> None:
    last = find_run(workspace, "latest")
    assert earlier(last, "seed 2").number == 2
    assert earlier(last, "2026-11-21").number == 2
    for name in ("2026-11-19", "nothing of the kind", "9999-12-31", "0001-01-01T00:00"):
        with pytest.raises(QueryError):
            earlier(last, name)


def test_runs_of_two_experiments_are_not_compared(workspace: Path, studies: dict[str, Study]) -> None:
    ran(workspace, studies["other"])
    result = called(workspace, "compare", "--since", "1")
    assert result.exit_code == 2
    assert "`other`" in result.stderr


def test_a_run_may_not_be_worse_than_an_earlier_one(workspace: Path, studies: dict[str, Study]) -> None:
    measured(workspace, studies["three"], 2.0, 3.0, 4.0)
    ran(workspace, studies["higher"])
    measured(workspace, studies["higher"], 2.5, 3.5, 4.6)
    assert called(workspace, "compare", "--since", "3", "--fail-if-worse", "1").exit_code == 0
    result = called(workspace, "compare", "--since", "3", "--fail-if-worse")
    assert result.exit_code == 3
    assert "`all arms, run 4` is worse than `all arms, run 3`" in result.stderr


def test_an_earlier_run_is_queried(workspace: Path, studies: dict[str, Study]) -> None:
    add_tag(workspace, 1, "first")
    for run, seeds in (("1", 2), ("first", 2), ("latest", 3)):
        found = called(workspace, "sql", "--run", run, "select count(*) as n from recipes", "--csv")
        assert found.stdout.split() == ["n", str(seeds)]
