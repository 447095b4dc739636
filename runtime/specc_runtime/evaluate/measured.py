"""What an evaluator is given and what it returns."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from specc.steps import Component
from specc_runtime.attempt import Attempt
from specc_runtime.options import Options
from specc_runtime.prepared import Split


@dataclass(frozen=True, slots=True)
class Task:
    """A model and the documents to measure it on.

    Attributes:
        folder: artifact of the prepared corpus. eos: its end token.
        sequence: longest window, in tokens. batch_tokens: most tokens in a forward pass.
    """

    attempt: Attempt
    model: nn.Module
    device: torch.device
    dtype: str
    split: Split
    options: Options | None
    folder: Path
    eos: int
    sequence: int
    batch_tokens: int
    evaluator: Component

    def precision(self) -> AbstractContextManager[None]:
        """Context in which the model computes."""
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.dtype == "bfloat16")

    def document(self, number: int) -> NDArray[np.int64]:
        """Tokens of a document, with its end token."""
        first, last = self.split.offsets[number], self.split.offsets[number + 1]
        return self.split.tokens[first:last].astype(np.int64)

    def masked(self, number: int) -> NDArray[np.bool_]:
        """Which tokens of a document carry no loss though its prompt doesn't hold them."""
        first, last = self.split.offsets[number], self.split.offsets[number + 1]
        if self.split.masked is None:
            return np.zeros(int(last - first), dtype=bool)
        return np.asarray(self.split.masked[first:last])

    def document_id(self, number: int) -> str:
        return f"{int(self.split.ids[number]):016x}"


@dataclass(frozen=True, slots=True)
class Measured:
    """A measurement.

    Attributes:
        n: what the value is a mean over. stderr: its standard error; None if unknown.
        samples: a line for each document. tokens: that went through the model.
    """

    value: float
    n: int
    stderr: float | None
    samples: list[dict[str, Any]]
    tokens: int


Evaluator = Callable[[Task], Measured]


def clustered_error(sums: NDArray[np.float64], counts: NDArray[np.float64]) -> float | None:
    """Standard error of the mean sum(sums) / sum(counts) when documents are drawn, not tokens.

    With the mean m, D documents, s_d the sum and n_d the count of a document:
    sqrt(D / (D - 1) * sum_d (s_d - m n_d)^2) / sum_d n_d, the linearised error of a ratio (Cochran
    1977, section 6; Miller 2024, arXiv 2411.00640, section 2.2). None with fewer than two documents.
    """
    documents = len(sums)
    total = counts.sum()
    if documents < 2 or total == 0:
        return None
    residuals = sums - sums.sum() / total * counts
    return math.sqrt(documents / (documents - 1) * float(residuals @ residuals)) / float(total)


def batches(lengths: NDArray[np.int64], batch_tokens: int) -> Iterator[NDArray[np.int64]]:
    """Numbers of rows, longest first, grouped so that a padded batch has at most `batch_tokens`."""
    order = np.argsort(-lengths, kind="stable")
    first = 0
    while first < len(order):
        rows = max(1, batch_tokens // max(1, int(lengths[order[first]])))
        yield order[first : first + rows]
        first += rows


def padded(rows: list[NDArray[np.int64]], fill: int) -> Tensor:
    """Rows as one tensor [B, T], filled up on the right."""
    result = np.full((len(rows), max(map(len, rows))), fill, dtype=np.int64)
    for number, row in enumerate(rows):
        result[number, : len(row)] = row
    return torch.from_numpy(result)


@torch.inference_mode()
def target_losses(
    task: Task,
    rows: list[NDArray[np.int64]],
    firsts: NDArray[np.int64],
    masks: list[NDArray[np.bool_]] | None = None,
) -> tuple[NDArray[np.float64], int]:
    """Summed cross-entropy of each row's tokens from place `firsts` on, in nats, and tokens computed.

    Tokens that `masks` names, for each row, are left out.

    A row is one window of one document, filled up on its right: under a causal mask no token sees
    what fills, so no mask is needed and documents are kept apart.
    """
    result = np.zeros(len(rows))
    lengths = np.array([len(row) for row in rows], dtype=np.int64)
    groups = list(batches(lengths, task.batch_tokens))
    computed = 0
    for done, numbers in enumerate(groups):
        task.attempt.stop_if_asked()
        tokens_BT = padded([rows[number] for number in numbers], 0).to(task.device)
        with task.precision():
            logits_BTV = task.model(input_ids=tokens_BT, use_cache=False).logits
        losses_N = torch.nn.functional.cross_entropy(
            logits_BTV[:, :-1].float().flatten(0, 1), tokens_BT[:, 1:].flatten(), reduction="none"
        )
        losses_BT = losses_N.view(len(numbers), -1).cpu().double().numpy()
        place = np.arange(1, tokens_BT.shape[1])
        counted = (place >= firsts[numbers][:, None]) & (place < lengths[numbers][:, None])
        if masks is not None:
            for row, number in enumerate(numbers.tolist()):
                counted[row, : lengths[number] - 1] &= ~masks[number][1:]
        result[numbers] = (losses_BT * counted).sum(axis=1)
        computed += tokens_BT.numel()
        task.attempt.progress(done + 1, len(groups), computed)
    return result, computed
