"""The definition of a task, checked: everything that it may say without any code of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from os.path import exists
from pathlib import Path
from typing import Any

from specc.corpora.contents import open_regular
from specc.corpora.harness.yaml_files import inside, plain, read_data, read_merged, read_yaml, yaml_files
from specc.errors import DataError

OUTPUT_TYPES = ("generate_until", "loglikelihood", "loglikelihood_rolling", "multiple_choice")

SAID = (
    *("task", "output_type", "doc_to_text", "doc_to_target", "doc_to_choice", "description"),
    *("training_split", "validation_split", "test_split", "fewshot_split", "fewshot_config"),
    *("num_fewshot", "target_delimiter", "fewshot_delimiter", "gen_prefix"),
    *("metric_list", "filter_list", "generation_kwargs", "repeats"),
)
"""What a definition says of prompts, answers and metrics; it enters the key of an evaluation."""

ASIDE = (
    *("task_alias", "tag", "group", "metadata", "should_decontaminate", "doc_to_decontamination_query"),
    *("dataset_path", "dataset_name", "dataset_kwargs", "unsafe_code"),
)
"""What changes no result, or is read here."""

SHOTS = (
    *("sampler", "split", "samples", "doc_to_text", "doc_to_choice", "doc_to_target", "gen_prefix"),
    *("fewshot_delimiter", "target_delimiter"),
)
"""What `fewshot_config` may say."""

FILTERS = (
    *("take_first", "take_first_k", "majority_vote", "regex", "regex_pos", "multi_choice_regex"),
    *("remove_whitespace", "lowercase", "uppercase", "map", "format_span"),
)
"""Filters of the harness that need no code."""

GREEDY = {"do_sample": (False,), "temperature": (0, 0.0), "num_beams": (1,)}
"""What may be said of sampling: continuations are greedy."""

LISTED = 8
"""Tasks that are named where the one that is asked for isn't there."""


@dataclass(frozen=True, slots=True)
class HarnessTask:
    """A task whose rows lie in local files.

    Attributes:
        path: of its definition.
        config: what it says, `SAID` alone, as JSON.
        measured: split that is measured.
        splits: files of each split that it uses.
    """

    name: str
    path: Path
    config: dict[str, Any]
    measured: str
    splits: dict[str, tuple[Path, ...]]


def load_task(folder: Path, name: str) -> HarnessTask:
    """The task of a name in a folder.

    Raises:
        DataError: if it isn't there, can't be read, needs code, or data that are not in the folder.
    """
    path = _find(folder, name)
    config = plain(read_merged(path, folder), path)
    _check(config, path)
    test, validation = config.get("test_split"), config.get("validation_split")
    measured = test or validation
    if not isinstance(measured, str):
        raise DataError(f"{path} has neither `test_split` nor `validation_split`", "write `test_split: test`")
    shots = config.get("fewshot_config") or {}
    # As the harness chooses: the split that is named, or the first that the task has.
    few = shots.get("split") or config.get("fewshot_split") or config.get("training_split") or validation
    used = [measured, *([] if shots.get("samples") else [few or test])]
    splits = _splits(config, path, folder, [str(each) for each in dict.fromkeys(used)])
    said = {key: config[key] for key in SAID if config.get(key) is not None}
    return HarnessTask(name, path, said, measured, splits)


def _find(folder: Path, name: str) -> Path:
    """The file that defines a task; only those that have its name in them are parsed."""
    found: list[Path] = []
    others: list[Path] = []
    for path in yaml_files(folder):
        if name.encode() in read_data(inside(folder, path)) and read_yaml(path).get("task") == name:
            found.append(path)
        else:
            others.append(path)
    if len(found) == 1:
        return found[0]
    if found:
        raise DataError(
            f"two files define the task `{name}`: {found[0]} and {found[1]}", "name a folder with one of them"
        )
    known = ", ".join(f"`{each}`" for each in islice(_names(others), LISTED))
    raise DataError(
        f"{folder} has no task `{name}`",
        f"it has {known}" if known else f"a task is a YAML file with the line `task: {name}`",
    )


def _names(paths: list[Path]) -> Iterator[str]:
    """Names of the tasks that some files define; those that can't be read are passed over."""
    for path in paths:
        with suppress(DataError):
            name = read_yaml(path).get("task")
            if isinstance(name, str):
                yield name


