"""The files that a new project begins with: text and data, made in memory."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from specc.analysis.definition import LONGEST_NAME
from specc.diagnostics import Report
from specc.formatting import format_text
from specc.language import ast
from specc.language.parse import parse

LARGEST_SUMMAND = 24
"""Summands of the example's sums go from 0 to this."""

IGNORED = "# results of specc; recipes must not be ignored, as common lists for Python do\n.specc/\n!*.spec\n"


def project_files(name: str) -> dict[str, str]:
    """A recipe with a skill to learn: path -> text.

    Raises:
        ValueError: if the name can't name an experiment.
    """
    check_name(name)
    template = (Path(__file__).parent / "first.spec").read_text(encoding="utf-8")
    recipe = format_text(template.format(name=name))
    return {f"{name}.spec": recipe, "data/sums.jsonl": sums(), ".gitignore": IGNORED}


def check_name(name: str) -> None:
    """Refuse what can't name an experiment.

    Raises:
        ValueError: which says why.
    """
    if not (name.isascii() and name.isidentifier()):
        raise ValueError("a name is made of letters a to z, digits and `_`, and begins with no digit")
    if len(name) > LONGEST_NAME:
        raise ValueError(f"a name has at most {LONGEST_NAME} characters")


def sums() -> str:
    """Questions and answers, a JSON object a line."""
    numbers = range(LARGEST_SUMMAND + 1)
    lines = ({"question": f"{a} + {b} =", "answer": f" {a + b}"} for a in numbers for b in numbers)
    return "".join(json.dumps(line) + "\n" for line in lines)


def recipe_files(recipe: Path, name: str, folder: Path) -> dict[str, str]:
    """A shipped recipe and those that it uses, side by side: file name -> text.

    Args:
        recipe: path of the recipe below `folder`. name: what the copy is to be called.
    """
    texts: dict[str, str] = {}
    names = {recipe.resolve(): f"{name}.spec"}
    waiting = [recipe.resolve()]
    while waiting:
        path = waiting.pop()
        text = path.read_text(encoding="utf-8")
        for use in reversed(used(path, text)):
            target = (path.parent / use.path.value).resolve()
            if target not in names:
                names[target] = target.name
                waiting.append(target)
            text = text[: use.path.span.start] + f'"{names[target]}"' + text[use.path.span.stop :]
        texts[names[path]] = text
    return _renamed(texts, str(recipe.relative_to(folder)), f"{name}.spec") | {".gitignore": IGNORED}


def _renamed(texts: Mapping[str, str], old: str, new: str) -> dict[str, str]:
    """The texts, speaking of the copy where they spoke of the recipe as it is shipped."""
    return {name: text.replace(f"specs/{old}", new) for name, text in texts.items()}


def used(path: Path, text: str) -> list[ast.Use]:
    """The `use` items of a recipe, in order."""
    from specc.diagnostics import Source

    tree = parse(Source(str(path), text), Report())
    return [item for item in tree.items if isinstance(item, ast.Use)]
