"""Separate streams of randomness from one seed.

Initialisation, data order and dropout never share a stream, so changing one leaves the others as
they are, and arms of one seed can be compared in pairs.
"""

from __future__ import annotations

import hashlib

from specc.canonical import canonical_json


def derive(seed: int, purpose: str, *parts: int | str) -> int:
    """A 63-bit seed for one purpose: the first bits of SHA-256 over all arguments."""
    digest = hashlib.sha256(canonical_json([seed, purpose, *parts]).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