def _check(config: Mapping[str, Any], path: Path) -> None:
    if config.get("unsafe_code"):
        raise DataError(f"{path} runs code that a model has written", "specc runs none")
    for key, value in config.items():
        if value is not None and key not in SAID and key not in ASIDE:
            raise DataError(
                f"{path}: `{key}` is not read by specc",
                "tasks are measured that say what they are by templates, local rows and metrics",
            )
    output = config.get("output_type", "generate_until")
    if output not in OUTPUT_TYPES:
        raise DataError(f"{path}: no `output_type` is called {output}", f"one of {', '.join(OUTPUT_TYPES)}")
    if config.get("repeats", 1) not in (1, None):
        raise DataError(f"{path} repeats each request", "continuations are greedy: once is enough")
    _check_generation(config.get("generation_kwargs") or {}, path)
    _check_filters(config.get("filter_list") or [], path)
    shots = config.get("fewshot_config") or {}
    if not isinstance(shots, dict) or not set(shots) <= set(SHOTS):
        raise DataError(
            f"{path}: `fewshot_config` says more than specc reads", f"it may say {', '.join(SHOTS)}"
        )
    if not all(isinstance(each, str) for each in (shots.get("sampler", ""), config.get("description") or "")):
        raise DataError(f"{path}: `sampler` and `description` are text", "put them in quotes")
    for key in ("training_split", "validation_split", "test_split", "fewshot_split"):
        if not isinstance(config.get(key) or "", str):
            raise DataError(f"{path}: `{key}` is no name of a split", f"write `{key}: train`")
    if not isinstance(shots.get("split") or "", str):
        raise DataError(f"{path}: `split` of `fewshot_config` is no name of a split", "write `split: train`")
    for key in ("target_delimiter", "fewshot_delimiter", "gen_prefix"):
        if not isinstance(config.get(key) or "", str):
            raise DataError(f"{path}: `{key}` is text", "put it in quotes")
    shown = config.get("num_fewshot") or 0
    if not isinstance(shown, int) or shown < 0:
        raise DataError(f"{path}: `num_fewshot` is no number of rows: {shown}", "write a whole number")
    for key in ("doc_to_text", "doc_to_target"):
        if config.get(key) is None:
            raise DataError(
                f"{path} has no `{key}`", f"write `{key}: ...`, the name of a field or a template"
            )


def _check_generation(given: Any, path: Path) -> None:
    if not isinstance(given, dict):
        raise DataError(
            f"{path}: `generation_kwargs` is no mapping", "write `until:` and `max_gen_toks:` below it"
        )
    for key, value in given.items():
        if key in ("until", "max_gen_toks"):
            continue
        if value not in GREEDY.get(key, ()):
            raise DataError(
                f"{path}: `{key}: {value}` asks for something else than greedy continuations",
                "leave it out of `generation_kwargs`",
            )


def _check_filters(given: Any, path: Path) -> None:
    try:
        names = [step["function"] for each in given for step in each["filter"]]
        [str(each["name"]) for each in given]
    except (TypeError, KeyError):
        raise DataError(f"{path}: `filter_list` can't be read", "each has a `name` and a `filter`") from None
    unknown = next((name for name in names if name not in FILTERS), None)
    if unknown is not None:
        raise DataError(f"{path}: specc doesn't use the filter `{unknown}`", f"it uses {', '.join(FILTERS)}")


def _splits(
    config: Mapping[str, Any], path: Path, folder: Path, used: list[str]
) -> dict[str, tuple[Path, ...]]:
    """The files of each split that is used."""
    kind, given = config.get("dataset_path"), config.get("dataset_kwargs") or {}
    if kind != "json":
        raise DataError(
            f"{path} reads the data set `{kind}` of the hub" if kind else f"{path} has no `dataset_path`",
            "a task's rows lie beside it: `dataset_path: json`, and below `dataset_kwargs` `data_files`",
        )
    files = given.get("data_files") if isinstance(given, dict) else None
    if isinstance(files, str | list):
        files = {"train": files}
    if not isinstance(files, dict) or set(given) - {"data_files", "trust_remote_code"}:
        raise DataError(f"{path} names no files of rows", "write `data_files`, a path for each split")
    found = {}
    for split in used:
        if split not in files:
            raise DataError(
                f"{path}: `data_files` has no split `{split}`", f"it has {', '.join(files) or 'none'}"
            )
        names = files[split] if isinstance(files[split], list) else [files[split]]
        found[split] = tuple(_file(str(name), path, folder) for name in names)
        if not found[split]:
            raise DataError(f"{path}: the split `{split}` has no file", "name one")
    return found


def _file(name: str, path: Path, folder: Path) -> Path:
    """A file of rows: beside the definition, or from the folder of tasks."""
    beside, below = path.parent / name, folder / name
    file = inside(folder, beside if exists(beside) or not exists(below) else below)
    with open_regular(file):
        return file
