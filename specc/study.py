"""A compiled experiment as data: what is written beside a run, indexed, and given to other tools.

Tokens and steps are integers. `position` is the share of a stage that lies behind a checkpoint:
1.0 at its end. All of it is JSON.

A study has few parts but many rows (arms, cells, stages, measures, steps), hundreds of thousands in
a large one. So rows are dataclasses with slots, a tenth of a model's size: the compiler makes them
unchecked, and they are checked, as strictly as models, where a study is read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from specc.steps import Frozen

BASE = "base"
"""Name of the recipe that is the experiment as written, without overrides."""

IMPORTED = "imported"
"""Operation of a step that was done elsewhere, and whose numbers `specc import` has brought."""

AxisType = Literal["fraction", "tokens", "steps", "sequences", "int", "float", "string", "bool"]


ROW = ConfigDict(extra="forbid")
"""How rows are checked where a study is read."""


class Axis(Frozen):
    """A swept name. Its column is DOUBLE for `fraction` and `float`, BIGINT for `tokens`, `steps`,
    `sequences` and `int`, VARCHAR for `string`, BOOLEAN for `bool`; `values` are of that type."""

    name: str
    type: AxisType
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One lineage: a recipe at one point of the sweep with one seed. `label` is readable.

    An axis is None where `best` has chosen among its values: see `specc.analysis.selection`.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ROW
    arm: int
    recipe: str
    axes: dict[str, Any]
    seed: int
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Tokens of a corpus in a stage of an arm.

    Attributes:
        nominal: tokens as declared. planned: after rounding to whole steps and sequences.
        epochs: planned tokens over the tokens of the corpus' training split.
        role: input of the train steps that holds this corpus ("corpus0", ...).
        place: where in the stage these tokens lie, as people write it; empty for an even spread.
        replay_of: the earlier stage whose tokens these are, read again; empty for tokens of the row.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ROW
    arm: int
    stage: str
    corpus: str
    nominal: int
    planned: int
    epochs: float | None
    role: str
    place: str = ""
    replay_of: str = ""

    @property
    def title(self) -> str:
        """The corpus, as people tell its own tokens from those that are read again."""
        return f"{self.corpus} again" if self.replay_of else self.corpus


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRun:
    """A stage of an arm.

    Attributes:
        segments: keys of its states, in order; empty for a stage of 0 tokens.
        ends: training steps of the stage behind each of them. A state's log may reach back before
            the end of the one before it: it is the same training.
        checkpoint: key of the step that holds the weights at its end.
        settings: resolved settings, for people: batch, optimizer, schedule, dropout, ...
        until: when the stage ends before its last step, for people; empty if it doesn't.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ROW
    arm: int
    stage: str
    parent: str
    steps: int
    tokens: int
    flops: float
    segments: tuple[str, ...]
    ends: tuple[int, ...] = ()
    checkpoint: str
    settings: dict[str, Any] = field(default_factory=dict)
    until: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """An evaluation of an arm: the `results` row that step `key` fills.

    `stage` is the name of a stage; of a checkpoint that is computed, its name by `let` or how it is
    written, and then `position` is 1 and `steps` and `tokens` are 0.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ROW
    arm: int
    eval: str
    metric: str
    stage: str
    position: float
    steps: int
    tokens: int
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStep:
    """A distinct step: what a worker needs, and what it is expected to cost.

    Attributes:
        tokens: tokens read. flops: floating-point operations. seconds: predicted, on one worker.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ROW
    key: str
    op: str
    inputs: dict[str, str]
    params: dict[str, Any]
    execution: dict[str, Any]
    label: str
    tokens: int = 0
    flops: float = 0.0
    seconds: float = 0.0


class Evaluation(Frozen):
    """What the numbers of an evaluation are.

    Attributes:
        unit: of its results, in words; empty for a bare number.
        better: which results are better; empty if neither lower nor higher ones are.
    """

    eval: str
    metric: str
    unit: str = ""
    better: Literal["lower", "higher", ""] = ""


class Comparison(Frozen):
    """A `compare` item: a query on the experiment's schema."""

    name: str
    sql: str


class Term(Frozen):
    """A reduced result inside an expectation.

    Attributes:
        sql: query of one row: `value` (reduced over the rows found) and `n` (rows found).
        expected: rows there will be when every arm is done.
    """

    text: str
    sql: str
    expected: int


class Expectation(Frozen):
    """An `expect` item, judged on results.

    Attributes:
        tree: condition, as nested lists: ["<", left, right, margin], ["+", a, b], ["-", a, b],
            ["*", a, b], ["/", a, b], ["number", x], ["term", index]; a margin is a tree too.
            Left < right by m means right - left >= m. Empty for the SQL form.
        sql: for the SQL form, a query of one row and one BOOLEAN column; else empty.
    """

    name: str
    text: str
    tree: list[Any] = Field(default_factory=list)
    terms: tuple[Term, ...] = ()
    sql: str = ""


class Study(Frozen):
    """A compiled experiment.

    Attributes:
        spec: path of the file as it was given. spec_digest: SHA-256 of what was read for it.
    """

    format: int = 1
    experiment: str
    description: str = ""
    spec: str = ""
    spec_digest: str = ""
    axes: tuple[Axis, ...] = ()
    seeds: tuple[int, ...] = ()
    arms: tuple[Arm, ...] = ()
    cells: tuple[Cell, ...] = ()
    stages: tuple[StageRun, ...] = ()
    measures: tuple[Measure, ...] = ()
    evaluations: tuple[Evaluation, ...] = ()
    steps: tuple[PlannedStep, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    expectations: tuple[Expectation, ...] = ()
