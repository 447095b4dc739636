"""How long it takes to find a place in a corpus of many documents, and to read on from there.

    python tests/benchmarks/seeking.py [--documents 1000000]

A stream that has read nothing is asked for a batch of 64 x 2,048 tokens at the beginning, in the middle
and at the end of an epoch, the first and the thousandth; then for the five batches behind it. Beside it
is a shuffle that has to be made whole: numpy's argsort of as many hashes, and the sums of the lengths.
Goal: the beginning of an epoch below 20 ms, any place below the whole shuffle, in all epochs alike.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

from specc.corpora.draws import mixed
from specc_runtime.order import Stream
from specc_runtime.prepared import Split

ROWS, LENGTH = 64, 2048


def corpus(documents: int) -> Split:
    """Documents of 1 to 199 tokens; all tokens are 0, and are read from one page of memory."""
    lengths = 1 + np.arange(documents) * 31 % 199
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return Split(
        tokens=np.broadcast_to(np.zeros(1, dtype=np.uint16), (int(offsets[-1]),)),
        offsets=offsets,
        prompts=np.zeros(documents, dtype=np.int32),
        ids=np.arange(documents, dtype=np.uint64),
    )


def seconds(do: Callable[[], object]) -> float:
    began = time.process_time()
    do()
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--documents", type=int, default=1_000_000)
    options = parser.parse_args()
    split = corpus(options.documents)
    length = int(split.offsets[-1])
    rows = np.arange(ROWS) * LENGTH
    whole = seconds(
        lambda: np.cumsum(
            np.diff(split.offsets)[np.argsort(mixed(np.arange(options.documents, dtype=np.uint64)))]
        )
    )
    print(f"{options.documents:,} documents, {length:,} tokens; a whole shuffle takes {whole * 1e3:.0f} ms")
    print(f"{'epoch':>6} {'place':>6} {'first batch':>12} {'the next':>10}   ms of CPU")
    good = True
    for epoch in (0, 1000):
        for place in (0.0, 0.5, 0.99):
            stream = Stream(split, 0, "corpus")
            start = epoch * length + int(place * length)
            first = seconds(lambda: stream.read(start + rows, LENGTH))  # noqa: B023 - called at once
            then = seconds(
                lambda: [stream.read(start + n * ROWS * LENGTH + rows, LENGTH) for n in range(1, 6)]  # noqa: B023 - as above
            )
            print(f"{epoch:>6} {place:>6.0%} {first * 1e3:>12.1f} {then / 5 * 1e3:>10.1f}")
            good &= first < (0.02 if place == 0 else whole)
    print("goal: " + ("met" if good else "NOT MET"))
    raise SystemExit(0 if good else 1)


if __name__ == "__main__":
    main()
