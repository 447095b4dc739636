"""Canonical JSON and digests: the ground of every content key.

One value has one text: keys sorted, no spaces, UTF-8, shortest round-trip floats, no NaN.
`1`, `1.0`, `true` and `"1"` stay different. Order of lists is kept.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical_json(value: Any) -> str:
    """Write a JSON value in its one canonical form.

    Raises:
        ValueError: for NaN and infinities, which have no JSON form.

    >>> canonical_json({"b": 1, "a": [1.0, True, "x"]})
    '{"a":[1.0,true,"x"],"b":1}'
    """
    return _ENCODER.encode(value)


def digest(value: Any) -> str:
    """SHA-256 of the canonical form, as 64 hex digits."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()
