"""Text from a random first-order Markov chain: a language whose best loss is known.

Each letter has `branching` successors, equally likely and all different. A model that knows the
chain pays ln(branching) nats for every letter but the first of a document.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from specc.corpora.documents import Document
from specc.corpora.hashing import hashed, hashed_bytes
from specc.corpora.symbols import SYMBOLS
from specc.errors import DataError


def read_markov(files: Sequence[Path], args: Mapping[str, Any]) -> Iterator[Document]:
    """Documents of `document` tokens (bytes, and the end token), until there are `tokens`.

    The corpus is rounded up to whole documents. Each document starts at a letter of its own and
    depends only on its number, so a larger corpus begins with a smaller one of the same seed.

    Raises:
        DataError: if there are fewer letters than successors of one.
    """
    seed, branching, length = args["seed"], args["branching"], args["document"] - 1
    letters = SYMBOLS[: args["symbols"]]
    if branching > len(letters):
        raise DataError(
            f"a letter can't have {branching} successors among {len(letters)} letters",
            "lower `branching`, or raise `symbols`",
        )
    successors = {
        letter: sorted(letters, key=lambda other: hashed("markov chain", seed, letter, other))[:branching]
        for letter in letters
    }
    for number in range(-(-args["tokens"] // args["document"])):
        yield Document(text=_walk(successors, letters, length, seed, number))


def _walk(successors: Mapping[str, Sequence[str]], letters: str, length: int, seed: int, number: int) -> str:
    """`length` letters along the chain, from two hashed bytes each.

    A share of 2**16 is not quite a whole number of equal parts: probabilities are off by at most
    2**-16.
    """
    choices = hashed_bytes(2 * length, "markov text", seed, number)
    letter = letters[int.from_bytes(choices[:2], "big") * len(letters) >> 16]
    text = [letter]
    for start in range(2, 2 * length, 2):
        following = successors[letter]
        letter = following[(choices[start] << 8 | choices[start + 1]) * len(following) >> 16]
        text.append(letter)
    return "".join(text)
