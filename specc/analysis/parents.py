"""What checkpoints come from: the stages and the model behind an expression, and what `best` chooses from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from specc.analysis.definition import Definition, axis_names
from specc.analysis.evaluate import Evaluator, Point
from specc.analysis.models import Model
from specc.analysis.values import ComponentValue, StageValue, identity_of, show
from specc.analysis.weights import Atom, Initial, Selected, everything, leaves
from specc.components import arguments
from specc.diagnostics import Label, Report, Span
from specc.language import ast

UNCOMPARED = frozenset({"init_std"})
"""Arguments of a model that say nothing about what its weights compute."""


def first_stage(value: Atom) -> str | None:
    """The stage that is written first in an expression: a stage that comes from it inherits its settings."""
    return next((leaf.stage for leaf in leaves(value) if isinstance(leaf, StageValue)), None)


def selections(value: Atom) -> list[Selected]:
    """What `best` chooses in an expression."""
    return [part for part in everything(value) if isinstance(part, Selected)]


def place_of(span: Span, around: Span) -> Span:
    """The span, if it lies within another; else that one: names stand for what is written elsewhere."""
    inside = span.source is around.source and around.start <= span.start and span.stop <= around.stop
    return span if inside else around


def difference(ours: Model, theirs: Model) -> str:
    """What tells two models apart so that their weights can't be combined; empty if nothing does."""
    sizes = ours.shape.model_dump()
    pairs = {name: (sizes[name], value) for name, value in theirs.shape.model_dump().items()}
    if ours.fingerprint is None and theirs.fingerprint is None:
        given = [arguments(model.value.signature.component(model.value.args)) for model in (ours, theirs)]
        pairs = {name: (given[0][name], given[1].get(name)) for name in given[0]} | pairs
    for name, (one, other) in pairs.items():
        if one != other and name not in UNCOMPARED:
            return f"`{name}` is {one} and {other}"
    return ""


@dataclass(slots=True)
class Parents:
    """The checkpoints of one recipe.

    Attributes:
        points: lists all points of the sweep.
        stage_model: the model of a stage at a point. initial_model: that of a model's value.
        initials: models that were met in expressions.
    """

    definition: Definition
    evaluator: Evaluator
    report: Report
    points: Callable[[], Iterator[Point]]
    stage_model: Callable[[str, Point], Model | None]
    initial_model: Callable[[ComponentValue, Point, Span], Model | None]
    initials: dict[Initial, Model] = field(default_factory=dict)
    _groups: dict[tuple[str, ...], dict[tuple[object, ...], list[Point]]] = field(default_factory=dict)
    _alone: set[tuple[str, ...]] = field(default_factory=set)
    _compared: set[tuple[int, Selected]] = field(default_factory=set)

    # ---- selections

    def group(self, selected: Selected, point: Point) -> Sequence[Point]:
        """The points that differ from one only in the axes that `best` chooses over, itself included."""
        groups = self._groups.get(selected.over)
        if groups is None:
            groups = self._groups[selected.over] = {}
            for each in self.points():
                groups.setdefault(self._rest(selected, each), []).append(each)
            if all(len(group) == 1 for group in groups.values()):
                self._alone.add(selected.over)
        return groups.get(self._rest(selected, point), [point])

    def _rest(self, selected: Selected, point: Point) -> tuple[object, ...]:
        return tuple(identity_of(value) for axis, value in point.items() if axis not in selected.over)

    def _choosable(self, selected: Selected, point: Point) -> bool:
        """Whether `best` has something to choose from, and knows what is better.

        It is told where `best` is written, once, however often the choice is used.
        """
        span = selected.span
        self.group(selected, point)
        if selected.over in self._alone:
            listed = " and ".join(f"`{axis}`" for axis in selected.over)
            moved = self._moving_with(set(selected.over)) - set(selected.over)
            wider = ", ".join(sorted({*selected.over, *moved}))
            self.report.add(
                "E0510",
                f"`best` has nothing to choose from: no two arms differ only in {listed}",
                span,
                help=f"`{min(moved)}` moves together with it: write `over = [{wider}]`"
                if moved
                else f"sweep {listed} over several values",
            )
            return False
        node = self.definition.evals.get(selected.by)
        if node is None:
            return False
        used = [axis for axis in self.evaluator.dependencies(node.value) if axis in selected.over]
        if used:
            self.report.add(
                "E0510",
                f"`best` can't compare results of `{selected.by}`: what it measures depends on `{used[0]}`",
                span,
                secondary=[Label(node.value.span, "here")],
            )
            return False
        value = self.evaluator.value(node.value, point)
        if isinstance(value, ComponentValue) and not value.signature.better:
            self.report.add(
                "E0510",
                f"`best` can't choose by `{value.signature.name}`: is lower better, or higher?",
                span,
            )
            return False
        return True

    def _moving_with(self, axes: set[str]) -> set[str]:
        """These axes, and those without which they don't move: swept together, or by table, either way."""
        moving, before = set(axes), 0
        while len(moving) > before:
            before = len(moving)
            for names in map(_names, self.definition.sweeps):
                if moving & names:
                    moving |= names
        return moving

    # ---- the model behind a checkpoint

    def model(self, value: Atom, point: Point, around: Span) -> Model | None:
        """The one model that all checkpoints in an expression are of.

        Args:
            around: where the expression is used.
        Returns:
            None if they are of different models, if a selection has nothing to choose from, or if a stage
            is wrong; all of which was reported.
        """
        good = all(self._choosable(selected, point) for selected in selections(value))
        at_points: list[tuple[StageValue | Initial, Point]] = [(leaf, point) for leaf in leaves(value)]
        if good:
            for selected in selections(value):
                group = self.group(selected, point)
                if (id(group), selected) not in self._compared:
                    self._compared.add((id(group), selected))
                    for other in group:
                        candidate = selected.candidate(other)
                        at_points += [(leaf, other) for leaf in leaves(candidate)] if candidate else []
        first: tuple[StageValue | Initial, Model] | None = None
        for leaf, where in at_points:
            if isinstance(leaf, StageValue):
                found = self.stage_model(leaf.stage, where)
            else:
                found = self.initials.get(leaf)
                if found is None:
                    found = self.initial_model(leaf.model, where, place_of(leaf.span, around))
                if found is not None:
                    self.initials[leaf] = found
            if found is None:
                return None
            if first is None:
                first = leaf, found
                continue
            apart = difference(first[1], found) if found is not first[1] else ""
            if apart:
                self._different(first[0], leaf, apart, around)
                return None
        return first[1] if first is not None and good else None

    def _different(
        self, first: StageValue | Initial, other: StageValue | Initial, apart: str, around: Span
    ) -> None:
        # A stage where it is written, also in a `let`; a model where the expression is used.
        span, before = (
            leaf.span if isinstance(leaf, StageValue) else place_of(leaf.span, around)
            for leaf in (other, first)
        )
        if first == other:
            self.report.add(
                "E0508", f"`best` can't choose among different models: {apart}", span, f"of `{show(other)}`"
            )
            return
        self.report.add(
            "E0508",
            f"`{show(first)}` and `{show(other)}` are different models: {apart}",
            span,
            secondary=[] if place_of(before, span) is before else [Label(before, "the other")],
            help="compute with checkpoints of one model",
        )


def _names(sweep: ast.Sweep | ast.SweepTable) -> set[str]:
    """The axes of a sweep, and those on which their values depend."""
    by = sweep.by if isinstance(sweep, ast.SweepTable) else ()
    return {name.text for name in (*axis_names(sweep), *by)}
