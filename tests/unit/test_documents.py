"""Every recipe, or piece of one, that a document or docstring shows compiles."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

from framing import framed
from specc.analysis.compile import compile_file
from specc.diagnostics import render

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^( *)(`{3,})spec *(?P<note>[^\n]*)\n(?P<text>.*?)^\1\2$", re.DOTALL | re.MULTILINE)
FOLDERS = ("specc", "runtime", "grammar", "specs", "tests")
ELSEWHERE = ("specc/diagnostics/explanations", "specc/reference/items")
"""Pages whose examples have tests of their own, for some are wrong on purpose."""


def documents() -> list[Path]:
    found = [*ROOT.glob("*.md")]
    found += [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.md")]
    kept = [path for path in found if not str(path.relative_to(ROOT)).startswith(ELSEWHERE)]
    return sorted(path for path in kept if "node_modules" not in path.parts)


def docstrings(path: Path) -> list[str]:
    """All docstrings of a Python file."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = (
        node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, kinds)
    )
    return [text for node in nodes if (text := ast.get_docstring(node, clean=True))]


def blocks(text: str) -> list[str]:
    return [inspect.cleandoc(match["text"]) + "\n" for match in BLOCK.finditer(text)]


def pieces() -> list[tuple[str, str]]:
    """Every block with the name of the file that it stands in."""
    found = [(str(path.relative_to(ROOT)), text) for path in documents() for text in blocks(path.read_text())]
    for folder in ("specc", "runtime"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for docstring in docstrings(path):
                found += [(str(path.relative_to(ROOT)), text) for text in blocks(docstring)]
    return found


PIECES = pieces()


def test_the_first_page_and_the_page_of_the_language_show_recipes() -> None:
    assert {"README.md", "grammar/README.md"} <= {name for name, _ in PIECES}


@pytest.mark.parametrize(("name", "text"), PIECES, ids=[f"{name}-{n}" for n, (name, _) in enumerate(PIECES)])
def test_what_a_document_shows_compiles(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "models.spec").write_text((ROOT / "specs/models.spec").read_text())
    path = tmp_path / "shown.spec"
    path.write_text(framed(text))
    report = compile_file(path, library=True).report
    assert not report.failed, path.read_text() + render(report)
