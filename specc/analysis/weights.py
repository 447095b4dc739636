"""Checkpoints that are computed, and deltas: the values, and the arithmetic on them.

A checkpoint minus a checkpoint is a delta; only a delta can be scaled, added to a delta, or added to
and subtracted from a checkpoint. So every such value is a sum of checkpoints times exact numbers,
which add up to 1 for a checkpoint and to 0 for a delta, and `a + 0.5 * (b - a)`, `lerp(a, b, 50%)` and
`mean(a, b)` are one value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from specc.analysis.values import (
    Amount,
    ComponentValue,
    Computed,
    StageValue,
    Unit,
    Value,
    describe,
    identity_of,
    show,
)
from specc.components import Kind
from specc.diagnostics import Span

DEEPEST = 100
"""Transforms and selections that may be applied to each other."""

MOST_TERMS = 1000
"""Checkpoints in one sum."""

MOST_BITS = 400
"""Of the numerator and the denominator of a weight."""

Atom = StageValue | Computed
"""A checkpoint that is no sum: of a stage, of a model, transformed or selected."""

Term = tuple[Atom, Fraction]


@dataclass(frozen=True, slots=True)
class Initial(Computed):
    """The checkpoint that a model is at first; `origin` tells models apart."""

    model: ComponentValue = field(compare=False)
    origin: tuple[object, ...]

    @property
    def span(self) -> Span:
        return self.model.span

    def __str__(self) -> str:
        return show(self.model)


@dataclass(frozen=True, slots=True)
class Combination(Computed):
    """Checkpoints times exact weights: a checkpoint, or a delta.

    `depth` counts the transforms and selections on the longest way to a stage, here and below.

    Attributes:
        terms: in the order of writing, those of weight 0 too: settings are inherited from the first.
        weights: the same as a set, without those of weight 0: what the value is.
    """

    terms: tuple[Term, ...] = field(compare=False)
    weights: frozenset[Term]
    delta: bool
    depth: int = field(compare=False)
    span: Span = field(compare=False)
    name: str = field(default="", compare=False)

    @property
    def kind(self) -> str:
        return "a delta" if self.delta else "a checkpoint"

    def __str__(self) -> str:
        return self.name or written(self.span)


@dataclass(frozen=True, slots=True)
class Transformed(Computed):
    """A checkpoint with a registered transform applied to it.

    Attributes:
        given: the component, all arguments included.
        arguments: what of them is the identity of the transform, sorted by name.
    """

    given: ComponentValue = field(compare=False)
    transform: str
    arguments: tuple[tuple[str, object], ...]
    checkpoint: Atom
    depth: int = field(compare=False)
    span: Span = field(compare=False)
    name: str = field(default="", compare=False)

    def __str__(self) -> str:
        return self.name or written(self.span)


@dataclass(frozen=True, slots=True)
class Selected(Computed):
    """The best checkpoint, by an evaluation, among the arms that differ only in some axes.

    Attributes:
        checkpoint: the candidate of the point at which this was evaluated.
        candidate: that of another point; None if it is wrong there.
        origin: what tells choices apart: the checkpoint or, if that depends on the axes, how it is written.
        over: those axes, sorted.
    """

    checkpoint: Atom = field(compare=False)
    candidate: Callable[[Mapping[str, Value]], Atom | None] = field(compare=False, repr=False)
    origin: tuple[object, ...]
    by: str
    over: tuple[str, ...]
    depth: int = field(compare=False)
    span: Span = field(compare=False)
    name: str = field(default="", compare=False)

    def __str__(self) -> str:
        return self.name or written(self.span)


def written(span: Span) -> str:
    """An expression as it stands in the recipe, in one line."""
    return " ".join(span.text.split())


def as_weights(value: Value) -> Atom | None:
    """The value as a checkpoint or a delta, if it is one; a model is the checkpoint it begins as."""
    if isinstance(value, StageValue | Computed):
        return value
    if isinstance(value, ComponentValue) and value.signature.kind is Kind.MODEL:
        return Initial(value, origin_of(value))
    return None


def as_checkpoint(value: Value) -> Atom | None:
    """The value as a checkpoint, if it is one."""
    weights = as_weights(value)
    return None if isinstance(weights, Combination) and weights.delta else weights


def origin_of(model: ComponentValue) -> tuple[object, ...]:
    """What tells a model from others: its component, its arguments, and where their paths begin."""
    args = sorted((name, identity_of(arg)) for name, arg in model.args.items())
    return (model.signature.name, *args, model.span.source.name if "path" in model.args else "")


def transformed(given: ComponentValue, name: str = "") -> Transformed:
    """The value of a call of a checkpoint transform, whose arguments were checked."""
    parameter = next(p.name for p in given.signature.parameters if p.type.name == "CHECKPOINT")
    component = given.signature.component(given.args)
    arguments = tuple(sorted(component.args.items()))
    checkpoint: Atom = given.args[parameter]
    below = depth(checkpoint) + 1
    return Transformed(given, given.signature.name, arguments, checkpoint, below, given.span, name)


def plain(value: Atom) -> Atom:
    """A sum of one checkpoint once as that checkpoint, anything else as it is."""
    if isinstance(value, Combination) and len(value.weights) == 1:
        ((atom, weight),) = value.weights
        return atom if weight == 1 else value
    return value


def terms_of(value: Atom) -> tuple[Term, ...]:
    """A checkpoint or delta as a sum."""
    return value.terms if isinstance(value, Combination) else ((value, Fraction(1)),)


def inner(value: Atom) -> tuple[Atom, ...]:
    """The checkpoints that a value is computed from, in the order of writing."""
    match value:
        case Combination():
            return tuple(atom for atom, _ in value.terms)
        case Transformed() | Selected():
            return (value.checkpoint,)
    return ()


def everything(value: Atom) -> list[Atom]:
    """All checkpoints that a value is computed from, itself included, each once, in the order of writing."""
    if isinstance(value, StageValue | Initial):
        return [value]
    found: dict[Atom, None] = {}
    waiting: list[Atom] = [value]
    while waiting:
        current = waiting.pop()
        if current not in found:
            found[current] = None
            waiting.extend(reversed(inner(current)))
    return list(found)


def leaves(value: Atom) -> list[StageValue | Initial]:
    """The stages and models that a value comes from, in the order of writing."""
    return [part for part in everything(value) if isinstance(part, StageValue | Initial)]


def depth(value: Atom) -> int:
    """Transforms and selections on the longest way from a value to its stages."""
    return value.depth if isinstance(value, Combination | Transformed | Selected) else 0


def total(
    parts: Iterable[tuple[Atom, Fraction]], span: Span, delta: bool
) -> Combination | tuple[str, str, str | None]:
    """A sum of checkpoints and deltas, each times a number; or code, title and help of what is wrong."""
    weights: dict[Atom, Fraction] = {}
    for value, factor in parts:
        for atom, weight in terms_of(value):
            weights[atom] = weights.get(atom, Fraction(0)) + weight * factor
    if len(weights) > MOST_TERMS:
        return (
            "E0505",
            f"this adds up {len(weights):,} checkpoints; at most {MOST_TERMS:,} are allowed",
            None,
        )
    if any(max(w.numerator.bit_length(), w.denominator.bit_length()) > MOST_BITS for w in weights.values()):
        return "E0303", "the weights of this sum have too many digits", None
    kept = frozenset((atom, weight) for atom, weight in weights.items() if weight)
    return Combination(tuple(weights.items()), kept, delta, max(map(depth, weights), default=0), span)


def is_delta(value: Atom) -> bool:
    return isinstance(value, Combination) and value.delta


def arithmetic(
    left: Value, symbol: str, right: Value, a: Span, b: Span
) -> Combination | tuple[str, str, str | None]:
    """Arithmetic of which one side at least is a checkpoint or a delta.

    Args:
        a, b: where the two sides are written.
    Returns:
        the result, or code, title and help of what is wrong.
    """
    ours, theirs = as_weights(left), as_weights(right)
    span = a.to(b)
    if ours is not None and theirs is not None:
        return _of_two(ours, symbol, theirs, a, b, span)
    weights, other = (ours, right) if ours is not None else (theirs, left)
    assert weights is not None
    what, scalar = _words(weights), describe(other)
    number = other if isinstance(other, Amount) and other.unit in (Unit.NUMBER, Unit.SHARE) else None
    if symbol in "+-":
        word = "added to" if symbol == "+" else "subtracted from"
        order = (scalar, what) if ours is not None else (what, scalar)
        return "E0301", f"{order[0]} can't be {word} {order[1]}", None
    if symbol == "/" and ours is None:
        return "E0301", f"{scalar} can't be divided by {what}", None
    if number is None:
        word = "multiplied" if symbol == "*" else "divided"
        return "E0301", f"{what} can't be {word} by {scalar}", None
    if not is_delta(weights):
        return (
            "E0301",
            "a checkpoint can't be scaled; only a delta, a checkpoint minus a checkpoint, can",
            None,
        )
    if symbol == "/" and number.value == 0:
        return "E0305", "division by zero", None
    factor = number.value if symbol == "*" else 1 / number.value
    return total([(weights, factor)], span, delta=True)


def _of_two(
    left: Atom, symbol: str, right: Atom, a: Span, b: Span, span: Span
) -> Combination | tuple[str, str, str | None]:
    deltas = is_delta(left), is_delta(right)
    if symbol in "*/":
        word = "multiplied" if symbol == "*" else "divided"
        return "E0301", f"{_words(left)} can't be {word} by {_words(right)}", None
    first, second = written(a), written(b)
    if symbol == "+":
        if deltas == (False, False):
            help = f"write `mean({first}, {second})`, or add a delta: `{first} + 0.5 * ({second} - {first})`"
            return "E0301", "a checkpoint can't be added to a checkpoint", help
        return total([(left, Fraction(1)), (right, Fraction(1))], span, delta=all(deltas))
    if deltas == (True, False):
        return "E0301", "a checkpoint can't be subtracted from a delta", f"write `{second} - ({first})`"
    return total([(left, Fraction(1)), (right, Fraction(-1))], span, delta=deltas[0] is deltas[1])


def _words(value: Atom) -> str:
    return "a delta" if is_delta(value) else "a checkpoint"
