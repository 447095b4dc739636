"""Messages of protobuf, field by field, as its encoding guide has them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

MALFORMED = (ValueError, IndexError, TypeError, AttributeError, OverflowError, RecursionError, struct.error)
"""What is raised where a message is none, or a field is of another kind than it should be."""


def fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """Fields of a message: numbers of varints, bytes of others.

    Raises:
        ValueError, IndexError: if it is none.
    """
    place = 0
    while place < len(data):
        tag, place = varint(data, place)
        kind = tag & 7
        if kind == 0:
            value, place = varint(data, place)
            yield tag >> 3, value
            continue
        if kind == 2:
            size, place = varint(data, place)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError(f"fields of kind {kind} are not known")
        if place + size > len(data):
            raise ValueError("a field is cut off")
        yield tag >> 3, data[place : place + size]
        place += size


def varint(data: bytes, place: int) -> tuple[int, int]:
    """A number of variable length, and the place behind it.

    >>> varint(bytes([0xAC, 0x02]), 0)
    (300, 2)
    """
    found = 0
    for shift in range(0, 70, 7):
        byte = data[place]
        found |= (byte & 0x7F) << shift
        place += 1
        if byte < 0x80:
            return found & 0xFFFFFFFFFFFFFFFF, place
    raise ValueError("a number is too long")


def signed(value: int) -> int:
    """A varint as the signed number that it stands for.

    >>> signed(2**64 - 1), signed(5)
    (-1, 5)
    """
    return value - (1 << 64) if value >> 63 else value
