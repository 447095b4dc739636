"""Where in a stage the tokens of a cell lie, as written: windows, blocks, bursts and ramps."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from specc.analysis.evaluate import Evaluator, Point
from specc.analysis.findings import Finding
from specc.analysis.values import ERROR, Amount, Failed, Unit, Value, describe
from specc.diagnostics import Label, Span
from specc.language import ast

LENGTHS = (Unit.SHARE, Unit.TOKENS, Unit.STEPS)
"""Units of a position in a stage."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where in a stage the tokens of a cell lie.

    Attributes:
        kind: "within" (two positions), "early block", "late block", "at" (positions, ascending) or
            "ramp" (the shares of the stage at its beginning and at its end).
    """

    kind: str
    positions: tuple[Amount, ...] = ()
    span: Span | None = field(default=None, compare=False)

    @property
    def absolute(self) -> bool:
        """Whether it says the same for every length of the stage."""
        if self.kind in ("ramp", "late block"):
            return False
        return all(position.unit is not Unit.SHARE for position in self.positions)

    def __str__(self) -> str:
        if self.kind in ("within", "ramp"):
            text = f"{self.positions[0]}..{self.positions[1]}"
            return f"within {text}" if self.kind == "within" else f"{text} of stage"
        listed = ", ".join(map(str, self.positions))
        return f"at {listed}" if self.positions else self.kind


def read_place(
    cell: ast.Cell, evaluator: Evaluator, point: Point, findings: list[Finding]
) -> Placement | Failed | None:
    """The place of a cell's tokens; None if it has none, `ERROR` if it is wrong, and was found so."""
    if len(cell.places) > 1 or (cell.places and cell.to is not None):
        again = cell.places[0] if cell.to is not None else cell.places[1]
        first = cell.value.span.to(cell.to.span) if cell.to is not None else cell.places[0].span
        findings.append(
            Finding(
                "E0206",
                "a second place in one cell",
                again.span,
                secondary=(Label(first, "first here"),),
                help="a ramp goes over the whole stage; leave the other place out"
                if cell.to is not None
                else "keep one of them",
            )
        )
        return ERROR
    if cell.to is not None:
        return _ramp(cell, evaluator, point, findings)
    if not cell.places:
        return None
    (place,) = cell.places
    values = [evaluator.value(position, point) for position in place.positions]
    if ERROR in values:
        return ERROR
    positions = _positions(cell, place, values, findings)
    if positions is None:
        return ERROR
    return Placement(place.kind, positions, place.span)


def _ramp(cell: ast.Cell, evaluator: Evaluator, point: Point, findings: list[Finding]) -> Placement | Failed:
    assert cell.to is not None
    ends: list[Amount] = []
    for part in (cell.value, cell.to):
        value = evaluator.value(part, point)
        if value is ERROR:
            return ERROR
        if not isinstance(value, Amount) or value.unit is not Unit.SHARE:
            findings.append(
                Finding(
                    "E0301",
                    f"a ramp goes from one percentage to another, not to {describe(value)}"
                    if part is cell.to
                    else f"a ramp begins at a percentage, not at {describe(value)}",
                    part.span,
                    help="write `0%..10% of stage`",
                )
            )
            return ERROR
        if not 0 <= value.value <= 1:
            findings.append(
                Finding(
                    "E0402",
                    f"a ramp's end is {value}; it must be 0% to 100%",
                    part.span,
                    key=(cell.stage.text, part.span.text),
                    amount=str(value),
                )
            )
            return ERROR
        ends.append(value)
    if cell.of is None:
        span = cell.value.span.to(cell.to.span)
        findings.append(
            Finding(
                "E0404",
                "a ramp is of the stage: what it brings follows from the stage's length",
                span,
                help=f"write `{span.text} of stage`",
            )
        )
        return ERROR
    return Placement("ramp", tuple(ends), cell.value.span.to(cell.to.span))


def mean_share(placement: Placement) -> Amount:
    """The share of the stage that a ramp brings: the mean of its ends."""
    first, last = placement.positions
    return Amount((first.value + last.value) / 2, Unit.SHARE)


def _positions(
    cell: ast.Cell, place: ast.Place, values: list[Value], findings: list[Finding]
) -> tuple[Amount, ...] | None:
    """Positions with their units, each in the stage as far as that shows; None if one is wrong."""
    last = values[-1] if values else None
    found: list[Amount] = []
    for node, value in zip(place.positions, values, strict=True):
        if (
            isinstance(value, Amount)
            and value.unit is Unit.NUMBER
            and isinstance(last, Amount)
            and last.unit in (Unit.TOKENS, Unit.STEPS)
        ):
            value = Amount(value.value, last.unit)
        if not isinstance(value, Amount) or value.unit not in LENGTHS:
            bare = isinstance(value, Amount) and value.unit is Unit.NUMBER
            # The unit of the last position holds for those before it.
            node = place.positions[-1] if bare else node
            findings.append(
                Finding(
                    "E0301",
                    f"a place is a percentage, tokens or steps of the stage, not {describe(value)}",
                    node.span,
                    help=f"write `{node.span.text} tokens`" if bare else f"write `{_EXAMPLES[place.kind]}`",
                )
            )
            return None
        if value.value < 0 or (value.unit is Unit.SHARE and value.value > 1):
            findings.append(
                Finding(
                    "E0421",
                    f"{value} lies outside of stage `{cell.stage.text}`",
                    node.span,
                    key=(cell.stage.text, node.span.text),
                    amount=str(value),
                )
            )
            return None
        if value.unit is not Unit.SHARE and value.value.denominator != 1:
            findings.append(Finding("E0303", f"`{node.span.text}` is no whole number", node.span))
            return None
        found.append(value)
    if place.kind == "within" and found[0].unit is found[1].unit and found[0].value >= found[1].value:
        findings.append(
            Finding(
                "E0421",
                f"the place `{place.span.text}` is empty",
                place.span,
                "its end is not behind its beginning",
                help=f"write `within {place.positions[1].span.text}..{place.positions[0].span.text}`"
                if found[0].value > found[1].value
                else f"write `{_EXAMPLES[place.kind]}`",
                key=(cell.stage.text, place.span.text),
            )
        )
        return None
    return tuple(found)


_EXAMPLES = {"within": "within 80%..100%", "at": "at 1M, 2M tokens"}


def sequences_at(position: Amount, batch: int, sequence: int, n: int, nominal: int) -> int | None:
    """A position in sequences of its stage, rounded to the nearest; None if it lies behind its end.

    Args:
        n: sequences of the stage. nominal: its tokens as declared: up to there a position counts as
            its end, though the stage leaves unread what makes no whole step.
    """
    if position.unit is Unit.SHARE:
        return int(position.value * n + Fraction(1, 2))
    tokens = position.value * (batch * sequence if position.unit is Unit.STEPS else 1)
    if tokens > max(nominal, n * sequence):
        return None
    return min(n, int(tokens / sequence + Fraction(1, 2)))
