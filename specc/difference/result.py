"""The answer of `specc diff` as data; all of it is JSON."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from specc.steps import Frozen


class Variant(Frozen):
    """What something was and is, in how many arms of the second recipe, and in which, as text."""

    before: str
    after: str
    arms: int
    points: str


class Change(Frozen):
    """A difference of two recipes.

    Attributes:
        kind: of the subject: `stage`, `eval`, `arms`, an operation (`prepare` for a corpus, `init`
            for a model), or what has no steps: `experiment`, `compare`, `expect`.
        subject: its name. also: other stages that take the same setting from the same line.
        name: of what is different there, for instance `schedule.peak`.
        where: line of the second recipe that sets it; empty if unknown.
        steps: what it makes new: readable name -> steps.
        retrained, evaluated: how many of them are train and eval steps.
        alone: how many of them no other change makes new.
    """

    kind: str
    subject: str
    name: str
    also: tuple[str, ...] = ()
    variants: tuple[Variant, ...] = ()
    where: str = ""
    steps: dict[str, int] = Field(default_factory=dict)
    retrained: int = 0
    evaluated: int = 0
    alone: int = 0

    @property
    def total(self) -> int:
        return sum(self.steps.values())


class Budget(Frozen):
    """Tokens of a corpus in a stage, as declared, before and after; all corpora for an empty name."""

    stage: str
    corpus: str
    before: int
    after: int
    arms: int
    points: str


class StepCounts(Frozen):
    """Steps of an operation: in both recipes, only in the second, only in the first. `done` of the new."""

    op: str
    same: int
    new: int
    gone: int
    done: int


class Confound(Frozen):
    """Why results of the two recipes can't be compared as if one thing differed."""

    kind: Literal["factors", "tokens", "flops", "evaluation", "seeds"]
    text: str
    arms: int


class Difference(Frozen):
    """What differs between an experiment of one recipe and of another.

    Attributes:
        before, after: names of the experiment; empty where it is not there.
        arms_before, arms_after: numbers of arms; `arms_paired` have a counterpart.
        changes: those that make steps new. others: those that make none.
        flops, tokens, seconds: of the new steps that are not done; seconds on one worker.
        measured: finished steps that the time is predicted from; 0 for a table.
    """

    format: int = 1
    before: str
    after: str
    arms_before: int
    arms_after: int
    arms_paired: int
    changes: tuple[Change, ...] = ()
    others: tuple[Change, ...] = ()
    budgets: tuple[Budget, ...] = ()
    steps: tuple[StepCounts, ...] = ()
    flops: float = 0.0
    tokens: int = 0
    seconds: float = 0.0
    measured: int = 0
    confounds: tuple[Confound, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether some steps are new or gone."""
        return any(count.new or count.gone for count in self.steps)
