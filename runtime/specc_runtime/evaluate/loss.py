"""Cross-entropy on documents, and its exponential."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from specc_runtime.evaluate.batches import Rows, Tokens
from specc_runtime.evaluate.measured import Measured, Task, clustered_error
from specc_runtime.evaluate.scores import target_losses


def loss(task: Task) -> Measured:
    """Mean cross-entropy per target token, in nats, over all documents.

    Documents longer than `sequence` are cut into windows that overlap by one token, so that every
    token but the first of a document is predicted once. Prompts and masked tokens are context, not
    targets. The standard error takes documents as drawn: see `clustered_error`.
    """
    split, sequence = task.split, task.sequence
    rows: list[Tokens] = []
    firsts, owners = [], []
    masks: list[NDArray[np.bool_]] = []
    for number, (document, prompt) in enumerate(task.documents()):
        for begin in range(0, max(len(document) - 1, 1), sequence - 1):
            window = document[begin : begin + sequence]
            first = max(prompt - begin, 1)
            if first < len(window):
                rows.append(window)
                firsts.append(first)
                owners.append(number)
                if split.masked is not None:
                    masks.append(task.masked(number)[begin : begin + sequence])
    found = Rows(rows, np.array(firsts, dtype=np.int64), masks if split.masked is not None else None)
    sums, targets, computed = target_losses(task, found)
    totals, counts = (
        np.bincount(owners, weights=weights, minlength=split.documents).astype(np.float64)
        for weights in (sums, targets)
    )
    n = int(counts.sum())
    samples = [
        {"document": name, "value": total / count, "n": int(count)}
        for name, total, count in zip(task.document_ids(), totals.tolist(), counts.tolist(), strict=True)
        if count
    ]
    value = float(totals.sum()) / n if n else math.nan
    return Measured(value, n, clustered_error(totals, counts), samples, computed)


def perplexity(task: Task) -> Measured:
    """exp of the mean cross-entropy; its standard error by the delta method, value times that of the mean.

    The values of single documents are perplexities too.
    """
    mean = loss(task)
    value = _exp(mean.value)
    return replace(
        mean,
        value=value,
        stderr=None if mean.stderr is None else value * mean.stderr,
        samples=[sample | {"value": _exp(sample["value"])} for sample in mean.samples],
    )


def _exp(value: float) -> float:
    """exp, infinite where it is too large for a float."""
    return math.exp(value) if not value > 700 else math.inf
