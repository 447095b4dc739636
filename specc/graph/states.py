"""States of stages: what train steps make, how they are keyed, and which one goes on from which.

A train step's key says which state of a stage it makes: everything from the stage's start to that
state, and nothing after it. So an evaluation in the middle of a stage, or a longer plateau, gives
new states and leaves the old ones as they are; and arms that differ only later share what comes
before. Which earlier state a step goes on from is decided when all are known, and is in no key.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Hashable
from dataclasses import dataclass, field
from sys import intern
from typing import Any

from specc.analysis.curve import clipped
from specc.analysis.resolved import ResolvedStage
from specc.canonical import canonical_json
from specc.placement import clipped_intervals
from specc.shapes import ModelShape
from specc.steps import Source, TrainParams, Until, identity, step_key

Course = tuple[Hashable, ...]
"""What a state is made of beside what its family has in common: the learning-rate curve up to it, and
the sources that are placed before it with their intervals."""


def corpus_role(index: int) -> str:
    """Name of the input of a train step that holds one of its corpora; one object for all steps."""
    return intern(f"corpus{index}")


@dataclass(slots=True)
class Family:
    """States of stages that train alike but for their course: steps -> course so far -> key."""

    states: dict[int, dict[Course, str]] = field(default_factory=dict)
    _ordered: list[int] = field(default_factory=list)

    def add(self, steps: int, course: Course, key: str) -> None:
        self.states.setdefault(steps, {})[course] = key
        self._ordered.clear()

    def latest_before(self, steps: int, run: StageStates) -> tuple[int, str | None]:
        """The latest state before `steps` training steps on a stage's course: steps and key; 0 if none."""
        if not self._ordered:
            self._ordered.extend(sorted(self.states))
        for place in range(bisect_left(self._ordered, steps) - 1, -1, -1):
            earlier = self._ordered[place]
            key = self.states[earlier].get(run.course(earlier))
            if key is not None:
                return earlier, key
        return 0, None


@dataclass(slots=True, eq=False)
class StageStates:
    """A resolved stage from one parent with one seed.

    Attributes:
        inputs: roles of its train steps -> keys. params, identity: of its steps, but for how many
            training steps they do, on which curve, and which of the placed sources they come to.
        keys: of its states, by training steps.
    """

    stage: ResolvedStage
    shape: ModelShape
    inputs: dict[str, str]
    family: Family
    label: str
    params: dict[str, Any]
    identity: dict[str, Any]
    keys: dict[int, str] = field(default_factory=dict)

    def state(self, steps: int) -> State:
        """The state after some training steps: nothing in it depends on what comes after them."""
        own: dict[str, Any] = {
            "steps": steps,
            "phases": [phase.model_dump() for phase in clipped(self.stage.phases, 0, steps)],
        }
        if not self.stage.intervals:
            return State(step_key("train", self.identity | own, self.inputs), own, self.inputs)
        reached = self._reached(steps)
        intervals = clipped_intervals(self.stage.intervals, steps * self.stage.settings.batch)
        unread = {corpus_role(index) for index in range(reached, len(self.stage.readings))}
        inputs = {role: key for role, key in self.inputs.items() if role not in unread}
        of_key = self.identity | own | {"sources": self.identity["sources"][:reached]}
        if intervals:
            of_key["intervals"] = [each.model_dump(mode="json", exclude_defaults=True) for each in intervals]
        own["sources"] = self.params["sources"][:reached]
        own["intervals"] = [each.model_dump(mode="json") for each in intervals]
        return State(step_key("train", of_key, inputs), own, inputs)

    def course(self, steps: int) -> Course:
        """What tells the state after some training steps from others of its family."""
        curve = clipped(self.stage.phases, 0, steps)
        if not self.stage.intervals:
            return curve
        stage = self.stage
        base = stage.unplaced
        placed = tuple(
            (self.inputs[corpus_role(index)], canonical_json(self.identity["sources"][index]))
            for index in range(base, self._reached(steps))
        )
        return (*curve, *placed, *clipped_intervals(stage.intervals, steps * stage.settings.batch))

    def _reached(self, steps: int) -> int:
        """Sources of which something is read in the first `steps` training steps, or that have no place."""
        end = steps * self.stage.settings.batch
        return sum(reading.place is None or reading.begins < end for reading in self.stage.readings)


@dataclass(frozen=True, slots=True)
class State:
    """A state's key, the parameters that are its own, and the inputs of the step that makes it."""

    key: str
    own: dict[str, Any]
    inputs: dict[str, str]


class Families:
    """All families of an experiment, by what their stages have in common."""

    def __init__(self) -> None:
        self._families: dict[str, Family] = defaultdict(Family)
        self._of_stage: dict[int, tuple[dict[str, Any], dict[str, Any]]] = {}

    def stage_states(
        self,
        stage: ResolvedStage,
        shape: ModelShape,
        inputs: dict[str, str],
        seed: int,
        label: str,
        until: Until | None = None,
    ) -> StageStates:
        """A stage with one parent (an input) and one seed, without states yet."""
        params, of_key = self._parameters(stage, until)
        params, of_key = params | {"seed": seed}, of_key | {"seed": seed}
        common, unplaced = of_key, inputs
        if stage.intervals:
            common = of_key | {"sources": of_key["sources"][: stage.unplaced]}
            placed = {corpus_role(index) for index in range(stage.unplaced, len(stage.readings))}
            unplaced = {role: key for role, key in inputs.items() if role not in placed}
        family = self._families[canonical_json([unplaced, common])]
        return StageStates(stage, shape, inputs, family, label, params, of_key)

    def _parameters(self, stage: ResolvedStage, until: Until | None) -> tuple[dict[str, Any], dict[str, Any]]:
        """Parameters of a stage's train steps and what of them enters the key, with a seed of 0.

        Made once for a stage: what its arms have of them in common is one object, never changed.
        """
        known = self._of_stage.get(id(stage))
        if known is not None:
            return known
        settings = stage.settings
        params = TrainParams(
            steps=0,
            sequence=settings.sequence,
            batch=settings.batch,
            sources=tuple(
                Source(
                    corpus=corpus_role(index),
                    share=reading.share,
                    start=reading.start,
                    span=reading.span,
                    split=reading.corpus.split,
                )
                for index, reading in enumerate(stage.readings)
            ),
            phases=(),
            optimizer=settings.optimizer,
            seed=0,
            clip=settings.clip,
            dropout=settings.dropout,
            until=until,
            dtype=settings.dtype,  # type: ignore[arg-type]  # checked to be one of the two
            optimizer_state=settings.optimizer_state,  # type: ignore[arg-type]  # likewise
            adapter=settings.adapter,
        )
        known = self._of_stage[id(stage)] = (params.model_dump(mode="json"), identity(params))
        return known
