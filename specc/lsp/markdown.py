"""Markdown for hovers; what comes from a recipe is shown as code, never read as markup."""

from __future__ import annotations

from collections.abc import Sequence


def code(text: str) -> str:
    """A text as inline code."""
    line = " ".join(text.split())
    return f"`` {line} ``" if "`" in line else f"`{line}`"


def block(text: str, language: str = "specc") -> str:
    """A text as a block of code."""
    fence = "`" * max(4, 1 + max((len(run) for run in _runs(text)), default=0))
    return f"{fence}{language}\n{text}\n{fence}"


def _runs(text: str) -> list[str]:
    runs, run = [], ""
    for character in text:
        run = run + character if character == "`" else ""
        if run:
            runs.append(run)
    return runs


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; the first column is text, the others are numbers."""
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines)
