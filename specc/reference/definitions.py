"""What each item of the language is, with an example that the tests compile.

The pages lie in `items/`, a file for each; their words are those of the grammar
(`specc.language.keywords`), and a test keeps the two in step. Examples are parts of a recipe, as in
the explanations of codes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "items"

ORDER = (
    *("use", "let", "model", "corpus", "experiment", "sweep", "except", "seeds", "allocate", "stage"),
    *("eval", "check", "compare", "expect", "recipe", "override"),
)
"""Items in the order in which a recipe is written."""

_PAGE = re.compile(
    r"(?P<head>(?:\w+: [^\n]*\n)+)\n(?P<text>.*?)\n\n(?P<fence>`{3,})spec\n(?P<example>.*?)\n(?P=fence)\n",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Item:
    """An item of the language.

    Attributes:
        forms: how it is written; capitals stand for what the recipe gives.
        text: what it is and what its rules are.
        paper: where what it expresses comes from, if a paper does.
    """

    name: str
    forms: tuple[str, ...]
    text: str
    example: str
    paper: str


@cache
def items() -> tuple[Item, ...]:
    """All items, in order."""
    return tuple(_read(name) for name in ORDER)


def _read(name: str) -> Item:
    match = _PAGE.fullmatch((FOLDER / f"{name}.md").read_text(encoding="utf-8"))
    assert match is not None, f"{name}.md has a head, a text and an example"
    head = [line.split(": ", 1) for line in match["head"].splitlines()]
    forms = tuple(text for key, text in head if key == "form")
    paper = next((text for key, text in head if key == "paper"), "")
    return Item(name, forms, " ".join(match["text"].split()), match["example"], paper)
