"""A faster way to the ids of plain text, for tokenizers of a common kind, on few threads.

Byte-level BPE as GPT-2 has it (Radford et al. 2019, "Language Models are Unsupervised Multitask
Learners", section 2.2) cuts text into words by an expression, and makes ids of each word by itself. So
words can be remembered. Most of the time of the library goes into the cutting; for text in ASCII, where
all that the expression says of Unicode is a handful of characters, Python's own expressions do it several
times as fast, though one thread at a time. Text with other characters goes to the library.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from itertools import chain

MOST_WORDS = 1 << 18
"""Words that are remembered before all are forgotten."""

LONGEST_WORD = 64
"""Characters of a word that is remembered; longer ones hardly ever come twice."""

_WORD = re.compile(
    r"'(?:s|t|re|ve|m|ll|d)"
    r"| ?[A-Za-z]+"
    r"| ?[0-9]+"
    r"| ?[^\t\n\v\f\r A-Za-z0-9]+"
    r"|[\t\n\v\f\r ]+(?![^\t\n\v\f\r ])"
    r"|[\t\n\v\f\r ]+"
)
"""The words of a text in ASCII. White space is what Unicode calls so, without the separators 0x1c to 0x1f
that Python counts among it."""


class WordMemory(dict[str, tuple[int, ...]]):
    """Ids of words.

    Args:
        encode: the library's ids of a text.
    """

    def __init__(self, encode: Callable[[str], list[int]]) -> None:
        super().__init__()
        self._encode = encode

    def __missing__(self, word: str) -> tuple[int, ...]:
        ids = tuple(self._encode(word))
        if len(word) <= LONGEST_WORD:
            if len(self) >= MOST_WORDS:
                self.clear()
            self[word] = ids
        return ids

    def ids(self, text: str) -> list[int]:
        """Ids of a text in ASCII."""
        return list(chain.from_iterable(self._of_words(text)))

    def count(self, text: str) -> int:
        """Number of ids of a text in ASCII."""
        return sum(map(len, self._of_words(text)))

    def _of_words(self, text: str) -> Iterator[tuple[int, ...]]:
        return map(self.__getitem__, _WORD.findall(text))


_BETWEEN = re.compile(r"(?<=[A-Za-z]) (?=[A-Za-z])")
"""Where any of these tokenizers cuts, whatever stands around it: the space goes with what follows."""

_LOOKED_AT = 1 << 14
"""Characters in which a place to cut is looked for first."""


def place_between_words(text: str, near: int) -> int:
    """A place at which a text, in any language, is always cut: one in the 16,384 characters before `near`,
    or the first behind it; 0 if there is none."""
    before = None
    for before in _BETWEEN.finditer(text, max(1, near - _LOOKED_AT), near):  # noqa: B007 - the last one
        pass
    found = before or _BETWEEN.search(text, near)
    return found.start() if found else 0


def cuts_words(tokenizer: bytes) -> bool:
    """Whether a tokenizer's file is of that kind, and does nothing else to text."""
    try:
        known = json.loads(tokenizer)
        model, cutting = known["model"], known["pre_tokenizer"]
        return (
            known["normalizer"] is None
            and cutting["type"] == "ByteLevel"
            and cutting["use_regex"] is True
            and cutting["add_prefix_space"] is False
            and model["type"] == "BPE"
            and not any(
                model[name] for name in ("dropout", "continuing_subword_prefix", "end_of_word_suffix")
            )
            and all(token["special"] for token in known["added_tokens"])
        )
    except (KeyError, TypeError, ValueError, RecursionError):
        return False
