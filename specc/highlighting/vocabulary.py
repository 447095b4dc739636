"""Words of a recipe by role: keywords from the grammar, the others from the compiler's tables."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from specc.language.keywords import Keywords, keywords


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """All words that highlighting knows.

    Attributes:
        keywords: words of the grammar.
        truths: truth values.
        amounts: words that stand for an amount which allocation works out.
        units: what may follow a number.
    """

    keywords: Keywords
    truths: tuple[str, ...]
    amounts: tuple[str, ...]
    units: tuple[str, ...]


@cache
def vocabulary() -> Vocabulary:
    """The words of this version of the language."""
    from specc.analysis.values import UNITS, Word

    return Vocabulary(
        keywords=keywords(),
        truths=("true", "false"),
        amounts=tuple(word.value for word in Word),
        units=tuple(UNITS),
    )
