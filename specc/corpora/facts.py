"""Key-value facts: synthetic knowledge that can only be memorised.

The keys of a universe are all strings of `key_length` out of `keys` symbols, in an order drawn from
`universe`. Draw d of `draws` owns every key whose place in that order leaves the remainder d, so
corpora with different draws share no key, however many facts they take. A key has the same value
in every corpus of its universe.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from specc.corpora.documents import Document
from specc.corpora.hashing import hashed, permuted
from specc.corpora.symbols import SYMBOLS
from specc.errors import DataError


def read_facts(files: Sequence[Path], args: Mapping[str, Any]) -> Iterator[Document]:
    """`count` facts: the prompt is a key, the completion its value; a symbol is a byte.

    A longer corpus of the same draw begins with the facts of a shorter one. Keys use the first
    `keys` symbols and values the last `values` of the alphabet; they overlap beyond 64 in all.

    Raises:
        DataError: if the draw is not one of the universe's, or doesn't own that many keys.
    """
    count, draw, draws = args["count"], args["draw"], args["draws"]
    universe, length = args["universe"], args["key_length"]
    key_symbols, value_symbols = SYMBOLS[: args["keys"]], SYMBOLS[-args["values"] :]
    size = len(key_symbols) ** length
    if draw >= draws:
        raise DataError(
            f"draw {draw} is not one of the universe's {draws} draws, which count from 0",
            f"raise `draws` in all corpora of the universe, to at least {draw + 1}",
        )
    owned = (size - draw + draws - 1) // draws
    if count > owned:
        raise DataError(
            f"{count} facts are asked for, but draw {draw} owns {owned}: "
            f"{len(key_symbols)} symbols make {size} keys of length {length}, for {draws} draws",
            "raise `keys` or `key_length`, or lower `draws`, in all corpora of the universe",
        )
    for index in range(count):
        place = permuted(index * draws + draw, size, "fact order", universe)
        key = _key(place, length, key_symbols)
        value = hashed("fact value", universe, key) * len(value_symbols) >> 64
        yield Document(prompt=key, completion=value_symbols[value])


def _key(place: int, length: int, symbols: str) -> str:
    """A number written with these symbols as digits.

    >>> _key(5, 3, "ab")
    'bab'
    """
    digits = []
    for _ in range(length):
        place, digit = divmod(place, len(symbols))
        digits.append(symbols[digit])
    return "".join(reversed(digits))
