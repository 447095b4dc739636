"""The order in which a corpus is read: an endless stream of tokens, addressed by one integer.

Epoch e of a corpus is all its documents in a permutation of its own, and the stream is the epochs
one after another, so that an epoch is exactly as long as the corpus. Where a token of the stream
comes from is a pure function of (seed, key of the prepared corpus, cursor): there is no state to
save, and resuming, cutting a stage into segments or reading with more workers changes nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specc.errors import DataError
from specc_runtime.prepared import Split
from specc_runtime.seeds import derive

_KEPT_EPOCHS = 4


def permutation(documents: int, key: int) -> NDArray[np.int64]:
    """A pseudo-random order of `documents` documents.

    They are sorted by a 64-bit hash of (key, number): the counter-based generator SplitMix64
    (Steele, Lea and Flood 2014), of which every output can be computed alone. Equal hashes keep
    their order, so the result is the same everywhere.
    """
    with np.errstate(over="ignore"):
        counter = np.arange(1, documents + 1, dtype=np.uint64)
        mixed = np.uint64(key) + counter * np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
    return np.argsort(mixed, kind="stable")


class Stream:
    """The endless token stream of a split for one seed.

    Args:
        corpus: key of the step that decided which documents there are; corpora of one seed have orders
            of their own.
    Raises:
        DataError: if the split is empty.
    """

    def __init__(self, split: Split, seed: int, corpus: str, name: str = "corpus") -> None:
        self.split = split
        self.length = int(split.offsets[-1])
        if self.length == 0:
            raise DataError(
                f"{name} has no documents to train on", "lower its `held_out`, or give it more documents"
            )
        self._seed = seed
        self._corpus = corpus
        self._lengths = np.diff(split.offsets)
        self._epochs: OrderedDict[int, tuple[NDArray[np.int64], NDArray[np.int64]]] = OrderedDict()

    def _epoch(self, epoch: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Documents of an epoch in order, and where in the epoch each begins ([D] and [D + 1])."""
        found = self._epochs.get(epoch)
        if found is None:
            documents = permutation(self.split.documents, derive(self._seed, "order", self._corpus, epoch))
            begins = np.zeros(len(documents) + 1, dtype=np.int64)
            np.cumsum(self._lengths[documents], out=begins[1:])
            found = (documents, begins)
            self._epochs[epoch] = found
            if len(self._epochs) > _KEPT_EPOCHS:
                self._epochs.popitem(last=False)
        return found

    def read(
        self, starts: NDArray[np.int64], length: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Rows of `length` tokens that begin at the cursors `starts` ([R]).

        Returns:
            token [R, T]; its place in its document, 0 for the first [R, T]; tokens of that
            document's prompt [R, T].
        """
        source, place, document = self._located(starts, length)
        tokens = self.split.tokens[source].astype(np.int64)
        prompt = self.split.prompts[document].astype(np.int64)
        shape = (len(starts), length)
        return tokens.reshape(shape), place.reshape(shape), prompt.reshape(shape)

    def masked(self, starts: NDArray[np.int64], length: int) -> NDArray[np.bool_] | None:
        """Which tokens of the same rows carry no loss though no prompt holds them, [R, T]; None for none."""
        if self.split.masked is None:
            return None
        source, _, _ = self._located(starts, length)
        return np.asarray(self.split.masked[source]).reshape(len(starts), length)

    def _located(
        self, starts: NDArray[np.int64], length: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Of each token of rows, one after another: its place in the split, that in its document, and its
        document."""
        cursors = (starts[:, None] + np.arange(length)).reshape(-1)
        epochs, within = np.divmod(cursors, self.length)
        source = np.empty_like(cursors)
        place = np.empty_like(cursors)
        document = np.empty_like(cursors)
        for epoch in np.unique(epochs).tolist():
            documents, begins = self._epoch(epoch)
            here: Any = slice(None) if epochs[0] == epochs[-1] == epoch else epochs == epoch
            slot = np.searchsorted(begins, within[here], side="right") - 1
            document[here] = documents[slot]
            place[here] = within[here] - begins[slot]
            source[here] = self.split.offsets[document[here]] + place[here]
        return source, place, document
