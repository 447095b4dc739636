"""Who may import what, and who may print."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "transformers", "specc_runtime", "rich", "networkx")
PRINTERS = ("specc/cli/", "specc/execute/console.py", "runtime/specc_runtime/worker.py")
"""The command line, the console of a run, and a worker that can't write a traceback to its file."""


def loaded_by(statement: str, folder: Path) -> set[str]:
    """Packages that are loaded after a statement in a fresh interpreter."""
    code = f"import sys; sys.path[:0] = {[*sys.path]!r}\n{statement}\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=folder
    )
    return set(done.stdout.split())


def trees(folder: str) -> Iterator[tuple[str, ast.Module]]:
    """The syntax trees of a package's modules, by path."""
    for path in sorted((ROOT / folder).rglob("*.py")):
        yield str(path.relative_to(ROOT)), ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.Module) -> set[str]:
    """Packages that a module imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


@pytest.mark.parametrize(
    "statement",
    [
        "import specc.cli.main",
        "from specc.analysis.compile import compile_file; compile_file('case.spec')",
    ],
)
def test_checking_a_recipe_loads_nothing_heavy(statement: str, tmp_path: Path) -> None:
    (tmp_path / "case.spec").write_text(
        "experiment e {\n"
        "  corpus web = markov(tokens = 10K tokens)\n"
        "  allocate { web { pretrain: 100% } }\n"
        "  stage pretrain from llama(layers = 1, width = 16, heads = 2, context = 32 tokens) {\n"
        "    optimizer = adamw()\n    schedule = constant(peak = 1e-3)\n    batch = 4 sequences\n  }\n}\n"
    )
    assert loaded_by(statement, tmp_path).isdisjoint(HEAVY)


def test_the_compiler_never_imports_the_runtime_or_torch() -> None:
    for path, tree in trees("specc"):
        packages = {name.split(".")[0] for name in imported(tree)}
        assert packages.isdisjoint({"torch", "transformers", "specc_runtime"}), path


def test_the_runtime_never_imports_the_language_or_the_graph() -> None:
    for path, tree in trees("runtime/specc_runtime"):
        found = imported(tree)
        assert {name.split(".")[0] for name in found}.isdisjoint({"lark", "networkx"}), path
        reached = {name for name in found if name.startswith("specc.")}
        assert not any(
            name.startswith(("specc.language", "specc.analysis", "specc.graph")) for name in reached
        ), path


def test_only_the_language_imports_lark() -> None:
    users = {path for path, tree in trees("specc") if any(n.split(".")[0] == "lark" for n in imported(tree))}
    assert users
    assert all(path.startswith("specc/language/") for path in users)


def test_only_the_command_line_and_the_renderers_print() -> None:
    for folder in ("specc", "runtime/specc_runtime"):
        for path, tree in trees(folder):
            prints = [
                node.lineno
                for node in ast.walk(tree)
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
            ]
            assert not prints or path.startswith(PRINTERS), f"{path}: line {prints[0]}"


def test_nothing_is_pickled_or_evaluated() -> None:
    for folder in ("specc", "runtime/specc_runtime"):
        for path, tree in trees(folder):
            assert {name.split(".")[0] for name in imported(tree)}.isdisjoint(
                {"pickle", "marshal", "shelve"}
            ), path
            calls = {
                node.func.id
                for node in ast.walk(tree)
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            }
            assert calls.isdisjoint({"eval", "exec"}), path
