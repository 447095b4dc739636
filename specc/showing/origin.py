"""Where each resolved value of an experiment was set, and why it holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from specc.analysis.compile import CompiledExperiment, RecipeArms
from specc.analysis.definition import INHERITED, SETTINGS, Definition, StageDefinition, axis_names
from specc.analysis.evaluate import Evaluator
from specc.analysis.settings import SettingsReader
from specc.analysis.values import ComponentValue, Computed, Value, show, show_argument
from specc.components import REQUIRED
from specc.diagnostics import Report, Span, UsedSpan, uses_of
from specc.language import ast
from specc.language.write import expression

OF_THE_MODEL = {"sequence": "the model's context", "dtype": "`auto`: of the model"}
"""Settings whose default is a property of the model that the stage trains, and why they hold."""


@dataclass(frozen=True, slots=True)
class Origin:
    """A value and where it comes from.

    Attributes:
        subject: what has it: "stage pretrain", "corpus web", "allocate", ... name: of the value in that,
            with a dot before the name of an argument: "optimizer.beta2".
        file, line: where it was set; empty and 0 for a default.
        reason: why it holds; empty for what the experiment itself says.
    """

    subject: str
    name: str
    value: str
    file: str
    line: int
    reason: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}" if self.file else ""


def origins(
    compiled: CompiledExperiment, arms: RecipeArms, point: Mapping[str, Any] | None = None
) -> list[Origin]:
    """All values of a recipe's arms at a point of the sweep, the first without one."""
    if point is None:
        point = arms.points[0].point if arms.points else {}
    return list(_Origins(compiled, arms.definition, point).all())


