"""The allocation table: tokens of each corpus in each stage."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from specc.analysis.places import Placement
from specc.analysis.values import Value
from specc.language import ast


@dataclass(slots=True)
class Table:
    """Tokens by (corpus, stage); cells that are not in it are empty.

    Attributes:
        places: where in the stage the tokens of a cell lie, of those cells that say so.
        nodes: cells as written. replay: tokens of each stage that are read again, where any are.
        exact, exact_replay: the same before rounding, where that is no whole number by itself: what is
            read of corpora next to each other is in these proportions, whatever the length of a stage.
    """

    tokens: dict[tuple[str, str], int] = field(default_factory=dict)
    places: dict[tuple[str, str], Placement] = field(default_factory=dict)
    nodes: dict[tuple[str, str], ast.Cell] = field(default_factory=dict)
    replay: dict[str, int] = field(default_factory=dict)
    exact: dict[tuple[str, str], Fraction] = field(default_factory=dict)
    exact_replay: dict[str, Fraction] = field(default_factory=dict)
    _columns: dict[str, dict[str, int]] | None = field(default=None, init=False, repr=False)

    def stage(self, stage: str) -> dict[str, int]:
        """Tokens of each corpus in a stage, without empty ones."""
        return {corpus: n for corpus, n in self._column(stage).items() if n}

    def unrounded(self, corpus: str, stage: str) -> Fraction:
        """Tokens of a cell before they were rounded."""
        return self.exact.get((corpus, stage), Fraction(self.tokens[corpus, stage]))

    def stage_total(self, stage: str) -> int:
        return sum(self._column(stage).values())

    def _column(self, stage: str) -> dict[str, int]:
        """The cells of a stage; each column is asked for more than once, of a table that is solved."""
        if self._columns is None:
            self._columns = {}
            for (corpus, column), n in self.tokens.items():
                self._columns.setdefault(column, {})[corpus] = n
        return self._columns.get(stage, {})

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
