"""What each item and function of the language is, with an example that the tests compile.

The pages lie in `items/` and `functions/`, a file for each; their words are those of the grammar
(`specc.language.keywords`) and of the compiler's tables, and a test keeps them in step. Examples are
parts of a recipe, as in the explanations of codes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "items"
FUNCTIONS_FOLDER = Path(__file__).parent / "functions"

ORDER = (
    *("use", "let", "model", "corpus", "experiment", "sweep", "except", "seeds", "allocate", "stage"),
    *("eval", "check", "compare", "expect", "recipe", "override"),
)
"""Items in the order in which a recipe is written."""

FUNCTIONS = ("mean", "lerp", "best", "tokens", "steps", "epochs", "flops")
"""Functions: of checkpoints, then of what is checked."""

_PAGE = re.compile(
    r"(?P<head>(?:\w+: [^\n]*\n)+)\n(?P<text>.*?)\n\n(?P<fence>`{3,})spec\n(?P<example>.*?)\n(?P=fence)\n",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Item:
    """An item or a function of the language.

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
    return tuple(_read(FOLDER, name) for name in ORDER)


@cache
def functions() -> tuple[Item, ...]:
    """All functions, in order."""
    return tuple(_read(FUNCTIONS_FOLDER, name) for name in FUNCTIONS)


def _read(folder: Path, name: str) -> Item:
    match = _PAGE.fullmatch((folder / f"{name}.md").read_text(encoding="utf-8"))
    assert match is not None, f"{name}.md has a head, a text and an example"
    head = [line.split(": ", 1) for line in match["head"].splitlines()]
    forms = tuple(text for key, text in head if key == "form")
    paper = next((text for key, text in head if key == "paper"), "")
    return Item(name, forms, " ".join(match["text"].split()), match["example"], paper)
