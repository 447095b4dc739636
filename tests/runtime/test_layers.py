"""What importing the runtime brings along."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "transformers", "numpy")
FORBIDDEN = ("lark", "networkx", "duckdb", "specc.language", "specc.graph", "specc.execute", "specc.results")
MODULES = (
    "train",
    "prepare",
    "dataset",
    "init",
    "imported",
    "evaluate",
    "combine",
    "transform",
    "select",
    "run",
)


def loaded_by(statement: str) -> set[str]:
    """Modules that are loaded after a statement in a fresh interpreter."""
    code = f"import sys; sys.path[:0] = {[*sys.path]!r}\n{statement}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("statement", ["import specc_runtime", "import specc_runtime.run"])
def test_the_entry_is_light(statement: str) -> None:
    assert loaded_by(statement).isdisjoint({*HEAVY, *FORBIDDEN})


def test_the_runtime_does_not_reach_the_language_or_the_graph() -> None:
    loaded = loaded_by("; ".join(f"import specc_runtime.{module}" for module in MODULES))
    assert "torch" in loaded
    assert loaded.isdisjoint(FORBIDDEN)
