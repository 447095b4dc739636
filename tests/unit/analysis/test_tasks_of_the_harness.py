"""`lm_eval(...)` in a recipe: what of a task enters the key of its evaluation, and what is refused."""

from __future__ import annotations

import importlib.metadata
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from small_recipes import compiled, study_of
from specc.corpora.harness import chosen_metric, load_task
from specc.errors import DataError
from specc.results.measured import data_identities
from specc.study import PlannedStep, Study

RECIPE = """\
model tiny = llama(layers = 1, width = 16, heads = 2, context = 32 tokens)

experiment small {
  corpus web = markov(tokens = 10K tokens{web})
  allocate { web { pretrain: 5_120 tokens } }
  stage pretrain from tiny {
    optimizer = adamw()
    schedule  = constant(peak = 1e-3)
    batch     = 4 sequences
  }
  eval colour = {call} after pretrain
}
"""
TASK = """\
task: colours
dataset_path: json
dataset_kwargs:
  data_files: {test: rows/colours.jsonl, train: rows/shots.jsonl, unused: no_such_file.jsonl}
test_split: test
fewshot_split: train
include: prompt.yaml
output_type: multiple_choice
doc_to_choice: options
doc_to_target: answer
metric_list:
  - metric: acc
    aggregation: mean
"""
CALL = 'lm_eval("colours", include = "tasks")'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a task in it."""
    (tmp_path / "tasks/rows").mkdir(parents=True)
    (tmp_path / "tasks/colours.yaml").write_text(TASK)
    (tmp_path / "tasks/prompt.yaml").write_text('doc_to_text: "{{thing}} is"\ntask_list: [other]\n')
    row = {"thing": "grass", "options": ["green", "red"], "answer": 0}
    for name in ("colours", "shots"):
        rows = [row, row | {"thing": "blood", "answer": 1}, row]
        (tmp_path / f"tasks/rows/{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def recipe(call: str = CALL, web: str = "") -> str:
    return RECIPE.replace("{call}", call).replace("{web}", web)


def measured(folder: Path, call: str = CALL, web: str = "") -> tuple[PlannedStep, Study]:
    study = study_of(folder, recipe(call, web))
    (step,) = (step for step in study.steps if step.op == "eval")
    return step, study


def message(folder: Path, call: str = CALL) -> str:
    (found,) = compiled(folder, recipe(call)).report.diagnostics
    return found.title


def replaced(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("file", "old", "new", "same"),
    [
        ("colours.yaml", "task: colours", "# the task\ntask: colours", True),
        ("colours.yaml", "task: colours", "task: colours\ntask_alias: shades", True),
        ("colours.yaml", "task: colours", "task: colours\nnum_fewshot: 1", False),
        ("prompt.yaml", "}} is", "}} was", False),
        ("rows/colours.jsonl", "blood", "leaf", False),
        ("rows/shots.jsonl", "blood", "leaf", False),
    ],
)
def test_what_a_task_says_and_its_rows_make_the_key(
    folder: Path, file: str, old: str, new: str, same: bool
) -> None:
    before, was = measured(folder)
    replaced(folder / "tasks" / file, old, new)
    after, now = measured(folder)
    assert (after.key == before.key) == same
    assert (after.inputs["checkpoint"]) == before.inputs["checkpoint"]
    assert (set(data_identities(now).values()) == set(data_identities(was).values())) == same


def test_a_task_that_is_moved_is_the_same(folder: Path) -> None:
    before, _ = measured(folder)
    shutil.move(folder / "tasks", folder / "elsewhere")
    assert measured(folder, 'lm_eval("colours", include = "elsewhere")')[0].key == before.key


def test_shots_limit_and_metric_make_the_key_where_they_differ_from_the_default(folder: Path) -> None:
    calls = ["num_fewshot = 2", "limit = 1", "metric = " + '"acc"']
    keys = [measured(folder, CALL.replace(")", f", {given})"))[0].key for given in calls]
    assert len({*keys, measured(folder)[0].key}) == 3
    assert keys[2] == measured(folder)[0].key


def test_the_metric_and_its_direction_are_those_of_the_task(folder: Path) -> None:
    step, study = measured(folder)
    (told,) = study.evaluations
    assert (told.metric, told.better, told.unit) == ("acc", "higher", "share of rows")
    assert step.params["evaluator"]["args"] == {
        "metric": "acc",
        "harness": importlib.metadata.version("lm_eval"),
    }
    replaced(folder / "tasks/colours.yaml", "aggregation: mean", "higher_is_better: false")
    assert measured(folder)[1].evaluations[0].better == "lower"


def test_rows_are_documents_and_a_row_that_comes_twice_is_two(folder: Path) -> None:
    from specc.corpora.documents import document_id
    from specc.corpora.harness import read_task_rows, reader_arguments

    task = load_task(folder / "tasks", "colours")
    files = [file for split in task.splits.values() for file in split]
    documents = list(read_task_rows(files[::-1], reader_arguments(task)))
    assert len(documents) == len({document_id(document) for document in documents}) == 3
    assert json.loads(documents[1].text)["thing"] == "blood"


def test_the_tokenizer_is_that_of_the_corpora(folder: Path) -> None:
    (folder / "text.txt").write_text("green grass, red blood and so on. " * 400)
    web = RECIPE.replace(
        "markov(tokens = 10K tokens{web})", 'text("text.txt", tokenizer = bpe(vocab = 270), max_epochs = 20)'
    )
    study = study_of(folder, web.replace("{call}", CALL))
    (step,) = (step for step in study.steps if step.op == "eval")
    steps = {each.key: each for each in study.steps}
    rows = steps[step.inputs["corpus0"]]
    (made,) = (each for each in study.steps if each.op == "tokenizer")
    assert rows.inputs == {"tokenizer": made.key}
    named = study_of(folder, web.replace("{call}", CALL.replace(")", ", tokenizer = web.tokenizer)")))
    assert {each.key for each in named.steps} == set(steps)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("doc_to_choice: options", "doc_to_choice: !function code.choices", "needs Python code"),
        ("task: colours", "task: colours\nprocess_docs: clean", "`process_docs` is not read"),
        ("task: colours", "task: colours\nunsafe_code: true", "runs code that a model has written"),
        (
            "dataset_path: json",
            "dataset_path: allenai/ai2_arc",
            "reads the data set `allenai/ai2_arc` of the hub",
        ),
        ("dataset_path: json", "dataset_path: ./loader.py", "of the hub"),
        ("include: prompt.yaml", "include: /etc/hosts", "lies outside of the folder"),
        ("include: prompt.yaml", "include: colours.yaml", "in a circle"),
        ("test: rows/colours.jsonl", "test: ../../rows.jsonl", "lies outside of the folder"),
        ("test: rows/colours.jsonl", "test: rows/none.jsonl", "can't be read"),
        ("test_split: test", "test_split: dev", "no split `dev`"),
        ("test_split: test", "num_fewshot: 0", "neither `test_split` nor"),
        ("multiple_choice", "chat", "no `output_type` is called chat"),
        ("metric: acc", "metric: bleu", "is no mean over rows"),
        ("aggregation: mean", "aggregation: median", "makes another mean"),
        ("aggregation: mean", "hf_evaluate: true", "takes `acc` from the hub"),
        ("doc_to_target: answer", "repeats: 3", "repeats each request"),
        ("doc_to_target: answer", "description: [a]\ndoc_to_target: b", "are text"),
        (
            "doc_to_target: answer",
            "filter_list: [{name: a, filter: [{function: custom}]}]",
            "filter `custom`",
        ),
        ("doc_to_target: answer", "fewshot_config: {process_docs: a}", "`fewshot_config` says more"),
        ("doc_to_target: answer", "generation_kwargs: {temperature: 0.7}", "greedy continuations"),
        ("doc_to_target: answer", "doc_to_target: !!python/name:os.system", "is not YAML"),
        ("doc_to_target: answer", "doc_to_target: 2020-01-01", "neither text nor a number"),
        ("test: rows/colours.jsonl", r'test: "a\0b"', "is no path"),
        ("include: prompt.yaml", r'include: "a\0b"', "is no path"),
        ("test: rows/colours.jsonl", f"test: {'a' * 5000}", "can't be read"),
        ("fewshot_split: train", "fewshot_split: {a: b}", "is no name of a split"),
        ("fewshot_split: train", "fewshot_config: {split: [a]}", "is no name of a split"),
        ("fewshot_split: train", "num_fewshot: many", "no number of rows: many"),
        ("doc_to_target: answer", "doc_to_target: 0x" + "f" * 9000, "more than 64 bits"),
        ("doc_to_target: answer", r'doc_to_target: "\ud800"', "half of a character"),
        ("doc_to_target: answer", "target_delimiter: [a]", "`target_delimiter` is text"),
    ],
)
def test_what_specc_does_not_do_is_refused_in_words(folder: Path, old: str, new: str, said: str) -> None:
    replaced(folder / "tasks/colours.yaml", old, new)
    assert said in message(folder)


def test_a_link_out_of_the_folder_is_refused(folder: Path) -> None:
    (folder / "secret.jsonl").write_text('{"thing": "key"}\n')
    (folder / "tasks/rows/colours.jsonl").unlink()
    (folder / "tasks/rows/colours.jsonl").symlink_to(folder / "secret.jsonl")
    assert "lies outside of the folder" in message(folder)


def test_aliases_that_grow_without_end_are_refused(folder: Path) -> None:
    levels = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 9))
    (folder / "tasks/colours.yaml").write_text(f"{TASK}l0: &l0 [x]\n{levels}")
    assert "holds too much" in message(folder)


def test_merged_mappings_that_grow_without_end_are_refused(folder: Path) -> None:
    levels = "".join(f"l{n}: &l{n} {{<<: [{', '.join([f'*l{n - 1}'] * 9)}]}}\n" for n in range(1, 12))
    (folder / "tasks/colours.yaml").write_text(f"{TASK}l0: &l0 {{x: 1}}\n{levels}")
    assert "hold too much" in message(folder)


def test_two_files_with_one_task_are_told(folder: Path) -> None:
    shutil.copy(folder / "tasks/colours.yaml", folder / "tasks/again.yaml")
    assert "two files define the task `colours`" in message(folder)


def test_without_the_package_the_recipe_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", absent)
    (found,) = compiled(folder, recipe()).report.diagnostics
    assert found.title == "`lm_eval`: `lm_eval` needs the package `lm_eval`"
    assert found.help == "install it: `pip install 'specc[lm_eval]'`"


def test_a_filter_is_chosen_by_name(folder: Path) -> None:
    filters = "filter_list:\n" + "".join(
        f"  - {{name: {name}, filter: [{{function: take_first}}]}}\n" for name in ("strict", "loose")
    )
    (folder / "tasks/colours.yaml").write_text(TASK + filters)
    task = load_task(folder / "tasks", "colours")
    assert chosen_metric(task).label == "acc,strict"
    assert chosen_metric(task, "acc,loose").label == "acc,loose"
    with pytest.raises(DataError, match="no filter `none`"):
        chosen_metric(task, "acc,none")


def test_checking_a_task_loads_neither_the_harness_nor_torch(folder: Path) -> None:
    (folder / "case.spec").write_text(recipe())
    code = (
        f"import sys; sys.path[:0] = {[*sys.path]!r}\n"
        "from specc.analysis.compile import compile_file\n"
        "assert not compile_file('case.spec').report.failed\n"
        "print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=folder
    )
    assert {"lm_eval", "datasets", "torch", "transformers"}.isdisjoint(done.stdout.split())


def test_ids_of_an_unknown_tokenizer_are_not_taken_for_bytes(folder: Path) -> None:
    import numpy as np

    np.save(folder / "ids.npy", np.tile(np.arange(200, dtype=np.uint16), 60))
    web = 'token_files("ids.npy", vocab = 300, eos = 199)'
    text = RECIPE.replace("markov(tokens = 10K tokens{web})", web).replace("{call}", CALL)
    (found,) = compiled(folder, text).report.diagnostics
    assert (found.code, found.help) == (
        "E0503",
        "say with `tokenizer` what has made the ids of the corpus",
    )
