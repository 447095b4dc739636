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
from torch import nn

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

    def documents(self) -> Iterator[tuple[NDArray[np.integer[Any]], int]]:
        """All documents in order: tokens as they are stored, and how many of them are context, at least 1."""
        tokens: NDArray[np.integer[Any]] = np.asarray(self.split.tokens)  # a memory map is slow to cut
        offsets = self.split.offsets.tolist()
        for number, prompt in enumerate(self.split.prompts.tolist()):
            yield tokens[offsets[number] : offsets[number + 1]], max(prompt, 1)

    def document_ids(self) -> list[str]:
        """Ids of all documents, in order."""
        return [f"{number:016x}" for number in self.split.ids.tolist()]

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
