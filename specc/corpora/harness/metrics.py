"""Metrics of the harness that are means over rows, so that checkpoints can be compared row by row."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from specc.corpora.harness.task import HarnessTask
from specc.errors import DataError


@dataclass(frozen=True, slots=True)
class Kind:
    """What a metric is.

    Attributes:
        aggregation: how the harness makes one number of those of all rows.
        outputs: types of requests that it can be had from.
    """

    better: str
    unit: str
    aggregation: str
    outputs: tuple[str, ...]


_CHOICE = ("multiple_choice",)

METRICS = {
    "acc": Kind("higher", "share of rows", "mean", ("loglikelihood", "multiple_choice")),
    "acc_norm": Kind("higher", "share of rows", "mean", _CHOICE),
    "acc_bytes": Kind("higher", "share of rows", "mean", _CHOICE),
    "acc_mutual_info": Kind("higher", "share of rows", "mean", _CHOICE),
    "exact_match": Kind("higher", "share of rows", "mean", ("generate_until", "multiple_choice")),
    "perplexity": Kind("lower", "", "perplexity", ("loglikelihood",)),
    "word_perplexity": Kind("lower", "", "weighted_perplexity", ("loglikelihood_rolling",)),
    "byte_perplexity": Kind("lower", "", "weighted_perplexity", ("loglikelihood_rolling",)),
    "bits_per_byte": Kind("lower", "bits per byte", "bits_per_byte", ("loglikelihood_rolling",)),
}
"""By their names in the harness."""

DEFAULTS = {
    "loglikelihood": ("perplexity", "acc"),
    "loglikelihood_rolling": ("word_perplexity", "byte_perplexity", "bits_per_byte"),
    "multiple_choice": ("acc", "acc_norm"),
    "generate_until": ("exact_match",),
}
"""What the harness measures where a task names no metric, by type of request."""

UNFILTERED = "none"
"""Name of the filter that the harness has where a task has none."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric of a task.

    Attributes:
        label: what results are called: "acc"; with the name of the task's filter, "exact_match,strict".
    """

    label: str
    better: str
    unit: str


def chosen_metric(task: HarnessTask, wanted: str = "") -> Metric:
    """The metric that is asked for, "name" or "name,filter"; by default the first of both.

    Raises:
        DataError: if the task doesn't have it, or it can't be compared row by row.
    """
    listed = _listed(task.config, task.path)
    name, _, filtered = wanted.partition(",")
    name = name or next((each for each in listed if each in METRICS), next(iter(listed)))
    if name not in listed:
        raise DataError(
            f"the task `{task.name}` has no metric `{name}`",
            "it has " + ", ".join(f"`{each}`" for each in listed),
        )
    if name not in METRICS:
        raise DataError(
            f"`{name}` of the task `{task.name}` is no mean over rows",
            "specc measures by " + ", ".join(f"`{each}`" for each in METRICS),
        )
    kind, given = METRICS[name], listed[name]
    output = task.config.get("output_type", "generate_until")
    if output not in kind.outputs:
        raise DataError(f"`{name}` can't be had from `{output}`", f"name one of the metrics of `{output}`")
    if given.get("hf_evaluate"):
        raise DataError(
            f"the task `{task.name}` takes `{name}` from the hub: `hf_evaluate`",
            f"leave that out; the harness has a `{name}` of its own",
        )
    if given.get("aggregation", kind.aggregation) != kind.aggregation:
        raise DataError(
            f"the task `{task.name}` makes another mean of `{name}`: `{given['aggregation']}`",
            f"write `aggregation: {kind.aggregation}`",
        )
    filters = [str(each["name"]) for each in task.config.get("filter_list", ())] or [UNFILTERED]
    if filtered and filtered not in filters:
        raise DataError(
            f"the task `{task.name}` has no filter `{filtered}`",
            "it has " + ", ".join(f"`{each}`" for each in filters),
        )
    filtered = filtered or filters[0]
    label = name if filtered == UNFILTERED else f"{name},{filtered}"
    higher = given.get("higher_is_better")
    better = kind.better if not isinstance(higher, bool) else "higher" if higher else "lower"
    return Metric(label, better, kind.unit)


def _listed(config: dict[str, Any], path: Path) -> dict[str, dict[str, Any]]:
    """The metrics of a task, with what it says of each."""
    given = config.get("metric_list")
    if given is None:
        return {name: {} for name in DEFAULTS[config.get("output_type", "generate_until")]}
    try:
        found = {str(each["metric"]): dict(each) for each in given}
    except (TypeError, KeyError, ValueError):
        raise DataError(f"{path}: `metric_list` can't be read", "each begins with `- metric: name`") from None
    if not found:
        raise DataError(f"{path}: `metric_list` is empty", "write `- metric: acc` below it")
    return found
