"""Foreign text in pictures: escaped, in one line, and as wide as it will probably be drawn."""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Mapping
from html import escape
from typing import Any

from specc.words import printable

ELLIPSIS = "…"

_WIDTHS = {
    **dict.fromkeys("ijl.,:;'|!", 0.32),
    **dict.fromkeys("frt()[]{}-/\\ I", 0.40),
    **dict.fromkeys("mwMW%@—…", 0.95),
    **dict.fromkeys("=+<>±−×→←≥≤", 0.84),
}
"""Widths of characters in em, a little more than in common sans-serif fonts."""


def written(text: str) -> str:
    """A text as it stands in XML, between tags or quotes: nothing in it is markup."""
    return escape(printable(text))


def width(text: str, font: float = 12.0) -> float:
    """Width of a text in pixels, estimated: the font is the reader's."""
    return font * sum(map(_em, text))


def _em(sign: str) -> float:
    known = _WIDTHS.get(sign)
    if known is not None:
        return known
    if sign.isascii():
        return 0.72 if sign.isupper() else 0.63
    if unicodedata.combining(sign):
        return 0.0
    return 1.1 if unicodedata.east_asian_width(sign) in "WF" else 0.7


def cut(text: str, most: float, font: float = 12.0) -> str:
    """A text of at most so many pixels; what is cut is told by an ellipsis.

    >>> cut("a very long name", 60)
    'a very l…'
    """
    text = printable(text)
    if width(text, font) <= most:
        return text
    left = most - width(ELLIPSIS, font)
    taken = 0
    for sign in text:
        left -= font * _em(sign)
        if left < 0:
            break
        taken += 1
    return text[:taken] + ELLIPSIS


def significant(value: float | None, digits: int = 4) -> str:
    """A number with so many significant digits and a real minus sign; a dash for none.

    >>> significant(-0.123456), significant(12345.6), significant(0.5), significant(None)
    ('−0.1235', '12,346', '0.5', '–')
    """
    if value is None or not math.isfinite(value):
        return "–" if value is None else "not finite"
    if value and abs(value) >= 10**digits and abs(value) < 1e15:
        text = f"{value:,.0f}"
    else:
        text = f"{value:.{digits}g}"
    return text.replace("-", "−")


def signed(value: float | None, decimals: int) -> str:
    """A difference, always with its sign: `+0.012`, `−0.3`.

    >>> signed(0.0123, 3), signed(-2, 1), signed(0.0001, 2)
    ('+0.012', '−2.0', '0.00')
    """
    if value is None or not math.isfinite(value):
        return "–"
    text = f"{value:+.{decimals}f}"
    if not any(sign in "123456789" for sign in text):
        text = text[1:]
    return text.replace("-", "−")


def compact(number: float) -> str:
    """A count of tokens or steps with a decimal suffix, as recipes write it.

    >>> compact(600_000), compact(1_250_000), compact(37), compact(0)
    ('600K', '1.25M', '37', '0')
    """
    for suffix, unit in (("T", 1e12), ("B", 1e9), ("M", 1e6), ("K", 1e3)):
        if abs(number) >= unit:
            return f"{number / unit:.4g}{suffix}"
    return f"{number:.4g}"


def values_attribute(values: Mapping[str, Any]) -> str:
    """An attribute that says where in the sweep a mark lies, for the script of a page."""
    if not values:
        return ""
    plain = {name: value if _is_plain(value) else str(value) for name, value in values.items()}
    text = json.dumps(plain, ensure_ascii=True, separators=(",", ":"))
    return " data-v='" + text.replace("&", "&amp;").replace("<", "&lt;").replace("'", "&#39;") + "'"


def _is_plain(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, bool | int | str)
