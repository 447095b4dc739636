"""Arithmetic with units."""

from __future__ import annotations

from specc.analysis.values import UNITS, Amount, Unit, read_number

MOST_DIGITS = 300
"""Digits above and below the line of a fraction that arithmetic may lead to."""

_LARGEST = 10**MOST_DIGITS


def combine(left: Amount, symbol: str, right: Amount) -> Amount | tuple[str, str, str | None]:
    """Exact arithmetic with units, or code, title and help of what is wrong.

    Like units add; amounts scale by numbers and percentages; like units divide to a number.
    """
    combined = _combine(left, symbol, right)
    if isinstance(combined, Amount):
        value = combined.value
        if abs(value.numerator) >= _LARGEST or value.denominator >= _LARGEST:
            return "E0303", f"the exact result has more than {MOST_DIGITS} digits", None
    return combined


def _combine(left: Amount, symbol: str, right: Amount) -> Amount | tuple[str, str, str | None]:
    scalar = (Unit.NUMBER, Unit.SHARE)
    if symbol in "+-":
        if left.unit is not right.unit:
            words = {"+": "added to", "-": "subtracted from"}
            title = f"{right.unit.value} can't be {words[symbol]} {left.unit.value}"
            bare = next((side for side in (left, right) if side.unit is Unit.NUMBER), None)
            other = right if bare is left else left
            help = None
            if bare is not None and other.unit is not Unit.SHARE:
                help = f"write `{Amount(bare.value, other.unit)}`"
            elif bare is not None:
                help = f"write `{Amount(bare.value, Unit.SHARE)}`"
            return "E0302", title, help
        return Amount(left.value + (right.value if symbol == "+" else -right.value), left.unit)
    if symbol == "*":
        if left.unit in scalar:
            unit = (
                right.unit
                if right.unit not in scalar
                else left.unit
                if right.unit is Unit.NUMBER
                else right.unit
            )
            return Amount(left.value * right.value, unit)
        if right.unit in scalar:
            return Amount(left.value * right.value, left.unit)
        return "E0302", f"{left.unit.value} can't be multiplied by {right.unit.value}", None
    if right.value == 0:
        return "E0305", "division by zero", None
    if left.unit is right.unit:
        return Amount(left.value / right.value, Unit.NUMBER)
    if right.unit in scalar:
        return Amount(left.value / right.value, left.unit)
    return "E0302", f"{left.unit.value} can't be divided by {right.unit.value}", None


def split_unit(text: str) -> str | None:
    """`20Mtokens` as `20M tokens`."""
    for unit in sorted(UNITS, key=len, reverse=True):
        if text.endswith(unit) and not isinstance(read_number(text[: -len(unit)]), str):
            return f"{text[: -len(unit)]} {unit}"
    return None
