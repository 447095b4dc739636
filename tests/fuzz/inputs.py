"""Where random texts come from: recipes of the repository, seeds of this folder, and the grammar."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import derivation
from mutation import mutated

TESTS = Path(__file__).parents[1]
FOLDERS = (
    TESTS / "fuzz" / "corpus",
    TESTS / "ui",
    TESTS / "golden",
    TESTS / "formatting",
    TESTS.parent / "specs",
)


@cache
def recipes() -> tuple[str, ...]:
    """Texts of recipes, right and wrong; they read no large files."""
    texts = []
    for folder in FOLDERS:
        for path in sorted(folder.rglob("*.spec")):
            if path.is_file() and path.stat().st_size < 20_000:
                text = path.read_bytes().decode("utf-8", "replace")
                texts.append(text.replace('"stdlib:', '"data/').replace('"package:', '"data/'))
    return tuple(text for text in texts if text.strip())


def beside(folder: Path) -> None:
    """Put the files that recipes of the tests use into a folder."""
    shutil.copytree(TESTS / "ui" / "data", folder / "data")
    shutil.copytree(TESTS / "golden" / "data", folder / "data", dirs_exist_ok=True)


def texts(seed: int) -> Iterator[str]:
    """Random texts without end: changed recipes for the most part, derived ones, changed derived ones."""
    source = random.Random(seed)
    known = recipes()
    while True:
        kind = source.random()
        if kind < 0.65:
            yield mutated(source, source.choice(known), known)
        else:
            derived = derivation.text(source, source.choice((10, 40, 120)), odd=source.random() < 0.7)
            yield derived if kind < 0.85 else mutated(source, derived or "#", known)
