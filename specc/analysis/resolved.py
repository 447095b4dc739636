"""What is known of an experiment at a point of the sweep: its stages and what they read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from specc.analysis.datasets import DataSet
from specc.analysis.ends import EarlyEnd
from specc.analysis.evaluate import Point
from specc.analysis.measures import EvalPlan
from specc.analysis.models import Model
from specc.analysis.places import Placement
from specc.analysis.settings import StageSettings
from specc.analysis.table import Table
from specc.analysis.weights import Initial
from specc.placement import Interleave
from specc.steps import Interval, Phase


@dataclass(frozen=True, slots=True)
class Reading:
    """What a stage reads of a corpus.

    Attributes:
        nominal: tokens as declared. planned: after rounding to whole steps and sequences.
        start: token of the corpus' stream at which the stage begins.
        share: exact share of the sequences that have no place in the stage; 0 if these have one. Before
            the mixture of its stage is made: its tokens as declared, unrounded.
        place: where in the stage it is read. begins: sequence of the stage with which that begins.
        replay_of: the earlier stage of whose tokens this is a replay; empty for tokens of the row.
        span: tokens after which a replay begins again from `start`.
    """

    corpus: DataSet
    nominal: int
    planned: int
    start: int
    share: Fraction
    place: Placement | None = None
    begins: int = 0
    replay_of: str = ""
    span: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ResolvedStage:
    """A stage at a point; `readings` are in the order of the mixture: those without a place first, the
    largest share before the others, then those with one, as they begin; `intervals` places them.

    Compared by identity: equal stages of different points are the same object.
    """

    name: str
    settings: StageSettings
    steps: int
    nominal: int
    readings: tuple[Reading, ...]
    phases: tuple[Phase, ...]
    intervals: tuple[Interval, ...] = ()
    until: EarlyEnd | None = None

    def counts(self, sequences: int) -> list[int]:
        """How many of the first `sequences` of the stage each reading gives."""
        return Interleave([reading.share for reading in self.readings], self.intervals).counts(sequences)

    @property
    def unplaced(self) -> int:
        """How many readings have no place; they come first."""
        return sum(reading.place is None for reading in self.readings)

    @property
    def tokens(self) -> int:
        """Tokens that the stage reads, after rounding."""
        return self.steps * self.settings.step_tokens


@dataclass(slots=True)
class ResolvedPoint:
    """All stages at a point, in order of declaration, and what is measured of them.

    `initials` has the models that stand in expressions.
    """

    point: Point
    stages: dict[str, ResolvedStage]
    models: dict[str, Model]
    table: Table
    evals: tuple[EvalPlan, ...]
    initials: Mapping[Initial, Model] = field(default_factory=dict)