class _Origins:
    def __init__(
        self, compiled: CompiledExperiment, definition: Definition, point: Mapping[str, Value]
    ) -> None:
        self.compiled = compiled
        self.definition = definition
        self.point = point
        self.evaluator = Evaluator(definition.scope, Report())
        self.settings = SettingsReader(definition, self.evaluator, Report())

    def all(self) -> Iterator[Origin]:
        definition = self.definition
        for sweep in definition.sweeps:
            for name in axis_names(sweep):
                yield self.origin("sweep", name.text, show(self.point[name.text]), name.span)
        if definition.seeds is not None:
            text = " ".join(definition.seeds.span.text.split()).removeprefix("seeds ")
            yield self.origin("experiment", "seeds", text, definition.seeds.span)
        outside = [definition.find(name) for name in definition.rows if name not in definition.scope.bindings]
        for binding in [*definition.scope.bindings.values(), *filter(None, outside)]:
            if binding.kind in ("model", "corpus", "let") and binding.value is not None:
                value = self.evaluator.value(binding.value, self.point, binding.scope)
                if isinstance(value, Computed):
                    text = expression(binding.value)
                    yield self.origin(binding.kind, binding.name, text, binding.span)
                    continue
                yield from self.value(binding.kind, binding.name, value, binding.span)
        for row in definition.rows.values():
            yield from self.row(row)
        for stage in definition.stages.values():
            yield from self.stage(stage)
        for node in definition.evals.values():
            value = self.evaluator.value(node.value, self.point)
            yield from self.value("eval", node.name.text, value, node.span)

    def origin(self, subject: str, name: str, value: str, span: Span, reason: str | None = None) -> Origin:
        line, _ = span.source.position(span.start)
        why = self.text_of(span) if reason is None else reason
        return Origin(subject, name, " ".join(value.split()), span.source.name, line, why)

    def text_of(self, span: Span) -> str:
        """The part of the experiment that a place belongs to, if it isn't the experiment's own text."""
        own = f"experiment `{self.definition.name}`"
        found = [what for what, text in self.definition.origins if text.holds(span)]
        # The last one is the innermost: a recipe stands in its experiment.
        text = found[-1] if found and found[-1] != own else ""
        used = _use(span)
        return ", ".join(part for part in (text, used) if part)

    def value(
        self, subject: str, name: str, value: Value, span: Span, reason: str | None = None
    ) -> Iterator[Origin]:
        """A value, and the arguments of one that is a component, with its defaults."""
        if not isinstance(value, ComponentValue):
            yield self.origin(subject, name, show(value), span, reason)
            return
        yield self.origin(subject, name, value.name or value.signature.name, span, reason)
        for parameter in value.signature.parameters:
            label = f"{name}.{parameter.name}"
            if parameter.name in value.args:
                where = value.spans.get(parameter.name, value.span)
                why = self.argument(where, value, span)
                yield self.origin(subject, label, show_argument(value.args[parameter.name]), where, why)
            elif parameter.default is not REQUIRED and parameter.default is not None:
                shown = show_argument(parameter.default)
                yield Origin(subject, label, shown, "", 0, f"default of `{value.signature.name}`")

    def argument(self, where: Span, value: ComponentValue, span: Span) -> str:
        """Why an argument of a component is what it is."""
        uses = uses_of(value.span)
        giver = next((use for use in uses if use.holds(where)), None)
        if giver is not None:
            return f"argument of {_called(giver)}"
        if uses and not value.span.holds(where):
            return f"default of {_called(uses[0])}"
        reason = self.text_of(where)
        if value.name and not span.holds(where):
            return ", ".join(part for part in (f"from `{value.name}`", reason) if part)
        return reason

    # ---- the table and the stages

    def row(self, row: ast.Row) -> Iterator[Origin]:
        if row.total is not None:
            yield self.origin("allocate", row.corpus.text, expression(row.total), row.total.span)
        for cell in row.cells:
            text = " ".join(cell.span.text.split()).partition(":")[2].strip()
            value = self.evaluator.value(cell.value, self.point)
            if isinstance(cell.value, ast.Name) and cell.value.text in self.point:
                text = show(value)
            yield self.origin("allocate", f"{row.corpus.text}.{cell.stage.text}", text, cell.stage.span)

    def stage(self, stage: StageDefinition) -> Iterator[Origin]:
        subject = f"stage {stage.name}"
        parent = self.evaluator.value(stage.parent, self.point)
        yield from self.value(subject, "from", parent, stage.parent.span)
        resolved = next(iter(self._resolved(stage.name)), None)
        for name in SETTINGS:
            source = self.settings.source_of(stage, name, self.point)
            if source is not None:
                giver, setting = source
                value = self.evaluator.value(setting.value, self.point)
                reason = None
                if (name, value) == ("dtype", "auto") and resolved is not None:
                    value, reason = resolved.dtype, OF_THE_MODEL[name]
                if giver != stage.name:
                    text = self.text_of(setting.name.span)
                    reason = ", ".join(part for part in (f"inherited from stage `{giver}`", text) if part)
                yield from self.value(subject, name, value, setting.name.span, reason)
            elif name in INHERITED or name == "dropout":
                shown = resolved.shown().get(name) if resolved is not None else None
                if shown is not None:
                    why = OF_THE_MODEL.get(name, "default of a stage")
                    yield Origin(subject, name, shown, "", 0, why)

    def _resolved(self, stage: str) -> Iterator[Any]:
        for recipe in self.compiled.recipes:
            if recipe.definition is self.definition:
                for each in recipe.points:
                    if each.point == self.point and stage in each.stages:
                        yield each.stages[stage].settings


def _called(use: Span) -> str:
    """What is used: a template, or what is extended."""
    word = use.text.split(None, 1)[0]
    if word != "extends":
        return f"template `{use.text.partition('(')[0].strip()}`"
    return f"`{use.text.removeprefix(word).partition('(')[0].strip()}`"


def _use(span: Span) -> str:
    """The use of a template that a place of its text belongs to."""
    if not isinstance(span, UsedSpan):
        return ""
    line, _ = span.use.source.position(span.use.start)
    return f"{_called(span.use)} used at {span.use.source.name}:{line}"


def origin_text(found: list[Origin]) -> str:
    """Values in columns, under what has them."""
    lines: list[str] = []
    widths = [
        max((len(each.name) for each in found), default=0),
        min(48, max((len(each.value) for each in found), default=0)),
        max((len(each.place) for each in found), default=0),
    ]
    subject = ""
    for each in found:
        if each.subject != subject:
            subject = each.subject
            lines.append(subject)
        cells = [
            each.name.ljust(widths[0]),
            each.value.ljust(widths[1]),
            each.place.ljust(widths[2]),
            each.reason,
        ]
        lines.append("  " + "  ".join(cells).rstrip())
    return "\n".join(lines) + "\n"
