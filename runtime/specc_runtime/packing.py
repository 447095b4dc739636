"""Rows of a stream as a batch in which documents stay apart.

A row holds T tokens of one stream, so it may begin inside a document and hold several. Positions
restart at 0 where a document begins (and where the row does), and attention follows positions:
transformers keeps apart what has restarted positions when it gets no attention mask and no cache.

A token is a target, predicted from what precedes it, unless

* it is the first of its document in the row, with nothing before it to predict it from;
* it belongs to a prompt, or is masked;
* its document has a prompt and began before the row: a completion is not learned without its prompt.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from specc.placement import Interleave
from specc.steps import Interval
from specc_runtime.order import Part, Rows, Stream

IGNORED = -100
"""Label of a token that is no target."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of a training step.

    Attributes:
        tokens: [B, T]. positions: [B, T], restarting with each document.
        labels: [B, T], the token where it is a target, else `IGNORED`.
        targets: number of targets.
        packed: whether any row holds more than one document.
    """

    tokens: NDArray[np.int64]
    positions: NDArray[np.int64]
    labels: NDArray[np.int64]
    targets: int
    packed: bool

    def digest(self) -> str:
        """SHA-256 over tokens, positions and labels, as 64 hex digits: the same for the same batch."""
        found = hashlib.sha256()
        for array in (self.tokens, self.positions, self.labels):
            found.update(np.ascontiguousarray(array, dtype="<i8").data)
        return found.hexdigest()


def pack(rows: Rows) -> Batch:
    """Positions and targets of rows."""
    cut = (rows.prompts > 0) & (rows.places > rows.positions)
    target = (rows.positions > 0) & (rows.places >= rows.prompts) & ~cut
    if rows.masked is not None:
        target &= ~rows.masked
    return Batch(
        tokens=rows.tokens,
        positions=rows.positions,
        labels=np.where(target, rows.tokens, IGNORED),
        targets=int(np.count_nonzero(target)),
        packed=bool((rows.positions != np.arange(rows.tokens.shape[1])).any()),
    )


@dataclass(frozen=True, slots=True)
class Mixture:
    """The sequences of a stage, drawn from several streams.

    Attributes:
        roles: input of the step behind each stream. starts: cursor of each stream at the stage's
            first sequence. sequence: tokens in a row.
        spans: tokens of each stream after which it is read again from its start; None for never.
        intervals: where in the stage streams are placed.
    """

    roles: tuple[str, ...]
    streams: tuple[Stream, ...]
    shares: tuple[Fraction, ...]
    starts: tuple[int, ...]
    sequence: int
    spans: tuple[int | None, ...] = ()
    intervals: tuple[Interval, ...] = ()
    _interleave: Interleave = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_interleave", Interleave(self.shares, self.intervals))

    def batch(self, start: int, stop: int) -> tuple[Batch, dict[str, int]]:
        """Sequences [start, stop) of the stage, and how many tokens each corpus gave."""
        rows: dict[int, list[int]] = {}
        numbers: dict[int, list[int]] = {}
        for row, (source, number) in enumerate(self._interleave.places(start, stop)):
            rows.setdefault(source, []).append(row)
            numbers.setdefault(source, []).append(number)
        shape = (stop - start, self.sequence)
        tokens, places, positions, prompts = (np.empty(shape, dtype=np.int64) for _ in range(4))
        masked: NDArray[np.bool_] | None = None
        counted = dict.fromkeys(self.roles, 0)
        for source, mine in rows.items():
            read = self._read(source, numbers[source])
            tokens[mine], places[mine] = read.tokens, read.places
            positions[mine], prompts[mine] = read.positions, read.prompts
            if read.masked is not None:
                masked = np.zeros(shape, dtype=bool) if masked is None else masked
                masked[mine] = read.masked
            counted[self.roles[source]] += len(mine) * self.sequence
        return pack(Rows(tokens, places, positions, prompts, masked)), counted

    def _read(self, source: int, numbers: list[int]) -> Rows:
        """Sequences of a source by their numbers within it."""
        begins = np.array(numbers, dtype=np.int64) * self.sequence
        start, span = self.starts[source], self.spans[source] if self.spans else None
        if span is None:
            return self.streams[source].read(begins + start, self.sequence)
        return self.streams[source].read(begins, self.sequence, Part(start, span))
