"""Amounts as they are written: numbers, percentages, and numbers with a unit."""

from __future__ import annotations

from specc.analysis.units import split_unit
from specc.analysis.values import ERROR, UNITS, Amount, Failed, Unit, read_number
from specc.diagnostics import Report, Span, foreign, nearest
from specc.language import ast


def read_quantity(node: ast.Quantity, report: Report) -> Amount | Failed:
    """The amount that is written; a mistake in it is reported."""
    read = read_number(node.number.text)
    if isinstance(read, str):
        upper = node.number.text.upper()
        better = upper if not isinstance(read_number(upper), str) else None
        if node.unit is None and better is None:
            better = split_unit(node.number.text)
        return _refuse(
            report,
            "E0105",
            f"`{node.number.text}` is no number: {read}",
            node.number.span,
            help=f"write `{better}`" if better else "numbers look like 20M, 1_000, 0.1, 3e-4 or 25%",
        )
    number, percent = read
    if node.unit is None:
        return Amount(number, Unit.SHARE if percent else Unit.NUMBER)
    unit = UNITS.get(node.unit.text)
    if unit is None:
        close = nearest(node.unit.text, UNITS)
        return _refuse(
            report,
            "E0302",
            f"unknown unit `{node.unit.text}`",
            node.unit.span,
            help=foreign.UNITS.get(node.unit.text)
            or (f"write `{close}`" if close else "units are tokens, steps, sequences and epochs"),
        )
    if percent:
        return _refuse(
            report,
            "E0302",
            f"a percentage has no unit `{node.unit.text}`",
            node.span,
            help=f"write `{node.number.text}`, or an amount such as `1M {node.unit.text}`",
        )
    if unit is not Unit.EPOCHS and number.denominator != 1:
        return _refuse(report, "E0303", f"`{node.span.text}` is no whole number of {unit.value}", node.span)
    return Amount(number, unit)


def _refuse(report: Report, code: str, title: str, span: Span, help: str | None = None) -> Failed:
    report.add(code, title, span, help=help)
    return ERROR
