"""Values of a stage's settings: of the right kind and size, turned into numbers, or refused."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from specc.analysis.definition import StageDefinition
from specc.analysis.values import (
    ERROR,
    Amount,
    ComponentValue,
    StageValue,
    Unit,
    Value,
    describe,
    show,
    show_number,
)
from specc.analysis.weights import Atom, Combination, Initial, Transformed, leaves
from specc.components import Kind
from specc.diagnostics import Report, Span
from specc.families import DROPOUT_TYPES

if TYPE_CHECKING:
    from specc.analysis.models import Model


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


class SettingValues:
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
