"""Arms of an experiment in which `best` chooses.

What comes after `best(posttrain, by = skill_loss, over = lr)` is the same for every `lr`: it is one
result, not one for each value. So it belongs to an arm of its own, in which the axis has no value
(NULL in the results), and means, errors and counts over it are those of what was really done. That
arm holds what doesn't depend on the axis: the stages before it split up, what was chosen, and what
comes after. The arms of the values hold all that depends on it. A stage after the choice that uses
the axis again, for instance in its schedule, depends on it, and stays in their arms.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from specc.analysis.definition import Definition
from specc.analysis.measures import EvalPlan, Mark, mark_of
from specc.analysis.parents import selections
from specc.analysis.resolved import ResolvedPoint, ResolvedStage
from specc.analysis.values import StageValue, Value, identity_of
from specc.analysis.weights import Atom, Combination, Selected, Transformed, leaves
from specc.canonical import canonical_json, digest
from specc.language import ast
from specc.steps import identity

Axes = frozenset[str]
NONE: Axes = frozenset()


@dataclass(frozen=True, slots=True)
class ArmPlan:
    """What an arm holds, for each of the seeds.

    Attributes:
        resolved: the point that it is made from; of several that are alike, the first.
        point: its place in the sweep; None for an axis over which `best` has chosen.
        stages: names of its stages. measures: what is measured, and where.
    """

    resolved: ResolvedPoint
    point: Mapping[str, Value | None]
    stages: tuple[str, ...]
    measures: tuple[tuple[EvalPlan, tuple[Mark, ...]], ...]

    def without(self) -> tuple[str, ...]:
        """Axes over which `best` has chosen."""
        return tuple(axis for axis, value in self.point.items() if value is None)


def chooses(definition: Definition) -> bool:
    """Whether `best` is written anywhere in what an experiment can use."""
    expressions = [stage.parent for stage in definition.stages.values()]
    expressions += [node.after for node in definition.evals.values()]
    expressions += [b.value for b in definition.scope.bindings.values() if b.value is not None]
    expressions += [sweep.values for sweep in definition.sweeps if isinstance(sweep, ast.Sweep)]
    return any(
        isinstance(part, ast.Call) and part.function.text == "best"
        for expression in expressions
        for part in ast.parts(expression)
    )


def arm_plans(points: Sequence[ResolvedPoint], chosen: bool) -> Iterator[ArmPlan]:
    """The arms of a recipe: one for each point and, if `chosen`, those of what `best` has chosen."""
    if not chosen:
        for resolved in points:
            measures = tuple((plan, plan.marks) for plan in resolved.evals)
            yield ArmPlan(resolved, resolved.point, tuple(resolved.stages), measures)
        return
    comparison = _Comparison(points)
    merged: dict[Hashable, ArmPlan] = {}
    for resolved in points:
        own = comparison.arm(resolved, NONE)
        if own.stages or own.measures:
            yield own
        for axes in comparison.merges(resolved):
            place = (axes, rest_of(resolved, axes))
            if place not in merged:
                merged[place] = comparison.arm(resolved, axes)
    yield from merged.values()


def count_arms(points: Sequence[ResolvedPoint], chosen: bool) -> int:
    """How many arms a recipe has, for each of its seeds."""
    return sum(1 for _ in arm_plans(points, chosen)) if chosen else len(points)


def groups_of(points: Sequence[ResolvedPoint], over: Axes) -> dict[tuple[Hashable, ...], list[ResolvedPoint]]:
    """Points by where they lie in all axes but some."""
    found: dict[tuple[Hashable, ...], list[ResolvedPoint]] = {}
    for resolved in points:
        found.setdefault(rest_of(resolved, over), []).append(resolved)
    return found


def rest_of(resolved: ResolvedPoint, over: Axes) -> tuple[Any, ...]:
    return tuple(identity_of(value) for axis, value in resolved.point.items() if axis not in over)


@dataclass(slots=True)
class _Comparison:
    """Which checkpoints of different points are the same: equal prints are equal checkpoints."""

    points: Sequence[ResolvedPoint]
    _groups: dict[Axes, dict[tuple[Hashable, ...], list[ResolvedPoint]]] = field(default_factory=dict)
    _prints: dict[tuple[int, str], int] = field(default_factory=dict)
    _numbers: dict[Hashable, int] = field(default_factory=dict)
    _contents: dict[int, str] = field(default_factory=dict)
    _values: dict[tuple[int, Atom], int] = field(default_factory=dict)
    _choices: dict[tuple[int, Selected], int] = field(default_factory=dict)
    _merged: dict[tuple[int, Atom], Axes] = field(default_factory=dict)
    _same: dict[tuple[int, Atom], bool] = field(default_factory=dict)

    def group(self, resolved: ResolvedPoint, over: Axes) -> list[ResolvedPoint]:
        if over not in self._groups:
            self._groups[over] = groups_of(self.points, over)
        return self._groups[over][rest_of(resolved, over)]

    # ---- what is the same

    def _number(self, what: Hashable) -> int:
        return self._numbers.setdefault(what, len(self._numbers))

    def stage(self, name: str, resolved: ResolvedPoint) -> int:
        """Number of the checkpoint at the end of a stage, the same for the same checkpoint."""
        for earlier, found in resolved.stages.items():
            if (id(resolved), name) in self._prints:
                break
            if (id(resolved), earlier) not in self._prints:
                before = self.value(found.settings.parent.value, resolved)
                print_ = self._number((self._content(found), before)) if found.steps else before
                self._prints[id(resolved), earlier] = print_
        return self._prints[id(resolved), name]

    def _content(self, stage: ResolvedStage) -> str:
        known = self._contents.get(id(stage))
        if known is None:
            settings = stage.settings
            known = self._contents[id(stage)] = canonical_json(
                [
                    settings.optimizer.model_dump(mode="json"),
                    settings.optimizer_state,
                    [settings.batch, settings.sequence, stage.steps],
                    [settings.clip, settings.dropout, settings.dtype],
                    [phase.model_dump(mode="json") for phase in stage.phases],
                    [
                        [digest(identity(r.corpus.params)), str(r.share), r.start, r.planned]
                        for r in stage.readings
                    ],
                    [interval.model_dump(mode="json") for interval in stage.intervals],
                    _early_end(stage),
                    settings.adapter.model_dump(mode="json") if settings.adapter is not None else None,
                ]
            )
        return known

    def value(self, value: Atom, resolved: ResolvedPoint) -> int:
        """Number of a checkpoint, the same for the same checkpoint."""
        place = (id(resolved), value)
        if place not in self._values:
            self._values[place] = self._of_value(value, resolved)
        return self._values[place]

    def _of_value(self, value: Atom, resolved: ResolvedPoint) -> int:
        match value:
            case StageValue():
                stage = resolved.stages[value.stage]
                end = self.stage(value.stage, resolved)
                step = mark_of(value, stage).step
                return end if step == stage.steps else self._number(("at", end, step))
            case Combination():
                weights: dict[int, Fraction] = {}
                for atom, weight in value.terms:
                    number = self.value(atom, resolved)
                    weights[number] = weights.get(number, Fraction(0)) + weight
                kept = {number: weight for number, weight in weights.items() if weight}
                if len(kept) == 1 and next(iter(kept.values())) == 1:
                    return next(iter(kept))
                return self._number(("sum", frozenset(kept.items())))
            case Transformed():
                below = self.value(value.checkpoint, resolved)
                return self._number((value.transform, value.arguments, below))
            case Selected():
                group = self.group(resolved, frozenset(value.over))
                # One number for all points of the group: computing it at each would be their square.
                place = (id(group), value)
                if place not in self._choices:
                    candidates = frozenset(self.value(candidate_of(value, each), each) for each in group)
                    self._choices[place] = self._number(("best", value.by, candidates))
                return self._choices[place]
        return self._number(value)

    def same(self, value: Atom, resolved: ResolvedPoint, over: Axes) -> bool:
        """Whether a checkpoint is the same at all points that differ only in some axes."""
        group = self.group(resolved, over)
        place = (id(group), value)
        if place not in self._same:
            own = self.value(value, resolved)
            self._same[place] = all(self.value(value, other) == own for other in group)
        return self._same[place]

    # ---- what no longer depends on an axis

    def chosen_over(self, value: Atom, resolved: ResolvedPoint) -> Axes:
        """Axes over which `best` has chosen what a checkpoint comes from."""
        found: set[str] = set()
        waiting, seen = [value], {value}
        while waiting:
            current = waiting.pop()
            for selected in selections(current):
                found.update(selected.over)
            for leaf in leaves(current):
                if isinstance(leaf, StageValue):
                    before = resolved.stages[leaf.stage].settings.parent.value
                    if before not in seen:
                        seen.add(before)
                        waiting.append(before)
        return frozenset(found)

    def merged_over(self, value: Atom, resolved: ResolvedPoint) -> Axes:
        """Of these axes those on whose value the checkpoint doesn't depend any more."""
        place = (id(resolved), value)
        if place not in self._merged:
            self._merged[place] = self._not_needed(value, resolved)
        return self._merged[place]

    def _not_needed(self, value: Atom, resolved: ResolvedPoint) -> Axes:
        over = self.chosen_over(value, resolved)
        if not over or self.same(value, resolved, over):
            return over
        alone = frozenset(axis for axis in over if self.same(value, resolved, frozenset({axis})))
        return alone if alone and self.same(value, resolved, alone) else NONE

    def _items(self, resolved: ResolvedPoint) -> Iterator[Atom]:
        for name in resolved.stages:
            yield _end(name, resolved)
        for plan in resolved.evals:
            for mark in plan.marks:
                if mark.value is not None:
                    yield mark.value

    def merges(self, resolved: ResolvedPoint) -> list[Axes]:
        """The sets of axes for which a point's checkpoints belong to arms without them."""
        found = {self.merged_over(value, resolved) for value in self._items(resolved)}
        return sorted(found - {NONE}, key=lambda axes: (len(axes), sorted(axes)))

    def arm(self, resolved: ResolvedPoint, axes: Axes) -> ArmPlan:
        """What the arm of a point holds in which some axes have no value."""

        def belongs(value: Atom) -> bool:
            return self.merged_over(value, resolved) <= axes and self.same(value, resolved, axes)

        stages = tuple(name for name in resolved.stages if belongs(_end(name, resolved)))
        measures = []
        for plan in resolved.evals:
            marks = tuple(
                mark
                for mark in plan.marks
                if (mark.stage in stages if mark.value is None else belongs(mark.value))
            )
            if marks:
                measures.append((plan, marks))
        point = {axis: None if axis in axes else value for axis, value in resolved.point.items()}
        return ArmPlan(resolved, point, stages, tuple(measures))


def candidate_of(selected: Selected, resolved: ResolvedPoint) -> Atom:
    """What a selection has to choose from at a point."""
    candidate = selected.candidate(resolved.point)
    assert candidate is not None, "the checker has seen to that"
    return candidate


def _early_end(stage: ResolvedStage) -> list[Any]:
    """What may end a stage early."""
    if stage.until is None:
        return []
    plan = stage.until.plan
    return [str(stage.until), plan.component.model_dump(mode="json"), digest(identity(plan.data.params))]


def _end(name: str, resolved: ResolvedPoint) -> StageValue:
    return StageValue(name, None, resolved.stages[name].settings.parent.span)
