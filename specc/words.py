"""Numbers and foreign text as people read them on a terminal."""

from __future__ import annotations

import unicodedata

UNPRINTABLE = ("Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp")
"""Unicode categories: control, format, surrogate, unassigned, private, line and paragraph separators."""


def printable(text: str) -> str:
    """Text in one line that can't steer a terminal or hide a part of itself.

    White space becomes a space; other control and format characters, those for the direction of
    writing among them, become U+FFFD.

    >>> printable("loss\\x1b[31m\\nred")
    'loss\ufffd[31m red'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        " " if sign in "\t\n\r" else "\ufffd" if unicodedata.category(sign) in UNPRINTABLE else sign
        for sign in text
    )


def display_width(text: str) -> int:
    """Columns that a text takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(sign) else 2 if unicodedata.east_asian_width(sign) in "WF" else 1
        for sign in text
    )


def duration(seconds: float) -> str:
    """A length of time, to the second; below ten seconds to the tenth.

    >>> duration(3.25), duration(75), duration(3 * 3600 + 62)
    ('3.2 s', '1:15', '3:01:02')
    """
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def rate(tokens_per_second: float) -> str:
    """A speed with a decimal suffix.

    >>> rate(950.4), rate(45_210), rate(1_250_000)
    ('950 tokens/s', '45.2K tokens/s', '1.25M tokens/s')
    """
    if tokens_per_second < 1000:
        return f"{tokens_per_second:.0f} tokens/s"
    if tokens_per_second < 1e6:
        return f"{tokens_per_second / 1e3:.3g}K tokens/s"
    return f"{tokens_per_second / 1e6:.3g}M tokens/s"


def count(number: int, noun: str) -> str:
    """A number with its noun.

    >>> count(1, "step"), count(12, "step")
    ('1 step', '12 steps')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def byte_size(number: int) -> str:
    """Bytes with a decimal unit.

    >>> byte_size(999), byte_size(12_345), byte_size(1_234_567_890)
    ('999 B', '12.3 kB', '1.23 GB')
    """
    if number < 1000:
        return f"{number} B"
    value = float(number)
    for unit in ("kB", "MB", "GB", "TB"):
        value /= 1000
        if value < 999.5 or unit == "TB":
            return f"{value:.3g} {unit}"
    raise AssertionError("unreachable")
