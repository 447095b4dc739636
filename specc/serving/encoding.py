"""Values of DuckDB as a page takes them: JSON that any browser reads without losing a digit."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any

MOST_CHARACTERS = 4_000
"""Characters of a text that are shown of a cell."""

_SAFE = 2**53


def cell(value: Any) -> Any:
    """A value as JSON: whole numbers that a double can't hold, and numbers that are not finite, as text.

    >>> [cell(value) for value in (1, 2**60, 0.5, float("nan"), float("-inf"), None, True, "a")]
    [1, '1152921504606846976', 0.5, 'NaN', '-Infinity', None, True, 'a']
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -_SAFE <= value <= _SAFE else str(value)
    if isinstance(value, float | Decimal):
        return float(value) if math.isfinite(value) else not_finite(float(value))
    if isinstance(value, str):
        return cut(value)
    if isinstance(value, dict | list | tuple):
        return cut(json.dumps(nested(value), ensure_ascii=False, default=str))
    if isinstance(value, bytes):
        return cut(value[:MOST_CHARACTERS].hex())
    return cut(value.isoformat() if hasattr(value, "isoformat") else str(value))


def nested(value: Any) -> Any:
    """A list or struct with texts for what JSON lacks."""
    if isinstance(value, dict):
        return {str(name): nested(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [nested(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return not_finite(value)
    return value


def not_finite(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def cut(text: str) -> str:
    return text if len(text) <= MOST_CHARACTERS else text[:MOST_CHARACTERS] + "…"


def rounded(value: float | None, digits: int = 5) -> float | None:
    """A number of a picture, to so many significant digits; None if it is not finite."""
    return float(f"{value:.{digits}g}") if value is not None and math.isfinite(value) else None


def as_bytes(value: Any) -> bytes:
    """Compact JSON. Halves of surrogate pairs, which UTF-8 can't spell, become question marks."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode(errors="replace")
