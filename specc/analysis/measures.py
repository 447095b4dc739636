"""What is evaluated, on which data, and where in the stages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from specc.analysis.corpora import Corpus
from specc.analysis.curve import in_steps
from specc.analysis.datasets import DataReader, DataSet, report_lacking
from specc.analysis.definition import Definition
from specc.analysis.evaluate import Evaluator, Point
from specc.analysis.harness import LM_EVAL, TaskReader
from specc.analysis.models import Model
from specc.analysis.parents import Parents, first_stage
from specc.analysis.settings import StageSettings
from specc.analysis.values import (
    ERROR,
    Amount,
    ComponentValue,
    StageValue,
    Unit,
    Value,
    describe,
    identity_of,
    show,
)
from specc.analysis.weights import Atom, as_checkpoint, leaves
from specc.components import Kind, Signature
from specc.diagnostics import Label, Report, Span
from specc.language import ast
from specc.steps import Component

if TYPE_CHECKING:
    from specc.analysis.resolved import ResolvedStage

MOST_MARKS = 100_000
"""Marks that one `every` may make in a stage."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A checkpoint that is measured: in a stage after training step `step`, or one that is computed.

    Attributes:
        stage: name of the stage; of a checkpoint that is computed, its name or how it is written.
        position: share of the stage. step: 0 for a checkpoint that is computed; its position is 1.
        value: the checkpoint, if it is computed. model: that it is of.
        sequence: longest window in which it is measured, in tokens.
    """

    stage: str
    step: int
    position: float
    value: Atom | None = None
    model: Model | None = None
    sequence: int = 0


@dataclass(frozen=True, slots=True)
class EvalPlan:
    """An evaluation at a point of the sweep, with all marks at which it is made."""

    name: str
    signature: Signature
    component: Component
    data: DataSet
    marks: tuple[Mark, ...] = ()

    @property
    def metric(self) -> str:
        """What it measures."""
        return self.signature.metric


class MeasureReader:
    """The `eval` items of one experiment."""

    def __init__(
        self, definition: Definition, evaluator: Evaluator, report: Report, parents: Parents
    ) -> None:
        self.parents = parents
        self.definition = definition
        self.evaluator = evaluator
        self.report = report
        self.tasks = TaskReader(report)
        self._plans: dict[tuple[object, ...], EvalPlan | None] = {}
        self._same: dict[str, tuple[Value, tuple[object, ...]]] = {}
        self._sets: dict[tuple[int, ...], int] = {}
        self._measured: dict[tuple[object, ...], EvalPlan | None] = {}

    def plans(
        self, point: Point, stages: Mapping[str, ResolvedStage], data: DataReader
    ) -> tuple[EvalPlan, ...]:
        """All evaluations at a point; those that are wrong were reported and are left out.

        Args:
            stages: none if they could not be resolved; the evaluations are then checked, not planned.
        """
        found = []
        for name, node in self.definition.evals.items():
            after, values = self._same.get(name) or self._values(name, node, point)
            key = (name, values, *self._measured_stages(after, stages))
            if key not in self._plans:
                self._plans[key] = self._plan(name, node, point, stages, data)
            plan = self._plans[key]
            if plan is not None:
                found.append(plan)
        return tuple(found)

    def _values(self, name: str, node: ast.Eval, point: Point) -> tuple[Value, tuple[object, ...]]:
        """Where an evaluation is made at a point, and a stand-in for all that it says; kept if no axis
        is in it."""
        value = self.evaluator.value(node.value, point)
        after = self.evaluator.value(node.after, point)
        every = self.evaluator.value(node.every, point) if node.every else None
        parts = (node.value, node.after, node.every)
        if not any(self.evaluator.dependencies(part) for part in parts if part is not None):
            self._same[name] = (after, ())
            return after, ()
        return after, (id(value), identity_of(after), identity_of(every) if every is not None else None)

    def _measured_stages(self, after: Value, stages: Mapping[str, ResolvedStage]) -> tuple[int, ...]:
        """A stand-in for the stages on which the marks of an evaluation depend; they outlive this."""
        places = after if isinstance(after, tuple) else (after,)
        if all(isinstance(place, StageValue) for place in places):
            return tuple(id(stages.get(place.stage)) for place in places)
        # A checkpoint that is computed may come from any of them.
        all_of_them = tuple(map(id, stages.values()))
        return (self._sets.setdefault(all_of_them, len(self._sets)),)

    def _plan(
        self,
        name: str,
        node: ast.Eval,
        point: Point,
        stages: Mapping[str, ResolvedStage],
        data: DataReader,
    ) -> EvalPlan | None:
        marks = self._marks(node, point, stages)
        measured = self.measured(name, point, data)
        return None if measured is None or marks is None else replace(measured, marks=marks)

    def measured(self, name: str, point: Point, data: DataReader) -> EvalPlan | None:
        """What an evaluation measures, without its marks; None if that is wrong, and was reported.

        One object for equal evaluations.
        """
        value = self.evaluator.value(self.definition.evals[name].value, point)
        harness = isinstance(value, ComponentValue) and value.signature.name == LM_EVAL
        corpus = self.tasks.corpus(point, data) if harness else None
        key = (name, identity_of(value), id(corpus))
        if key not in self._measured:
            self._measured[key] = self._measurement(name, value, corpus, data)
        return self._measured[key]

    def _measurement(
        self, name: str, value: Value, corpus: Corpus | None, data: DataReader
    ) -> EvalPlan | None:
        node = self.definition.evals[name]
        if value is ERROR:
            return None
        if not isinstance(value, ComponentValue) or value.signature.kind is not Kind.EVALUATION:
            self.report.add(
                "E0301",
                f"eval `{name}` needs an evaluation, not {describe(value)}",
                node.value.span,
                help="an evaluation is written as `loss(skill.held_out)`, `exact_match(...)`, ...",
            )
            return None
        if value.signature.name == LM_EVAL:
            found = self.tasks.measured(value, corpus, data)
            return None if found is None else EvalPlan(name, *found)
        measured = data.data(value.args["data"], value.spans["data"])
        if measured is None or not self._serves(value, measured):
            return None
        component = value.signature.component(value.args)
        return EvalPlan(name, value.signature, component, measured)

    def _serves(self, value: ComponentValue, data: DataSet) -> bool:
        """Whether the data has what the evaluation needs."""
        name, span = value.signature.name, value.spans["data"]
        for trait in ("prompts", "options"):
            if trait not in value.signature.traits or getattr(data.facts, trait):
                continue
            lacking = next((c for c in data.corpora if not getattr(c.facts, trait)), None)
            if lacking is not None:
                report_lacking(self.report, name, trait, lacking, span)
            else:
                self.report.add(
                    "E0506",
                    f"`{name}` needs options; `{data.name}` has none, for it changes completions",
                    span,
                    help="measure it by `exact_match` or `loss`",
                )
            return False
        return True

    # ---- where

    def _marks(
        self, node: ast.Eval, point: Point, stages: Mapping[str, ResolvedStage]
    ) -> tuple[Mark, ...] | None:
        places = self.places(node.after, point)
        if places is None:
            return None
        every = self.evaluator.value(node.every, point) if node.every else None
        if every is ERROR:
            return None
        marks: dict[tuple[str, int], Mark] = {}
        for place, span in places:
            if not isinstance(place, StageValue):
                computed = self._computed(place, span, point, stages, node)
                if computed is None:
                    return None
                marks.setdefault((computed.stage, 0), computed)
                continue
            stage = stages.get(place.stage)
            if stage is None:
                continue
            if stage.settings.until is not None and (place.position is not None or node.every is not None):
                refuse_inside(stage, place.span if node.every is None else node.every.span, self.report)
                return None
            found = [mark_of(place, stage)] if every is None else self._every(place, every, stage, node)
            if found is None:
                return None
            for mark in found:
                marks.setdefault((mark.stage, mark.step), mark)
        return tuple(marks.values())

    def _computed(
        self, value: Atom, span: Span, point: Point, stages: Mapping[str, ResolvedStage], node: ast.Eval
    ) -> Mark | None:
        """The mark of a checkpoint that is computed; None if that is wrong, and was reported."""
        if node.every is not None:
            self.report.add(
                "E0301",
                "`every` runs over a whole stage, not over a checkpoint that is computed",
                span,
                help="measure it by an eval of its own, without `every`",
            )
            return None
        for leaf in leaves(value):
            stage = stages.get(leaf.stage) if isinstance(leaf, StageValue) and leaf.position else None
            if stage is not None and stage.settings.until is not None:
                refuse_inside(stage, span, self.report)
                return None
        model = self.parents.model(value, point, span)
        if model is None:
            return None
        first = first_stage(value)
        sequence = stages[first].settings.sequence if first and first in stages else model.context
        return Mark(show(value), 0, 1.0, value, model, sequence)

    def places(self, expression: ast.Expression, point: Point) -> list[tuple[Atom, Span]] | None:
        """The checkpoints that `after` names, and where; None if that is wrong, and was reported."""
        value = self.evaluator.value(expression, point)
        if value is ERROR:
            return None
        items = value if isinstance(value, tuple) else (value,)
        spans = (
            [item.span for item in expression.items]
            if isinstance(expression, ast.ListOf)
            else [expression.span]
        )
        places = []
        for place, item in enumerate(items):
            span = spans[place] if place < len(spans) else expression.span
            checkpoint = as_checkpoint(item)
            if checkpoint is None:
                self.report.add(
                    "E0301",
                    f"`after` needs a checkpoint, not {describe(item)}",
                    span,
                    help="write `after pretrain`, or `after [pretrain, finetune]`",
                )
                return None
            places.append((checkpoint, span))
        if not places:
            self.report.add(
                "E0205", "this names no stage to evaluate after", expression.span, help="name a stage"
            )
            return None
        return places

    def _every(
        self, place: StageValue, every: object, stage: ResolvedStage, node: ast.Eval
    ) -> list[Mark] | None:
        assert node.every is not None
        span = node.every.span
        if not isinstance(every, Amount) or every.unit not in (Unit.SHARE, Unit.STEPS, Unit.TOKENS):
            what = describe(every)  # type: ignore[arg-type]  # any value of the language
            self.report.add(
                "E0301",
                f"`every` needs a percentage, steps or tokens, not {what}",
                span,
                help="write `every 10%`",
            )
            return None
        if place.position is not None:
            self.report.add("E0301", "`every` runs over a whole stage, not from a position in it", place.span)
            return None
        if every.value <= 0 or (every.unit is Unit.SHARE and every.value > 1):
            self.report.add("E0303", f"`every` is {every}; it must be above 0 and not above the stage", span)
            return None
        if not stage.steps:
            return [Mark(stage.name, 0, 1.0)]
        return self._series(every, stage, span)

    def _series(self, every: Amount, stage: ResolvedStage, span: Span) -> list[Mark] | None:
        """Marks at each multiple of `every`, and at the end of the stage."""
        whole = _length(every, stage.settings, stage.steps)
        count = int(1 / whole)
        if count > MOST_MARKS:
            self.report.add(
                "E0505",
                f"`every {every}` makes {count:,} marks in a stage; at most {MOST_MARKS:,} are allowed",
                span,
            )
            return None
        marks: dict[int, Mark] = {}
        for k in range(1, count + 1):
            position = k * whole
            step = max(1, int(position * stage.steps + Fraction(1, 2)))
            marks.setdefault(step, Mark(stage.name, step, float(position)))
        marks[stage.steps] = Mark(stage.name, stage.steps, 1.0)
        return list(marks.values())


def mark_of(place: StageValue, stage: ResolvedStage) -> Mark:
    """Where a checkpoint expression points: the end of the stage, or a position in it."""
    if place.position is None or not stage.steps:
        return Mark(stage.name, stage.steps, 1.0)
    step = min(stage.steps, max(1, in_steps(place.position, stage.settings.step_tokens, stage.steps)))
    share = place.position.value if place.position.unit is Unit.SHARE else Fraction(step, stage.steps)
    return Mark(stage.name, step, float(min(share, Fraction(1))))


def refuse_inside(stage: ResolvedStage, span: Span, report: Report) -> None:
    """Report a place inside a stage whose end is known only after the run."""
    until = stage.settings.spans["until"]
    report.add(
        "E0511",
        f"stage `{stage.name}` may end early: there is no place inside it to name",
        span,
        secondary=[Label(until, "for this")],
        notes=["what it measures on its way is in the table `metrics`, under the name `until`"],
        help=f"name its end, `{stage.name}`",
    )


def _length(every: Amount, settings: StageSettings, steps: int) -> Fraction:
    """The distance of two marks, as a share of the stage."""
    if every.unit is Unit.SHARE:
        return every.value
    tokens = every.value * settings.step_tokens if every.unit is Unit.STEPS else every.value
    return min(Fraction(1), tokens / (steps * settings.step_tokens))
