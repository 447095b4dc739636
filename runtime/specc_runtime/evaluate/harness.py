"""A task of the lm-evaluation-harness: its prompts, filters and metrics, on rows that the step has."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from io import StringIO
from typing import Any

import numpy as np

from specc.corpora.harness import METRICS, harness_version
from specc.errors import DataError, SpeccError
from specc_runtime.attempt import Interrupted
from specc_runtime.evaluate.measured import Measured, Task, clustered_error
from specc_runtime.prepared import TASK, open_tokens

SHOTS_SEED = 1234
"""Of the draw of rows that are shown with answers, as in the harness."""

MISTAKES = (
    *(ArithmeticError, AssertionError, AttributeError, LookupError, NotImplementedError, RuntimeError),
    *(TypeError, ValueError, SyntaxError),
)
"""What the harness raises where a task's templates don't fit its rows."""

OF_MEAN: dict[str, Callable[[float], float]] = {
    "mean": lambda mean: mean,
    "perplexity": lambda mean: _exp(mean),
    "weighted_perplexity": lambda mean: _exp(mean),
    "bits_per_byte": lambda mean: mean / math.log(2),
}
"""The metric, of the mean that it is made of: by how rows are aggregated."""

SLOPE: dict[str, Callable[[float], float]] = {
    "mean": lambda value: 1.0,
    "perplexity": lambda value: value,
    "weighted_perplexity": lambda value: value,
    "bits_per_byte": lambda value: 1 / math.log(2),
}
"""How steeply the metric rises with that mean."""

LENGTHS: dict[str, Callable[[str], int]] = {
    "acc": lambda text: 1,
    "acc_norm": len,
    "acc_bytes": lambda text: len(text.encode()),
}
"""What a choice's log-likelihood is divided by, by metric."""


def lm_eval(task: Task) -> Measured:
    """Measure a checkpoint by a task; the value is what the harness makes of all rows.

    The standard error takes rows as drawn: see `clustered_error`. For perplexities it is that of the
    mean log-likelihood by the delta method. Values of rows are those of the metric on one row alone.

    Raises:
        SpeccError: if none, or another version of the harness is installed than when the recipe was compiled.
        DataError: if the task's templates don't fit its rows.
    """
    given = task.evaluator.args
    installed = harness_version()
    if installed != given["harness"]:
        raise SpeccError(
            f"lm_eval {installed} is installed; the recipe was compiled with {given['harness']}",
            "run the recipe again, or install the other version",
        )
    name, _, filtered = str(given["metric"]).partition(",")
    try:
        found = _evaluated(task, name, filtered or "none")
    except (DataError, MemoryError, Interrupted):
        raise
    except Exception as error:
        if not isinstance(error, MISTAKES) and not type(error).__module__.startswith(("jinja2", "pyarrow")):
            raise
        raise DataError(
            f"the harness can't measure {task.attempt.step.label or 'the task'}: "
            f"{type(error).__name__}: {error}",
            "look at the templates of the task and at its rows",
        ) from error
    return found


def _evaluated(task: Task, name: str, filtered: str) -> Measured:
    from lm_eval.evaluator import evaluate

    from specc_runtime.evaluate.harness_model import CheckpointModel

    _sandbox()
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    given = task.evaluator.args
    model = CheckpointModel(task, open_tokens(task.folder))
    with redirect_stderr(StringIO()):  # bars of progress: the attempt has its own
        made = _task(task, name, filtered)
        result: Any = evaluate(
            lm=model,
            task_dict={"tasks": {made.task_name: made}, "groups": {}, "group_map": {}},
            limit=given.get("limit") or None,
            bootstrap_iters=0,
            log_samples=True,
        )
    value = float(result["results"][made.task_name][f"{name},{filtered}"])
    rows = sorted(result["samples"][made.task_name], key=lambda row: row["doc_id"])
    sums, counts = (np.array(parts, dtype=np.float64) for parts in zip(*_parts(name, rows), strict=True))
    of_mean = OF_MEAN[METRICS[name].aggregation]
    ids = task.document_ids()
    samples = [
        {
            "document": ids[row["doc_id"]],
            "value": of_mean(total / count) if count else math.nan,
            "n": int(count),
            **_answers(made, name, row),
        }
        for row, total, count in zip(rows, sums.tolist(), counts.tolist(), strict=True)
    ]
    error = clustered_error(sums, counts)
    stderr = None if error is None else SLOPE[METRICS[name].aggregation](value) * error
    return Measured(value, int(counts.sum()), stderr, samples, model.computed)


def _task(task: Task, name: str, filtered: str) -> Any:
    """The harness' own task, with one metric and one filter, reading the rows that the step has."""
    from datasets import Dataset
    from lm_eval.api.task import ConfigurableTask

    prepared = json.loads((task.folder / TASK).read_bytes())
    said: dict[str, Any] = prepared["config"]
    splits = {split: Dataset.from_list(rows) for split, rows in prepared["rows"].items()}
    listed = said.get("metric_list") or [{"metric": name}]
    said["metric_list"] = [entry for entry in listed if entry["metric"] == name] or [{"metric": name}]
    if said.get("filter_list"):
        said["filter_list"] = [entry for entry in said["filter_list"] if str(entry["name"]) == filtered]
    shots = int(task.evaluator.args.get("num_fewshot", -1))
    said["num_fewshot"] = said.get("num_fewshot") or 0 if shots < 0 else shots
    made = ConfigurableTask(config={**said, "custom_dataset": lambda **_: splits})
    made.set_fewshot_seed(seed=SHOTS_SEED)
    return made


def _parts(name: str, rows: list[dict[str, Any]]) -> Iterator[tuple[float, float]]:
    """Of each row what is summed up, losses for log-likelihoods, and what the sum is divided by."""
    for row in rows:
        found = row[name]
        match METRICS[name].aggregation:
            case "mean":
                yield float(found), 1.0
            case "perplexity":
                yield -float(found), 1.0
            case _:
                yield -float(found[0]), float(found[1])


def _answers(made: Any, name: str, row: dict[str, Any]) -> dict[str, str]:
    """What was answered, and what should have been, where both can be told in words."""
    target, found = row["target"], row["filtered_resps"]
    if made.OUTPUT_TYPE == "generate_until":
        right = target if isinstance(target, str) else json.dumps(target, ensure_ascii=False)
        return {"prediction": str(found[0]), "target": right}
    if made.OUTPUT_TYPE != "multiple_choice" or name not in LENGTHS or made.multiple_input:
        return {}
    choices = made.doc_to_choice(row["doc"])
    scores = [score / LENGTHS[name](text) for (score, _), text in zip(found, choices, strict=True)]
    if isinstance(target, int) and 0 <= target < len(choices):
        target = choices[target]
    return {"prediction": choices[int(np.argmax(scores))], "target": str(target)}


def _sandbox() -> None:
    """Let templates of tasks reach nothing but the row; the harness itself would let them run any code."""
    from jinja2 import BaseLoader, StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment
    from lm_eval import utils

    if not isinstance(utils.env, SandboxedEnvironment):
        safe = SandboxedEnvironment(
            loader=BaseLoader(), undefined=StrictUndefined, keep_trailing_newline=True
        )
        safe.filters["regex_replace"] = utils.regex_replace
        utils.env = safe


def _exp(value: float) -> float:
    """exp, infinite where it is too large for a float."""
    return math.exp(value) if not value > 700 else math.inf
