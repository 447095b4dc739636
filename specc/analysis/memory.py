"""What earlier compilations of a file found, so that an editor's next one need not find it again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from specc.analysis.load import Program
from specc.diagnostics import Report
from specc.language import ast

Result = TypeVar("Result")


class Memory(Generic[Result]):
    """Results of experiments by their syntax trees: the same nodes give the same result.

    Only for trees whose nodes are kept where their text is the same (`specc.lsp.reparse`), and only
    as long as the files of corpora are; `forget` when they may have changed.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[int, ...], tuple[list[ast.Item], Result, Report]] = {}
        self._used: set[tuple[int, ...]] = set()

    def recall(
        self, node: ast.Experiment, program: Program, work: Callable[[Report], Result]
    ) -> tuple[Result, Report]:
        """What `work` gives and reports for an experiment, or gave for the same nodes."""
        nodes = _depends_on(node, program)
        key = tuple(map(id, nodes))
        self._used.add(key)
        if key not in self._known:
            report = Report()
            self._known[key] = (nodes, work(report), report)
        _, result, report = self._known[key]
        return result, report

    def sweep(self) -> None:
        """Forget what was not asked for since the last sweep: the text has changed."""
        self._known = {key: found for key, found in self._known.items() if key in self._used}
        self._used.clear()

    def forget(self) -> None:
        self._known.clear()


def _depends_on(node: ast.Experiment, program: Program) -> list[ast.Item]:
    """An experiment, and all that its meaning may depend on: other experiments only if some is extended."""
    items = [item for file in program.files for item in file.tree.items]
    alone = not any(isinstance(item, ast.Experiment) and item.extends for item in items)
    return [node, *(item for item in items if not (alone and isinstance(item, ast.Experiment)))]
