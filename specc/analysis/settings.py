"""What a stage is trained with: inherited, checked, and turned into numbers of steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

from specc.analysis.definition import INHERITED, Definition, StageDefinition
from specc.analysis.evaluate import Evaluator, Point
from specc.analysis.parents import first_stage, place_of
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
    show_number,
    spelled,
    spelled_component,
)
from specc.analysis.weights import Atom, Combination, Initial, Transformed, as_checkpoint, leaves
from specc.components import Kind
from specc.diagnostics import Report, Span
from specc.families import DROPOUT_TYPES
from specc.language import ast
from specc.precision import automatic_dtype
from specc.steps import Component

if TYPE_CHECKING:
    from specc.analysis.models import Model

DEFAULT_CLIP = 1.0


@dataclass(frozen=True, slots=True)
class Parent:
    """The checkpoint that a stage starts from."""

    value: Atom
    span: Span

    @property
    def stages(self) -> tuple[StageValue, ...]:
        """The stages that the checkpoint comes from, in the order of writing; none for a model."""
        return tuple(leaf for leaf in leaves(self.value) if isinstance(leaf, StageValue))


@dataclass(frozen=True, slots=True)
class Replay:
    """A share of a stage that reads again what its lineage has read; see `specc.analysis.past`."""

    share: Fraction
    decay: Fraction
    value: ComponentValue


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
        reading = _Reading(stage, values, spans, self._complete(lineage, point), self.report)
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


class _Reading:
    """Settings of one stage at one point, converted; `failed` once something was wrong.

    Args:
        complete: whether all settings are known, so that a missing one is a mistake.
    """

    def __init__(
        self,
        stage: StageDefinition,
        values: dict[str, Value | None],
        spans: dict[str, Span],
        complete: bool,
        report: Report,
    ) -> None:
        self.stage = stage
        self.values = values
        self.spans = spans
        self.complete = complete
        self.report = report
        self.failed = ERROR in values.values()
        self.absent: dict[str, str] = {}

    def missing(self, name: str, example: str) -> None:
        """Note a setting that neither the stage nor a parent gives."""
        self.absent[name] = example
        self.failed = True

    def report_missing(self) -> None:
        """Report the settings that were missing, in one message."""
        if not self.absent or not self.complete:
            return
        *names, last = self.absent
        listed = f"{', '.join(names)} and {last}" if names else last
        written = [f"write `{name} = {example}`" for name, example in self.absent.items()]
        self.report.add(
            "E0205",
            f"stage `{self.stage.name}` has no {listed}",
            self.stage.span,
            notes=["what a stage doesn't give it takes from its parent; a model has none of these"],
            help="\n".join(written),
        )

    def refuse(self, name: str, code: str, title: str, help: str | None = None) -> None:
        self.report.add(code, title, self.spans[name], help=help)
        self.failed = True

    def component(self, name: str, kind: Kind, example: str) -> ComponentValue | None:
        value = self.values[name]
        if value is None:
            self.missing(name, example)
            return None
        if value is ERROR:
            return None
        if not isinstance(value, ComponentValue) or value.signature.kind is not kind:
            article = "an" if kind.value[0] in "aeiou" else "a"
            self.refuse(
                name,
                "E0301",
                f"`{name}` needs {article} {kind.value}, not {describe(value)}",
                f"write `{example}`",
            )
            return None
        return value

    def replay(self) -> Replay | None:
        """What the stage reads again; None if nothing, or if that is wrong, and was reported."""
        if self.values["replay"] is None:
            return None
        value = self.component("replay", Kind.REPLAY, "past(share = 10%)")
        if value is None:
            return None
        share, decay = Fraction(value.args["share"]), Fraction(value.args.get("decay", "1/1"))
        if share == 1:
            self.report.add(
                "E0303",
                f"`share` is 100%: all of stage `{self.stage.name}` would be read again",
                value.spans["share"],
                help="write a smaller percentage, for instance `share = 10%`",
            )
            self.failed = True
            return None
        return Replay(share, decay, value) if share else None

    def until(self, judge: str) -> ComponentValue | None:
        """What may end the stage early; None if nothing does, or if that is wrong, and was reported.

        Args:
            judge: name of an `eval` that it may be judged by; empty if there is none.
        """
        value = self.values["until"]
        if value is None or value is ERROR:
            return None
        if not isinstance(value, ComponentValue) or value.signature.kind is not Kind.STOP:
            help = "declare an `eval`, and name it in `early_stop(...)`"
            title = f"`until` needs an early stop, not {describe(value)}"
            self.refuse("until", "E0301", title, f"write `early_stop({judge})`" if judge else help)
            return None
        every = value.args.get("every")
        if isinstance(every, Amount) and (every.value <= 0 or (every.unit is Unit.SHARE and every.value > 1)):
            title = f"`every` is {every}; it must be above 0 and not above the stage"
            self.report.add("E0303", title, value.spans["every"], help="write `5%`")
            self.failed = True
            return None
        return value

    def tokens(self, name: str) -> int | None:
        value = self.values[name]
        if value is None or value is ERROR:
            return None
        if not isinstance(value, Amount) or value.unit is not Unit.TOKENS:
            bare = isinstance(value, Amount) and value.unit is Unit.NUMBER
            help = f"write `{self.spans[name].text} tokens`" if bare else f"write `{name} = 8M tokens`"
            self.refuse(name, "E0301", f"`{name}` needs tokens, not {describe(value)}", help)
            return None
        if value.value < 1:
            self.refuse(name, "E0303", f"`{name}` is {value}; it must be at least 1 token")
            return None
        return int(value.value)

    def sequence(self, model: Model) -> int | None:
        if self.values["sequence"] is None:
            return model.context
        tokens = self.tokens("sequence")
        if tokens is None:
            return None
        if tokens < 2 or tokens > model.context:
            self.refuse(
                "sequence",
                "E0303",
                f"`sequence` is {tokens} tokens; it must be 2 to {model.context}, the model's context",
            )
            return None
        return tokens

    def batch(self, sequence: int | None) -> int | None:
        """Sequences in a training step; None if that is wrong or, of tokens, unknown without `sequence`."""
        value = self.values["batch"]
        if value is None:
            self.missing("batch", "64 sequences")
            return None
        if value is ERROR:
            return None
        if not isinstance(value, Amount) or value.unit not in (Unit.SEQUENCES, Unit.TOKENS):
            bare = isinstance(value, Amount) and value.unit is Unit.NUMBER
            help = f"write `{self.spans['batch'].text} sequences`" if bare else "write `batch = 64 sequences`"
            self.refuse("batch", "E0301", f"`batch` needs sequences or tokens, not {describe(value)}", help)
            return None
        if value.unit is Unit.TOKENS and sequence is None:
            return None
        size = value.value if value.unit is Unit.SEQUENCES else value.value / (sequence or 1)
        if value.value < 1:
            self.refuse("batch", "E0303", f"`batch` is {value}; it must be at least 1 sequence")
            return None
        if size.denominator != 1:
            below = Amount(Fraction(max(1, int(size))), Unit.SEQUENCES)
            self.refuse(
                "batch",
                "E0303",
                f"{value} are no whole number of sequences of {sequence} tokens",
                f"write `{below}`, or `{below.value * (sequence or 1)} tokens`",
            )
            return None
        return int(size)

    def number(self, name: str, default: float, below: float | None) -> float | None:
        value = self.values[name]
        if value is None or value is ERROR:
            return default
        if not isinstance(value, Amount) or value.unit is not Unit.NUMBER:
            share = isinstance(value, Amount) and value.unit is Unit.SHARE
            help = f"write `{show_number(value.value)}`" if share and isinstance(value, Amount) else None
            self.refuse(name, "E0301", f"`{name}` needs a number, not {describe(value)}", help)
            return None
        number = float(value.value)
        if number < 0 or (below is not None and number >= below):
            bounds = "not below 0" if below is None else f"at least 0 and below {below:g}"
            self.refuse(name, "E0303", f"`{name}` is {number:g}; it must be {bounds}")
            return None
        return number

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        """One of some quoted words, the first if the setting isn't given."""
        value = self.values[name]
        if value is None or value is ERROR:
            return choices[0]
        if value not in choices:
            shown = f'"{value}"' if isinstance(value, str) else describe(value)
            self.refuse(
                name,
                "E0303",
                f"`{name}` can't be {shown}",
                "write "
                + " or ".join(f'`"{choice}"`' for choice in choices).replace(" or ", ", ", len(choices) - 2),
            )
        return str(value)

    def droppable(self, model: Model) -> None:
        """Report a model of which the places of dropout are not known."""
        if model.family not in DROPOUT_TYPES:
            self.refuse(
                "dropout",
                "E0303",
                f"`dropout` is known for models built like Llama, not for those of type `{model.family}`",
                "write `dropout = 0`, or leave it out",
            )

    def keepable(self, parent: Parent) -> None:
        """Report a parent of which there is no optimizer state to be kept."""
        title = no_state(parent.value)
        if title:
            self.refuse("optimizer_state", "E0509", title, 'write `optimizer_state = "fresh"`')


def no_state(value: Atom) -> str:
    """Why a checkpoint has no optimizer state, by its expression; empty if it may have one."""
    match value:
        case Initial():
            return f"`{show(value)}` has no optimizer state to keep: nothing was trained yet"
        case Combination():
            return f"`{show(value)}` has no optimizer state to keep: only weights are added up"
        case Transformed():
            return f"`{show(value)}` has no optimizer state to keep: `{value.transform}` leaves it behind"
    return ""
