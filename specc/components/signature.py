"""What a component may be given: typed, documented parameters.

A signature is the one place where a component is declared. The checker types recipes with it, the
runtime fills in defaults with it, and documentation is made from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from specc.steps import Component


class Type(Enum):
    """Type of a parameter, in the words of a recipe."""

    INT = "a whole number"
    FLOAT = "a number"
    SHARE = "a percentage"
    BOOL = "`true` or `false`"
    STRING = "a quoted string"
    STRINGS = "a list of quoted strings"
    FLOATS = "a list of numbers"
    TOKENS = "tokens, for instance `20M tokens`"
    LENGTH = "steps, tokens or a percentage of the stage"
    RATE = "a learning rate, or a percentage of the peak"
    PATHS = "a quoted path or glob, or a list of them"
    PATH = "a quoted path"
    TOKENIZER = "a tokenizer, for instance `bpe(vocab = 4_096)`"
    CORPORA = "a corpus, or a list of them"
    DATA = "a data set, for instance `skill.held_out`"
    DOCUMENTS = "a data set, or a corpus"
    SPLITS = 'a list of names and percentages, for instance `[("probe", 5%)]`'
    CHECKPOINT = "a checkpoint, for instance `pretrain`"
    EVAL = "the name of an `eval`, for instance `skill_loss`"


class Kind(Enum):
    """Where in a recipe a component may stand."""

    MODEL = "model"
    OPTIMIZER = "optimizer"
    SCHEDULE = "schedule"
    CORPUS = "corpus"
    EVALUATION = "evaluation"
    CHECKPOINT = "checkpoint transform"
    DATA = "data transform"
    REPLAY = "replay"
    STOP = "stop"
    TOKENIZER = "tokenizer"
    ADAPTER = "adapter"


REQUIRED: Any = object()
"""Default of a parameter that must be given."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a component.

    Attributes:
        default: value if not given; `REQUIRED` if it must be.
        low, high: inclusive bounds of numbers.
        choices: the only values a string may have.
        identity: whether it changes the result; paths don't, their content does.
    """

    name: str
    type: Type
    doc: str
    default: Any = REQUIRED
    low: float | None = None
    high: float | None = None
    above: float | None = None
    choices: tuple[str, ...] = ()
    identity: bool = True

    @property
    def required(self) -> bool:
        return self.default is REQUIRED


@dataclass(frozen=True, slots=True)
class Signature:
    """A component: its name, kind, parameters in order, and a sentence on what it is.

    Attributes:
        positional: how many leading parameters may be given without a name.
        source: paper or specification behind a formula.
        metric: for evaluations, the name of what is measured.
        unit: for evaluations, the unit of what is measured, in words; "" for a bare number.
        better: for evaluations, which results `best` prefers: "lower" or "higher"; "" if neither.
        traits: facts that the checker needs, for instance "prompts"; "random" for a checkpoint transform
            that draws from the seed of the arm; "drops_options" for a data transform behind which
            documents have no options, "same_length" for one that changes no number of tokens or documents,
            "keeps_documents" for one that makes one document of each, in their order, "several" for one
            that takes any number of data sets; "two_passes" for an optimizer that takes two gradients for
            each update.
        example: a call that compiles; "" where sample values of the required parameters make one.
        plugin: package and version that brings it; "" for specc itself.
    """

    name: str
    kind: Kind
    doc: str
    parameters: tuple[Parameter, ...] = ()
    positional: int = 0
    source: str = ""
    metric: str = ""
    unit: str = ""
    better: str = ""
    traits: frozenset[str] = field(default_factory=frozenset)
    example: str = ""
    plugin: str = ""

    def parameter(self, name: str) -> Parameter | None:
        return next((parameter for parameter in self.parameters if parameter.name == name), None)

    def filled(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """All arguments: those given, and the defaults of the rest."""
        return {p.name: args.get(p.name, p.default) for p in self.parameters if p.identity or p.name in args}

    def component(self, args: Mapping[str, Any]) -> Component:
        """The component as it enters a key: identity arguments that differ from their defaults."""
        kept = {
            p.name: args[p.name]
            for p in self.parameters
            if p.identity and p.name in args and args[p.name] != p.default
        }
        return Component(name=self.name, args=kept, plugin=self.plugin)
