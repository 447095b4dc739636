"""Whether the greedy continuation of a prompt is its completion."""

from __future__ import annotations

from typing import Any

import numpy as np

from specc.errors import DataError
from specc_runtime.evaluate.batches import Rows, Tokens
from specc_runtime.evaluate.decoding import continuations
from specc_runtime.evaluate.measured import Measured, Task, clustered_error
from specc_runtime.prepared import open_tokens


def exact_match(task: Task) -> Measured:
    """Share of documents whose prompt is continued, greedily and up to the end token, as they are.

    As many tokens are generated as the completion has, end token included: more could only differ.
    A prompt that leaves no room for its completion in `sequence` loses tokens at its front; of a document
    without a prompt the first token is given. How a
    continuation is found, and what a tie means: see `specc_runtime.evaluate.decoding`.

    Raises:
        DataError: if a completion alone leaves no room for a token before it.
    """
    decode = open_tokens(task.folder).decode
    rows: list[Tokens] = []
    firsts = []
    for document, length in task.documents():
        completion = len(document) - length
        if completion >= task.sequence:
            raise DataError(
                f"a completion of {completion} tokens and a token before it are more than the "
                f"{task.sequence} of a sequence",
                "leave such documents out, or give the stage a longer `sequence`",
            )
        row = document[max(0, length - max(1, task.sequence - completion)) :]
        rows.append(row)
        firsts.append(len(row) - completion)
    said, computed = continuations(task, Rows(rows, np.array(firsts, dtype=np.int64)))
    samples: list[dict[str, Any]] = [
        {
            "document": name,
            "value": float(np.array_equal(tokens, row[first:])),
            "n": 1,
            "prediction": decode(tokens),
            "target": decode(row[first:]),
        }
        for name, tokens, row, first in zip(task.document_ids(), said, rows, firsts, strict=True)
    ]
    values = np.array([sample["value"] for sample in samples])
    return Measured(
        value=float(values.mean()),
        n=len(values),
        stderr=clustered_error(values, np.ones(len(values))),
        samples=samples,
        tokens=computed,
    )
