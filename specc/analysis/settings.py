"""What a stage is trained with: inherited, checked, and turned into numbers of steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from specc.analysis.definition import INHERITED, Definition, StageDefinition
from specc.analysis.evaluate import Evaluator, Point
from specc.analysis.parents import first_stage, place_of
from specc.analysis.setting_values import Parent, Replay, SettingValues
from specc.analysis.values import (
    ERROR,
    ComponentValue,
    describe,
    identity_of,
    spelled,
    spelled_component,
)
from specc.analysis.weights import Atom, Combination, Initial, as_checkpoint, leaves
from specc.components import Kind
from specc.diagnostics import Report, Span
from specc.language import ast
from specc.precision import automatic_dtype
from specc.steps import Component

if TYPE_CHECKING:
    from specc.analysis.models import Model

DEFAULT_CLIP = 1.0


@dataclass(frozen=True, slots=True)
class StageSettings:
    """Resolved settings of a stage at a point of the sweep.

    Attributes:
        batch: sequences in a training step. sequence: tokens in a sequence.
        budget: tokens of the stage, if declared. clip: None for no clipping.
        optimizer_state: "fresh" at the start of the stage, or "kept" as its parent left it.
        replay: what is read again, if anything. until: what may end the stage early.
        adapter: what is trained in place of the weights, if anything.
    """

    parent: Parent
    optimizer: Component
    schedule: ComponentValue
    batch: int
    sequence: int
    budget: int | None
    clip: float | None
    dropout: float
    dtype: str
    spans: dict[str, Span]
    optimizer_state: str = "fresh"
    replay: Replay | None = None
    until: ComponentValue | None = None
    adapter: Component | None = None

    @property
    def step_tokens(self) -> int:
        """Tokens of a training step."""
        return self.batch * self.sequence

    def shown(self) -> dict[str, str]:
        """The settings as text, for people and for the `stages` table."""
        return {
            "optimizer": spelled_component(self.optimizer),
            "schedule": spelled(self.schedule),
            "batch": f"{self.batch} sequences",
            "sequence": f"{self.sequence} tokens",
            "clip": "none" if self.clip is None else f"{self.clip:g}",
            "dropout": f"{self.dropout:g}",
            "dtype": self.dtype,
            **({"optimizer_state": "kept"} if self.optimizer_state == "kept" else {}),
            **({"replay": spelled(self.replay.value)} if self.replay is not None else {}),
            **({"adapter": spelled_component(self.adapter)} if self.adapter is not None else {}),
            **({"until": spelled(self.until)} if self.until is not None else {}),
        }


@dataclass(frozen=True, slots=True)
class _Lineage:
    """A stage and its ancestors with their names, and those of its settings that may be inherited."""

    stages: tuple[StageDefinition, ...] = ()
    names: tuple[str, ...] = ()
    inherited: Mapping[str, ast.Setting] = field(default_factory=dict)

    def setting(self, name: str) -> ast.Setting | None:
        """A setting as the stage gives it, or the nearest ancestor if it is inherited."""
        return (self.inherited if name in INHERITED else self.stages[0].settings).get(name)


class SettingsReader:
    """Settings of the stages of one experiment, each worked out once for what it depends on."""

    def __init__(self, definition: Definition, evaluator: Evaluator, report: Report) -> None:
        self.definition = definition
        self.evaluator = evaluator
        self.report = report
        self._memo: dict[tuple[object, ...], StageSettings | None] = {}
        self._before: dict[tuple[object, ...], str | None] = {}
        self._lineages: dict[str, _Lineage] = {}
        self._order = {name: place for place, name in enumerate(definition.stages)}

    def parent(self, stage: StageDefinition, point: Point) -> Parent | None:
        """Where a stage starts; None if that is wrong, and was reported."""
        value = self.evaluator.value(stage.parent, point)
        span = stage.parent.span
        if value is ERROR:
            return None
        checkpoint = as_checkpoint(value)
        if checkpoint is not None:
            return Parent(checkpoint, span) if self._earlier(stage, checkpoint, span) else None
        self.report.add(
            "E0502",
            f"stage `{stage.name}` can't come from {describe(value)}",
            span,
            help="add it to a checkpoint, for instance to the one it was subtracted from"
            if isinstance(value, Combination)
            else "a stage comes from a model or from an earlier stage",
        )
        return None

    def _earlier(self, stage: StageDefinition, checkpoint: Atom, around: Span) -> bool:
        """Whether all stages that a checkpoint comes from stand above a stage; reported if not."""
        order = self._order
        for leaf in leaves(checkpoint):
            if isinstance(leaf, Initial):
                continue
            span = place_of(leaf.span, around)
            if leaf.stage == stage.name:
                self.report.add(
                    "E0502",
                    f"stage `{stage.name}` can't come from itself",
                    span,
                    help="name a model, or an earlier stage",
                )
                return False
            if order[leaf.stage] > order[stage.name]:
                self.report.add(
                    "E0502",
                    f"stage `{stage.name}` comes from `{leaf.stage}`, which is declared later",
                    span,
                    help=f"move stage `{leaf.stage}` above stage `{stage.name}`",
                )
                return False
        return True

    def _lineage(self, stage: StageDefinition, point: Point) -> _Lineage:
        """A stage and its ancestors, each once even if they come from each other.

        Of several stages in an expression the one that is written first counts. A lineage that is the
        same at all points is kept: in a long chain each stage goes on from that of the one before.
        """
        found: list[StageDefinition] = []
        rest = _Lineage()
        same_everywhere = True
        current: StageDefinition | None = stage
        seen: set[str] = set()
        while current is not None and current.name not in seen:
            known = self._lineages.get(current.name)
            if known is not None and seen.isdisjoint(known.names):
                rest = known
                break
            found.append(current)
            seen.add(current.name)
            same_everywhere &= not self.evaluator.dependencies(current.parent)
            before = self._stage_before(current, point)
            current = self.definition.stages.get(before) if before is not None else None
        inherited = dict(rest.inherited)
        for each in reversed(found):
            inherited |= {name: s for name, s in each.settings.items() if name in INHERITED}
        lineage = _Lineage((*found, *rest.stages), (*(each.name for each in found), *rest.names), inherited)
        if same_everywhere:
            self._lineages[stage.name] = lineage
        return lineage

    def _stage_before(self, stage: StageDefinition, point: Point) -> str | None:
        """The stage that a stage inherits from; worked out once, for long chains are walked often."""
        axes = self.evaluator.dependencies(stage.parent)
        key = (stage.name, *(identity_of(point[axis]) for axis in axes if axis in point))
        if key not in self._before:
            checkpoint = as_checkpoint(self.evaluator.value(stage.parent, point))
            self._before[key] = first_stage(checkpoint) if checkpoint is not None else None
        return self._before[key]

    def source_of(self, stage: StageDefinition, name: str, point: Point) -> tuple[str, ast.Setting] | None:
        """The stage that gives a setting, which may be an ancestor, and the setting; None for a default."""
        lineage = self._lineage(stage, point)
        setting = lineage.setting(name)
        giver = next((each.name for each in lineage.stages if each.settings.get(name) is setting), stage.name)
        return (giver, setting) if setting is not None else None

    def _complete(self, lineage: _Lineage, point: Point) -> bool:
        """Whether a stage and its ancestors could be read whole, so that what is missing is missing."""
        if any(current.broken for current in lineage.stages):
            return False
        first = as_checkpoint(self.evaluator.value(lineage.stages[-1].parent, point))
        return first is not None and first_stage(first) is None

    def settings(self, stage: StageDefinition, model: Model | None, point: Point) -> StageSettings | None:
        """Resolved settings of a stage; None if something in them is wrong, and was reported."""
        lineage = self._lineage(stage, point)
        sources = {
            name: lineage.setting(name)
            for name in (
                "budget",
                "optimizer",
                "optimizer_state",
                "schedule",
                "batch",
                "sequence",
                "clip",
                "dropout",
                "dtype",
                "replay",
                "adapter",
                "until",
            )
        }
        values = {
            name: self.evaluator.value(setting.value, point) if setting else None
            for name, setting in sources.items()
        }
        parent = self.parent(stage, point)
        spans = {name: setting.value.span for name, setting in sources.items() if setting}
        reading = SettingValues(stage, values, spans, self._complete(lineage, point), self.report)
        optimizer = reading.component("optimizer", Kind.OPTIMIZER, "adamw()")
        schedule = reading.component("schedule", Kind.SCHEDULE, "cosine(peak = 1e-3, warmup = 2%)")
        sequence = reading.sequence(model) if model else None
        batch = reading.batch(sequence)
        clip = reading.number("clip", DEFAULT_CLIP, None)
        dropout = reading.number("dropout", 0.0, 1.0)
        if model is not None and dropout:
            reading.droppable(model)
        budget = reading.tokens("budget")
        dtype = reading.choice("dtype", ("auto", "float32", "bfloat16"))
        if dtype == "auto" and model is not None:
            dtype = _automatic(model)
        replay = reading.replay()
        adapter = None
        if values["adapter"] is not None:
            adapter = reading.component("adapter", Kind.ADAPTER, "lora(rank = 8)")
        until = reading.until(next(iter(self.definition.evals), ""))
        state = reading.choice("optimizer_state", ("fresh", "kept"))
        if state == "kept" and parent is not None:
            reading.keepable(parent)
        if parent is not None and not parent.stages:
            reading.report_missing()
        if reading.failed or not (parent and optimizer and schedule and sequence and batch):
            return None
        assert clip is not None
        assert dropout is not None
        return StageSettings(
            parent,
            optimizer.signature.component(optimizer.args),
            schedule,
            batch,
            sequence,
            budget,
            clip or None,
            dropout,
            dtype,
            spans,
            state,
            replay,
            until,
            adapter.signature.component(adapter.args) if adapter is not None else None,
        )


def _automatic(model: Model) -> str:
    """What `dtype = "auto"` means: what an imported checkpoint is stored in, else what suits the size."""
    if model.fingerprint is None:
        return automatic_dtype(model.shape)
    return "bfloat16" if model.dtype == "bfloat16" else "float32"
