"""Whether the correct option of a prompt is the likeliest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from specc.components import arguments
from specc.errors import DataError
from specc_runtime.evaluate.batches import Rows, Tokens
from specc_runtime.evaluate.measured import Measured, Task, clustered_error
from specc_runtime.evaluate.scores import target_losses
from specc_runtime.prepared import open_tokens


def choice(task: Task) -> Measured:
    """Share of documents whose correct option has the highest likelihood after the prompt.

    The log-likelihood of an option's tokens (without the end token) is divided by its length in
    `normalise` units: "none", "tokens" or "bytes" of its text, as `acc` and `acc_norm` of the
    lm-evaluation-harness do. The first of equal options is taken. Where the prompt has no token, the
    first token of an option is context, as that of a document is in `loss`.

    Raises:
        DataError: if the documents have no options, or one that leaves nothing to score.
    """
    options = task.options
    if options is None:
        raise DataError(
            "`choice` needs documents with options", "name the field that holds them with `options`"
        )
    given: Mapping[str, Any] = arguments(task.evaluator)
    decode = open_tokens(task.folder).decode
    rows: list[Tokens] = []
    firsts, units, starts = [], [], [0]
    for number, (document, _) in enumerate(task.documents()):
        prompt = document[: task.split.prompts[number]]
        for tokens, size in options.of(number):
            kept = prompt[-max(1, task.sequence - len(tokens)) :]
            if len(kept) + len(tokens) < 2:
                raise DataError(
                    f"document {task.document_id(number)} has no prompt, and an option of one token",
                    "nothing comes before the token, so it has no likelihood; give prompts to such options",
                )
            rows.append(np.concatenate([kept, tokens]))
            firsts.append(max(len(kept), 1))
            units.append({"none": 1, "tokens": len(tokens), "bytes": size}[given["normalise"]])
        starts.append(len(rows))
    losses, _, computed = target_losses(task, Rows(rows, np.array(firsts, dtype=np.int64)))
    scores = losses / np.maximum(np.array(units), 1)
    samples = []
    for number in range(task.split.documents):
        correct = int(options.correct[number])
        best = int(np.argmin(scores[starts[number] : starts[number + 1]]))
        texts = [decode(tokens) for tokens, _ in options.of(number)]
        samples.append(
            {
                "document": task.document_id(number),
                "value": float(best == correct),
                "n": 1,
                "prediction": texts[best],
                "target": texts[correct],
            }
        )
    values = np.array([sample["value"] for sample in samples])
    return Measured(
        float(values.mean()), len(values), clustered_error(values, np.ones(len(values))), samples, computed
    )
