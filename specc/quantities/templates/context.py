"""What a template knows of its experiment, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from specc.study import Axis

Value: TypeAlias = "str | int | float | bool | list[Value]"


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the rendered text: from `start`, made from the template's `source` to `stop`.

    Attributes:
        verbatim: whether it is the template's own text, character by character.
    """

    start: int
    source: int
    stop: int
    verbatim: bool


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a template gives. `refs`: the comparisons that it refers to, and those that these refer to."""

    text: str
    pieces: tuple[Piece, ...]
    refs: frozenset[str] = frozenset()

    def piece(self, offset: int) -> Piece:
        """The piece that a character of the text belongs to."""
        found = Piece(0, 0, 0, True)
        for piece in self.pieces:
            if piece.start > offset:
                break
            found = piece
        return found


@dataclass(frozen=True, slots=True)
class Context:
    """The experiment that a template's query belongs to.

    Attributes:
        computed: names of checkpoints that are computed and measured: results have them as stages. None
            if they could not be worked out; any name is then taken for one.
        comparisons: name -> text of its comparisons, for `ref`.
        kept: those that have been rendered.
    """

    experiment: str = ""
    axes: Sequence[Axis] = ()
    seeds: Sequence[int] = ()
    recipes: Sequence[str] = ()
    stages: Sequence[str] = ()
    evals: Sequence[str] = ()
    comparisons: Mapping[str, str] = field(default_factory=dict)
    computed: Sequence[str] | None = ()
    kept: dict[str, Rendered] = field(default_factory=dict)

    def names(self) -> dict[str, Value]:
        """What can be named: lists, and each axis as the list of its values."""
        found: dict[str, Value] = {axis.name: list(axis.values) for axis in self.axes}
        found.update(
            experiment=self.experiment,
            axes=[axis.name for axis in self.axes],
            seeds=list(self.seeds),
            recipes=list(self.recipes),
            stages=list(self.stages),
            evals=list(self.evals),
        )
        return found


NAMES = {
    "experiment": "its name",
    "axes": "names of its axes",
    "AXIS": "values of an axis, for each axis by its name",
    "seeds": "its seeds",
    "recipes": "names of its recipes; `base` is the experiment as written",
    "stages": "names of its stages",
    "evals": "names of its evaluations",
}
"""What a template can name, for the reference."""
