"""Every recipe of the repository, right or wrong, in an editor: answers to all requests at any place.

Recipes are opened where they lie, by their whole path; the server reads and never writes.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from editor import ROOT, Editor
from requests_at import ask_all
from specc.analysis.compile import compile_file

RECIPES = sorted(
    path
    for folder in ("specs", "tests/golden", "tests/ui")
    for path in (ROOT / folder).rglob("*.spec")
    if path.is_file() and path.stat().st_size < 100_000
)
TOGETHER = 25
"""Recipes of one test."""


def readable(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def own_codes(path: Path) -> list[str]:
    """Codes of what is reported in a file itself, and of what has no place."""
    report = compile_file(path, library=True, max_arms=20_000).report
    return sorted(
        found.code
        for found in report.diagnostics
        if found.primary is None or Path(found.primary.span.source.name).resolve() == path.resolve()
    )


@pytest.mark.parametrize("first", range(0, len(RECIPES), TOGETHER))
def test_an_editor_is_told_what_check_tells_and_every_request_is_answered(editor: Editor, first: int) -> None:
    draw = random.Random(first)
    for path in RECIPES[first : first + TOGETHER]:
        text = readable(path)
        if text is None:
            continue
        name = str(path)
        editor.open(name, text)
        lines = text.split("\n")
        for _ in range(2):
            line = draw.randrange(len(lines))
            ask_all(editor, name, line, draw.randrange(len(lines[line]) + 1))
        expected = own_codes(path)
        assert editor.settled(name, expected) == expected, name
        editor.shut(name)
