"""Predicted time of steps: from what this workspace has measured, else from a table.

The table holds the training speed of one thread of a 2025 server core (AMD Zen 5, torch 2.13, fp32)
by size of the model; other machines differ by a small factor, which the first run replaces by
measurements.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice

from specc.errors import SpeccError
from specc.store import Manifest, Store

TABLE = ((0, 3.0e10), (200_000, 4.2e10), (800_000, 6.5e10), (3_000_000, 8.0e10))
"""From how many parameters outside of the embeddings on, and operations per second of one worker."""

READ_AT_MOST = 64
"""Manifests that are read to learn the machine's speed."""

SHORTEST = 0.2
"""Steps shorter than this many seconds say more about overhead than about speed."""


@dataclass(slots=True)
class Rates:
    """Speeds to predict with; `measured` counts the finished steps that they come from.

    Attributes:
        small_step: seconds that a step takes beyond its arithmetic.
        scale: what the table's speeds are multiplied by.
    """

    small_step: float = 0.05
    scale: float = 1.0
    measured: int = 0
    _table: tuple[tuple[int, float], ...] = field(default=TABLE, repr=False)

    @classmethod
    def from_store(cls, store: Store) -> Rates:
        """Speeds by some of the finished train steps of a workspace."""
        return cls.from_manifests(_some(store))

    @classmethod
    def from_manifests(cls, manifests: Iterable[Manifest]) -> Rates:
        flops = seconds = table_seconds = 0.0
        count = 0
        rates = cls()
        for manifest in manifests:
            made = manifest.provenance
            if manifest.op == "train" and made.wall_seconds > SHORTEST and made.flops:
                parameters = int(manifest.outputs.get("non_embedding", 0))
                flops += made.flops
                seconds += made.wall_seconds
                table_seconds += rates.train(made.flops, parameters)
                count += 1
        if count:
            rates.scale = table_seconds / seconds
            rates.measured = count
        return rates

    def train(self, flops: float, parameters: int) -> float:
        """Seconds of `flops` operations on one worker; `parameters` outside of the embeddings."""
        speed = self._table[0][1]
        for size, rate in self._table:
            if parameters >= size:
                speed = rate
        return flops / (speed * self.scale)

    def rewrite(self, parameters: int) -> float:
        """Seconds to read, change and write so many weights, at 100 million of them a second."""
        return self.small_step + parameters / 1e8

    def prepare(self, tokens: int) -> float:
        """Seconds to read and tokenise a corpus."""
        return self.small_step + tokens / 2e7


def _some(store: Store) -> Iterable[Manifest]:
    for key in islice(store.keys(), READ_AT_MOST):
        try:
            yield store.manifest(key)
        except SpeccError:
            continue
