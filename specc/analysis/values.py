"""Values of the language: quantities with units, and what components, stages and data sets are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction
from functools import lru_cache
from typing import Any

from specc.components import Kind, Signature
from specc.diagnostics import Span
from specc.steps import Component


class Unit(Enum):
    """Unit of a quantity, in the words of a recipe."""

    NUMBER = "a number"
    SHARE = "a percentage"
    TOKENS = "tokens"
    STEPS = "steps"
    SEQUENCES = "sequences"
    EPOCHS = "epochs"


UNITS = {
    "token": Unit.TOKENS,
    "tokens": Unit.TOKENS,
    "step": Unit.STEPS,
    "steps": Unit.STEPS,
    "sequence": Unit.SEQUENCES,
    "sequences": Unit.SEQUENCES,
    "epoch": Unit.EPOCHS,
    "epochs": Unit.EPOCHS,
}

SUFFIXES = {"K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}
LARGEST = Fraction(2**63 - 1)
"""Largest number of the language: what a BIGINT column holds."""

_NUMBER = re.compile(r"(\d[\d_]*)(\.\d[\d_]*)?([eE][+-]?\d{1,3})?([A-Za-z]*)(%?)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Amount:
    """An exact number with a unit; shares are fractions of 1."""

    value: Fraction
    unit: Unit

    def __str__(self) -> str:
        return show_amount(self.value, self.unit)


@dataclass(frozen=True, slots=True)
class ComponentValue:
    """A component with checked arguments.

    Attributes:
        spans: where each argument was given.
        name: under which the recipe speaks of it, if it was given one by `let` or `model`.
    """

    signature: Signature
    args: Mapping[str, Any]
    spans: Mapping[str, Span] = field(compare=False)
    span: Span = field(compare=False)
    name: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class StageValue:
    """The checkpoint at the end of a stage, or at `position` (share, tokens or steps) in it."""

    stage: str
    position: Amount | None
    span: Span = field(compare=False)


class Computed:
    """A checkpoint or a delta that is computed from others; see `specc.analysis.weights`.

    Written as text, it is the name it was given by `let`, else the expression as it stands.
    """

    __slots__ = ()

    @property
    def kind(self) -> str:
        """What it is, in the words of a recipe: a checkpoint, or a delta."""
        return "a checkpoint"


@dataclass(frozen=True, slots=True)
class CorpusValue:
    """A corpus by the name that it is spoken of, and what it was declared as."""

    corpus: str
    source: ComponentValue | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class EvalValue:
    """An `eval` item by name: what is measured, for `best` and for the end of a stage."""

    name: str


@dataclass(frozen=True, slots=True)
class DataValue:
    """A part of a corpus.

    What a transform makes of data sets is a `ComponentValue`, whose argument `data` holds them.

    Attributes:
        split: "" where the corpus as a whole is named: its part is said by who uses it.
        source: what the corpus was declared as.
    """

    corpus: str
    split: str
    span: Span = field(compare=False)
    source: ComponentValue | None = field(default=None, compare=False)


class Word(Enum):
    """Words that stand for an amount which allocation works out."""

    REST = "rest"
    FILL = "fill"


class Failed(Enum):
    """Stands for a value whose mistake was reported; silences what would follow from it."""

    ERROR = "error"


ERROR = Failed.ERROR

Value = (
    Amount
    | str
    | bool
    | tuple[Any, ...]
    | ComponentValue
    | StageValue
    | Computed
    | CorpusValue
    | DataValue
    | EvalValue
    | Word
    | Failed
)


@lru_cache(maxsize=4096)
def read_number(text: str) -> tuple[Fraction, bool] | str:
    """Value of a written number and whether it is a percentage, or what is wrong with it.

    >>> read_number("1.5M")
    (Fraction(1500000, 1), False)
    >>> read_number("25%")
    (Fraction(1, 4), True)
    """
    match = _NUMBER.fullmatch(text)
    if match is None:
        return "only decimal digits, one point, an exponent, K M B T or `%` make a number"
    whole, decimals, exponent, suffix, percent = match.groups()
    if len(text) > 40 or (exponent and abs(int(exponent[1:])) > 300):
        return "too many digits, or too large an exponent"
    if suffix and suffix not in SUFFIXES:
        return f"unknown suffix `{suffix}`"
    if suffix and percent:
        return "a percentage has no suffix"
    value = Fraction((whole + (decimals or "") + (exponent or "")).replace("_", ""))
    value *= SUFFIXES.get(suffix, 1)
    if percent:
        value /= 100
    if value > LARGEST:
        return "larger than the largest number, 9,223,372,036,854,775,807"
    return value, bool(percent)


def describe(value: Value) -> str:
    """What kind of value this is, in the words of a recipe."""
    match value:
        case Amount():
            return value.unit.value
        case bool():
            return "`true` or `false`"
        case str():
            return "a string"
        case tuple():
            return "a list"
        case ComponentValue() if value.signature.kind is Kind.DATA:
            return "a data set"
        case ComponentValue():
            return f"{_article(value.signature.kind.value)} `{value.signature.name}`"
        case StageValue():
            return "a checkpoint"
        case Computed():
            return value.kind
        case CorpusValue():
            return "a corpus"
        case DataValue():
            return "a data set" if value.split else "a corpus"
        case EvalValue():
            return f"the eval `{value.name}`"
        case Word():
            return f"`{value.value}`"
        case Failed():
            return "an error"


def _article(word: str) -> str:
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"


def show_share(share: Fraction) -> str:
    """A share as a percentage: exact if it has few digits, else rounded to three decimals.

    >>> show_share(Fraction(1, 4)), show_share(Fraction(1, 3))
    ('25%', '33.333%')
    """
    percent = share * 100
    if percent.denominator == 1:
        return f"{percent.numerator}%"
    rounded = f"{float(percent):.3f}".rstrip("0").rstrip(".")
    return f"{float(percent):g}%" if rounded in ("0", "-0") else f"{rounded}%"


def show_tokens(tokens: int | Fraction) -> str:
    """Tokens in full digits, or with a suffix where three decimals say them exactly.

    >>> show_tokens(2_500_000), show_tokens(1_234_567)
    ('2.5M', '1,234,567')
    """
    number = Fraction(tokens)
    for suffix, size in reversed(SUFFIXES.items()):
        scaled = number / size
        if 1 <= abs(scaled) < 1000 and (scaled * 1000).denominator == 1:
            return f"{float(scaled):.3f}".rstrip("0").rstrip(".") + suffix
    return f"{number.numerator:,}" if number.denominator == 1 else f"{float(number):,.3f}"


def show_number(value: Fraction) -> str:
    """A number as a person would write it."""
    if value.denominator == 1 and abs(value) < 10**15:
        return str(value.numerator)
    return f"{float(value):g}"


def show_amount(value: Fraction, unit: Unit) -> str:
    """An amount as it would be written in a recipe."""
    if unit is Unit.SHARE:
        return show_share(value)
    if unit is Unit.NUMBER:
        return show_number(value)
    word = unit.value[:-1] if value == 1 else unit.value
    return f"{show_tokens(value)} {word}"


def show(value: Value) -> str:
    """A value as text, for labels and columns; a component that has a name, by its name."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return f'"{value}"'
        case tuple():
            return "[" + ", ".join(show(item) for item in value) + "]"
        case ComponentValue():
            return value.name or spelled(value)
        case StageValue():
            return value.stage + (f"@{value.position}" if value.position else "")
        case CorpusValue():
            return value.corpus
        case EvalValue():
            return value.name
        case DataValue():
            return f"{value.corpus}.{value.split}" if value.split else value.corpus
        case Word() | Failed():
            return str(value.value)
        case Amount() | Computed():
            return str(value)


