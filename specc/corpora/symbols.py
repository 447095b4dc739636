"""The alphabet of generated corpora: 64 characters of one byte each.

Lower-case letters come first and upper-case letters last, so that what is taken from the two ends
looks different.
"""

from __future__ import annotations

SYMBOLS = "abcdefghijklmnopqrstuvwxyz0123456789+-ABCDEFGHIJKLMNOPQRSTUVWXYZ"
