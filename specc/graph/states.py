"""States of stages: what train steps make, how they are keyed, and which one goes on from which.

A train step's key says which state of a stage it makes: everything from the stage's start to that
state, and nothing after it. So an evaluation in the middle of a stage, or a longer plateau, gives
new states and leaves the old ones as they are; and arms that differ only later share what comes
before. Which earlier state a step goes on from is decided when all are known, and is in no key.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from specc.analysis.curve import clipped
from specc.analysis.resolve import ResolvedStage
from specc.canonical import canonical_json
from specc.shapes import ModelShape
from specc.steps import Phase, Source, TrainParams, identity, step_key


@dataclass(slots=True)
class Family:
    """States of stages that train alike but for the learning-rate curve: steps -> curve so far -> key."""

    states: dict[int, dict[tuple[Phase, ...], str]] = field(default_factory=dict)
    _ordered: list[int] = field(default_factory=list)

    def add(self, steps: int, curve: tuple[Phase, ...], key: str) -> None:
        self.states.setdefault(steps, {})[curve] = key
        self._ordered.clear()

    def latest_before(self, steps: int, phases: tuple[Phase, ...]) -> tuple[int, str | None]:
        """The latest state before `steps` training steps on a stage's curve: its steps and key; 0 if none."""
        if not self._ordered:
            self._ordered.extend(sorted(self.states))
        for place in range(bisect_left(self._ordered, steps) - 1, -1, -1):
            earlier = self._ordered[place]
            key = self.states[earlier].get(clipped(phases, 0, earlier))
            if key is not None:
                return earlier, key
        return 0, None


@dataclass(slots=True, eq=False)
class StageStates:
    """A resolved stage from one parent with one seed.

    Attributes:
        inputs: roles of its train steps -> keys. params, identity: of its steps, but for how many
            training steps they do and on which curve.
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

    def state(self, steps: int) -> tuple[str, dict[str, Any], tuple[Phase, ...]]:
        """Key, own parameters and curve of the state after some training steps."""
        curve = clipped(self.stage.phases, 0, steps)
        own = {"steps": steps, "phases": [phase.model_dump() for phase in curve]}
        return step_key("train", self.identity | own, self.inputs), own, curve


class Families:
    """All families of an experiment, by what their stages have in common."""

    def __init__(self) -> None:
        self._families: dict[str, Family] = defaultdict(Family)
        self._of_stage: dict[int, tuple[dict[str, Any], dict[str, Any]]] = {}

    def stage_states(
        self, stage: ResolvedStage, shape: ModelShape, inputs: dict[str, str], seed: int, label: str
    ) -> StageStates:
        """A stage with one parent (an input) and one seed, without states yet."""
        params, of_key = self._parameters(stage)
        params, of_key = params | {"seed": seed}, of_key | {"seed": seed}
        family = self._families[canonical_json([inputs, of_key])]
        return StageStates(stage, shape, inputs, family, label, params, of_key)

    def _parameters(self, stage: ResolvedStage) -> tuple[dict[str, Any], dict[str, Any]]:
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
                Source(corpus=f"corpus{index}", share=reading.share, start=reading.start)
                for index, reading in enumerate(stage.readings)
            ),
            phases=(),
            optimizer=settings.optimizer,
            seed=0,
            clip=settings.clip,
            dropout=settings.dropout,
            dtype=settings.dtype,  # type: ignore[arg-type]  # checked to be one of the two
        )
        known = self._of_stage[id(stage)] = (params.model_dump(mode="json"), identity(params))
        return known
