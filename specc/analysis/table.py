"""The allocation table: tokens of each corpus in each stage."""

from __future__ import annotations

from dataclasses import dataclass, field

from specc.analysis.places import Placement
from specc.analysis.values import Value
from specc.language import ast


@dataclass(slots=True)
class Table:
    """Tokens by (corpus, stage); cells that are not in it are empty.

    Attributes:
        places: where in the stage the tokens of a cell lie, of those cells that say so.
        nodes: cells as written. replay: tokens of each stage that are read again, where any are.
    """

    tokens: dict[tuple[str, str], int] = field(default_factory=dict)
    places: dict[tuple[str, str], Placement] = field(default_factory=dict)
    nodes: dict[tuple[str, str], ast.Cell] = field(default_factory=dict)
    replay: dict[str, int] = field(default_factory=dict)

    def stage(self, stage: str) -> dict[str, int]:
        """Tokens of each corpus in a stage, without empty ones."""
        return {corpus: n for (corpus, column), n in self.tokens.items() if column == stage and n}

    def stage_total(self, stage: str) -> int:
        return sum(n for (_, column), n in self.tokens.items() if column == stage)

    def row_total(self, corpus: str) -> int:
        return sum(n for (row, _), n in self.tokens.items() if row == corpus)


@dataclass(slots=True)
class TableCell:
    """A cell as it is written, and its tokens once they are worked out."""

    corpus: str
    stage: str
    node: ast.Cell
    value: Value
    tokens: int | None = None
    place: Placement | None = None

    @property
    def of_stage(self) -> bool:
        return self.node.of is not None
