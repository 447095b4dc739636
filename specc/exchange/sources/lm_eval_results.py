"""lm-evaluation-harness: `results_*.json`, and `samples_TASK_*.jsonl` beside it where they were logged.

A result is a task with a metric and a filter, `acc,none`; its standard error is `acc_stderr,none`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from specc.canonical import digest
from specc.errors import reason
from specc.exchange.foreign import (
    ForeignResult,
    ForeignRun,
    Sample,
    Scalar,
    Source,
    digest_of,
    flattened,
    number,
    parsed,
    read_text,
    refused,
    scalar,
    unreadable,
    whole,
    written,
)

_SEED = ("random_seed", "numpy_seed", "torch_seed", "fewshot_seed")
_TIMED = re.compile(r"results(_(?P<time>.*))?")


def is_results(path: Path) -> bool:
    """Whether a file is of the harness: its name says so, or its beginning."""
    if path.suffix != ".json":
        return False
    try:
        found = parsed(read_text(path))
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and isinstance(found.get("results"), dict) and "configs" in found


def is_folder(path: Path) -> bool:
    return any(is_results(each) for each in sorted(path.rglob("results*.json"))[:20])


def read(path: Path) -> Source:
    """Read one file of results, or all in a folder; of several with a task of a model, the last by name.

    Raises:
        DataError: if one can't be read.
    """
    files = (
        [path] if path.is_file() else sorted(each for each in path.rglob("results*.json") if is_results(each))
    )
    top = path.parent if path.is_file() else path
    read_too: list[Path] = []
    runs: dict[str, ForeignRun] = {}
    notes: list[str] = []
    for file in files:
        found = _object(file)
        run = _run(found, file)
        for result in _results(found, file, read_too):
            run.results.append(result)
        earlier = runs.get(run.name)
        if earlier is not None:
            own = {result.eval for result in run.results}
            again = [result for result in earlier.results if result.eval in own]
            if again:
                notes.append(
                    f"`{run.name}` has `{again[0].eval}` and more in several files; {file.name} counts"
                )
            run.results = [result for result in earlier.results if result.eval not in own] + run.results
        runs[run.name] = run
    if not runs:
        refused(
            f"there are no results of the harness in {path}", "name a file `results_*.json`, or its folder"
        )
    return Source(
        "lm_eval", top.absolute().name, digest_of([*files, *read_too], top), list(runs.values()), tuple(notes)
    )


def _object(file: Path) -> dict[str, Any]:
    try:
        found = parsed(read_text(file))
    except (ValueError, RecursionError) as error:
        unreadable(file, reason(error), error)
    if not isinstance(found, dict) or not isinstance(found.get("results"), dict):
        unreadable(file, "it holds no `results`")
    return found


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _run(found: Mapping[str, Any], file: Path) -> ForeignRun:
    config = _map(found.get("config"))
    name = str(found.get("model_name") or config.get("model") or written(file.absolute().parent.name))
    # Seeds of the harness draw few-shot examples: they are no replicates of training.
    run = ForeignRun(name, recipe=name, seed=0)
    parameters: dict[str, Scalar] = {}
    arguments = config.get("model_args")
    if isinstance(arguments, str):
        pairs = (pair.partition("=") for pair in arguments.split(",") if "=" in pair)
        parameters.update((f"model_args.{key.strip()}", scalar(value.strip())) for key, _, value in pairs)
    else:
        parameters.update(flattened(_map(arguments), "model_args."))
    for key in ("model", "limit", "gen_kwargs", "model_dtype", "model_revision", "model_num_parameters"):
        parameters.update(flattened({key: config.get(key)}))
    run.parameters = parameters
    run.parameters.update((key, config[key]) for key in _SEED if isinstance(config.get(key), int))
    date = number(found.get("date"))
    if date is not None and 0 < date < 4e9:
        from datetime import UTC, datetime

        run.started = datetime.fromtimestamp(date, UTC).isoformat(timespec="seconds")
    run.seconds = number(found.get("total_evaluation_time_seconds")) or 0.0
    return run


def _results(found: Mapping[str, Any], file: Path, read_too: list[Path]) -> Iterator[ForeignResult]:
    for task, values in found["results"].items():
        samples = _samples(file, task)
        rows: list[Mapping[str, Any]] = []
        if samples is not None:
            read_too.append(samples)
            rows = list(_lines(samples))
        data = digest(
            {
                "task": task,
                "hash": str(_map(found.get("task_hashes")).get(task, "")),
                "version": str(_map(found.get("versions")).get(task, "")),
                "shots": str(_map(found.get("n-shot")).get(task, "")),
                "n": str(_map(found.get("n-samples")).get(task, "")),
            }
        )
        for name, value in _map(values).items():
            metric, _, filtered = name.partition(",")
            measured = float("nan") if value in ("NaN", "N/A") else number(value)
            if measured is None or not filtered or metric.endswith("_stderr"):
                continue
            called = metric if filtered == "none" else f"{metric},{filtered}"
            higher = _map(_map(found.get("higher_is_better")).get(task)).get(metric)
            better: Literal["lower", "higher", ""] = ""
            if isinstance(higher, bool):
                better = "higher" if higher else "lower"
            counts = _map(_map(found.get("n-samples")).get(task))
            yield ForeignResult(
                eval=f"{task}/{called}",
                metric=metric,
                value=measured,
                stage="evaluation",
                n=whole(counts.get("effective")),
                stderr=number(_map(values).get(f"{metric}_stderr,{filtered}")),
                better=better,
                data=data,
                samples=tuple(_of_metric(rows, metric, filtered)),
            )


def _samples(file: Path, task: str) -> Path | None:
    """The samples of a task from the same time, or the latest; None if there are none."""
    match = _TIMED.fullmatch(file.stem)
    time = match["time"] if match and match["time"] else ""
    if not re.fullmatch(r"[\w.+ -]+", task):
        return None
    exact = file.parent / f"samples_{task}_{time}.jsonl"
    return exact if exact.is_file() else None


def _lines(path: Path) -> Iterator[Mapping[str, Any]]:
    for number_, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = parsed(line)
        except (ValueError, RecursionError) as error:
            unreadable(path, f"line {number_}: {reason(error)}", error)
        if isinstance(row, dict):
            yield row


def _of_metric(rows: list[Mapping[str, Any]], metric: str, filtered: str) -> Iterator[Sample]:
    """Samples that have a metric after a filter; a document is told by its number and its content."""
    for row in rows:
        if metric not in row or str(row.get("filter", "none")) != filtered:
            continue
        value = row[metric]
        measured = float(value) if isinstance(value, bool) else number(value)
        if measured is None:
            continue
        answers = row.get("filtered_resps")
        said = answers[0] if isinstance(answers, list) and len(answers) == 1 else None
        target = row.get("target")
        yield Sample(
            document=f"{row.get('doc_id', '')}:{str(row.get('doc_hash', ''))[:16]}",
            value=measured,
            prediction=said if isinstance(said, str) else None,
            target=str(target) if target is not None else None,
        )
