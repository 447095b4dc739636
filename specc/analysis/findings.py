"""What is wrong at one point of the sweep, and one diagnostic for all points at which it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from specc.analysis.evaluate import Point
from specc.analysis.values import show
from specc.diagnostics import Label, Report, Span
from specc.study import BASE

MOST_NAMED = 4
"""Points that a note names before it counts."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A diagnostic of one point. Findings of one code and key are one mistake.

    Attributes:
        key: what the mistake is about; without one, the place in the source is the key.
        amount: what differs from point to point, for the note that lists them.
        weight: of findings with one key, the first with the largest weight is told.
    """

    code: str
    title: str
    span: Span
    label: str = ""
    secondary: tuple[Label, ...] = ()
    help: str | None = None
    key: tuple[str, ...] = ()
    amount: str = ""
    weight: int = 0


def describe_point(point: Point) -> str:
    """`early = 50%, lr = 0.001`; empty where nothing is swept."""
    return ", ".join(f"{axis} = {show(value)}" for axis, value in point.items())


def report_findings(found: Sequence[tuple[Point, Finding]], points: int, recipe: str, report: Report) -> None:
    """Report each mistake once: at the point that shows it best, with a note on the others.

    Where something is wrong, warnings wait: they may follow from it.
    """
    if any(finding.code.startswith("E") for _, finding in found):
        found = [each for each in found if each[1].code.startswith("E")]
    groups: dict[tuple[object, ...], list[tuple[Point, Finding]]] = {}
    for point, finding in found:
        key = (finding.code, finding.key or str(finding.span))
        groups.setdefault(key, []).append((point, finding))
    for group in groups.values():
        heaviest = max(finding.weight for _, finding in group)
        point, first = next(found for found in group if found[1].weight == heaviest)
        notes = []
        label = first.label
        everywhere = len(group) == points and len({finding.amount for _, finding in group}) == 1
        where = f"arm {describe_point(point)}" if point and points > 1 and not everywhere else ""
        if recipe != BASE:
            where = f"{where} of recipe `{recipe}`" if where else f"recipe `{recipe}`"
        if where:
            label = f"{label} in {where}" if label else f"in {where}"
            notes = [_note([found for found in group if found[1] is not first], points)]
            notes = notes if len(group) > 1 and not everywhere else []
        report.add(
            first.code,
            first.title,
            first.span,
            label,
            secondary=first.secondary,
            notes=notes,
            help=first.help,
        )


def _note(others: Sequence[tuple[Point, Finding]], points: int) -> str:
    named = [
        describe_point(point) + (f" ({finding.amount})" if finding.amount else "")
        for point, finding in others[:MOST_NAMED]
    ]
    more = f" and {len(others) - MOST_NAMED} more" if len(others) > MOST_NAMED else ""
    return f"{len(others) + 1} of {points} points of the sweep; also {'; '.join(named)}{more}"
