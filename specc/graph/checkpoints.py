"""Steps of checkpoints that are computed: sums, transforms and selections, and their keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Protocol

from specc.analysis.measures import EvalPlan, Mark, mark_of
from specc.analysis.models import Model
from specc.analysis.parents import first_stage
from specc.analysis.resolved import ResolvedPoint
from specc.analysis.selection import candidate_of, groups_of, rest_of
from specc.analysis.values import StageValue, Value, show
from specc.analysis.weights import Atom, Combination, Initial, Selected, Transformed
from specc.components import COMPONENTS
from specc.graph.cost import Rates
from specc.graph.states import StageStates
from specc.steps import (
    CombineParams,
    Component,
    SelectExecution,
    SelectParams,
    TransformParams,
    identity,
    step_key,
)

if TYPE_CHECKING:
    from specc.analysis.compile import RecipeArms


@dataclass(slots=True)
class Lineage:
    """The stages of a recipe at a point of the sweep with one seed, as far as they are worked out.

    Attributes:
        states: of each stage; the key of its parent for a stage of 0 tokens.
        sources: key of the checkpoint that each stage starts from.
        keys: of checkpoints that are computed.
    """

    recipe: RecipeArms
    resolved: ResolvedPoint
    seed: int
    label: str
    states: dict[str, StageStates | str] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    keys: dict[Atom, str] = field(default_factory=dict)


class Stages(Protocol):
    """What the steps of checkpoints need of the stages around them."""

    def lineage(self, recipe: RecipeArms, resolved: ResolvedPoint, seed: int) -> Lineage: ...

    def fill(self, lineage: Lineage, until: str) -> None: ...

    def state(self, states: StageStates | str, step: int) -> str: ...

    def label(self, recipe: RecipeArms, point: Mapping[str, Value | None], seed: int) -> str: ...

    def initial(self, model: Model, seed: int) -> str: ...

    def evaluation(self, plan: EvalPlan, sequence: int, model: Model, checkpoint: str, label: str) -> str: ...


Add = Callable[[str, str, dict[str, str], dict[str, Any], dict[str, Any], str, float], None]
"""Takes key, operation, inputs, parameters, execution settings, label and seconds of a step."""


class CheckpointSteps:
    """Keys of checkpoints by their expressions; the steps that make them are added on the way."""

    def __init__(self, stages: Stages, add: Add, rates: Rates) -> None:
        self.stages = stages
        self.add = add
        self.rates = rates
        self._selected: dict[tuple[object, ...], str] = {}
        self._groups: dict[tuple[int, frozenset[str]], dict[tuple[object, ...], list[ResolvedPoint]]] = {}

    def key(self, value: Atom, lineage: Lineage) -> str:
        """Key of the step that makes a checkpoint, in a lineage."""
        if isinstance(value, StageValue):
            self.stages.fill(lineage, value.stage)
            stage = lineage.resolved.stages[value.stage]
            return self.stages.state(lineage.states[value.stage], mark_of(value, stage).step)
        if value not in lineage.keys:
            lineage.keys[value] = self._computed(value, lineage)
        return lineage.keys[value]

    def _computed(self, value: Atom, lineage: Lineage) -> str:
        match value:
            case Initial():
                return self.stages.initial(lineage.resolved.initials[value], lineage.seed)
            case Combination():
                return self._combined(value, lineage)
            case Transformed():
                return self._transformed(value, lineage)
            case Selected():
                return self._best(value, lineage)
        raise TypeError(f"no checkpoint: {value!r}")

    def _combined(self, value: Combination, lineage: Lineage) -> str:
        """A sum of one checkpoint once is that checkpoint, and equal ones count as one."""
        weights: dict[str, Fraction] = {}
        for atom, weight in value.terms:
            if weight:
                key = self.key(atom, lineage)
                weights[key] = weights.get(key, Fraction(0)) + weight
        kept = sorted((key, weight) for key, weight in weights.items() if weight)
        if len(kept) == 1:
            return kept[0][0]
        params = CombineParams(weights=tuple(weight for _, weight in kept))
        inputs = {f"checkpoint{number}": key for number, (key, _) in enumerate(kept)}
        return self._step("combine", params, inputs, value, lineage, len(kept))

    def _transformed(self, value: Transformed, lineage: Lineage) -> str:
        signature = COMPONENTS[value.transform]
        params = TransformParams(
            component=Component(name=value.transform, args=dict(value.arguments), plugin=signature.plugin),
            seed=lineage.seed if "random" in signature.traits else None,
        )
        inputs = {"checkpoint": self.key(value.checkpoint, lineage)}
        return self._step("transform", params, inputs, value, lineage, 1)

    def _step(
        self,
        op: str,
        params: CombineParams | TransformParams,
        inputs: dict[str, str],
        value: Atom,
        lineage: Lineage,
        read: int,
    ) -> str:
        key = step_key(op, identity(params), inputs)
        seconds = self.rates.rewrite((read + 1) * self.model(value, lineage.resolved).shape.parameters)
        label = f"{lineage.label}/{show(value)}"
        self.add(key, op, inputs, params.model_dump(mode="json"), {}, label, seconds)
        return key

    def model(self, value: Atom, resolved: ResolvedPoint) -> Model:
        """The model that a checkpoint is of."""
        first = first_stage(value)
        if first is not None:
            return resolved.models[first]
        while not isinstance(value, Initial):
            value = value.terms[0][0] if isinstance(value, Combination) else value.checkpoint  # type: ignore[union-attr]  # no stage is left
        return resolved.initials[value]

    # ---- selections

    def _best(self, value: Selected, lineage: Lineage) -> str:
        recipe, resolved = lineage.recipe, lineage.resolved
        over = frozenset(value.over)
        place = (id(recipe), value, rest_of(resolved, over), lineage.seed)
        known = self._selected.get(place)
        if known is not None:
            return known
        groups = self._groups.get((id(recipe), over))
        if groups is None:
            groups = self._groups[id(recipe), over] = groups_of(recipe.points, over)
        found: dict[tuple[str, str], str] = {}
        better = "lower"
        for each in groups[rest_of(resolved, over)]:
            other = self.stages.lineage(recipe, each, lineage.seed)
            candidate = candidate_of(value, each)
            checkpoint = self.key(candidate, other)
            plan = next(plan for plan in each.evals if plan.name == value.by)
            better = plan.signature.better
            mark = self._measured(candidate, each)
            label = f"{other.label}/{show(candidate)}/{plan.name}"
            assert mark.model is not None
            result = self.stages.evaluation(plan, mark.sequence, mark.model, checkpoint, label)
            arm = ", ".join(f"{axis} = {show(each.point[axis])}" for axis in value.over)
            found.setdefault((checkpoint, result), arm)
        inputs: dict[str, str] = {}
        labels: dict[str, str] = {}
        for number, ((checkpoint, result), arm) in enumerate(sorted(found.items())):
            inputs |= {f"candidate{number}": checkpoint, f"result{number}": result}
            labels[str(number)] = arm
        merged = {axis: None if axis in over else each for axis, each in resolved.point.items()}
        params = SelectParams(better=better)  # type: ignore[arg-type]  # the checker has seen to that
        key = step_key("select", identity(params), inputs)
        self.add(
            key,
            "select",
            inputs,
            params.model_dump(mode="json"),
            SelectExecution(labels=labels).model_dump(mode="json"),
            f"{self.stages.label(recipe, merged, lineage.seed)}/{show(value)}",
            self.rates.small_step,
        )
        self._selected[place] = key
        return key

    def _measured(self, value: Atom, resolved: ResolvedPoint) -> Mark:
        """A mark at which a candidate is judged: in the window in which its stage was trained."""
        model = self.model(value, resolved)
        first = first_stage(value)
        sequence = resolved.stages[first].settings.sequence if first else model.context
        return Mark("", 0, 1.0, value, model, sequence)