def spelled(value: ComponentValue) -> str:
    """A component with all that was given to it."""
    if value.signature.kind is Kind.DATA:
        data = value.args["data"]
        named = (f"{name} = {show_argument(arg)}" for name, arg in value.args.items() if name != "data")
        parts = [*(show(each) for each in (data if isinstance(data, tuple) else (data,))), *named]
        return f"{value.signature.name}({', '.join(parts)})"
    args = ", ".join(f"{name} = {show_argument(arg)}" for name, arg in value.args.items())
    return f"{value.signature.name}({args})"


def spelled_component(component: Component) -> str:
    """A component as it enters a key, its arguments in order of their names."""
    args = ", ".join(f"{name} = {show_argument(arg)}" for name, arg in sorted(component.args.items()))
    return f"{component.name}({args})"


def show_argument(arg: Any) -> str:
    """An argument or a default of a component, as a recipe would write it."""
    if isinstance(arg, float):
        return f"{arg:g}"
    if isinstance(arg, int) and not isinstance(arg, bool):
        return f"{arg:_}" if arg >= 10000 else str(arg)
    if isinstance(arg, str) and re.fullmatch(r"\d+/\d+", arg):
        return show_share(Fraction(arg))
    return show(arg) if not isinstance(arg, tuple) else "[" + ", ".join(map(show_argument, arg)) + "]"


def identity_of(value: Value) -> object:
    """A hashable stand-in: components are compared by place, all else by what it is."""
    if isinstance(value, ComponentValue):
        return id(value)
    if isinstance(value, CorpusValue | DataValue):
        return (value, id(value.source))
    if isinstance(value, tuple):
        return tuple(identity_of(item) for item in value)
    return value
