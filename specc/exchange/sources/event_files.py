"""Event files of TensorBoard: the records, their checksums, and the scalars in them.

A reader of its own, of two short formats, rather than the package `tensorboard`, which would bring a web
server and gRPC along to read numbers.

A record (TensorFlow's `record_writer.h`) is its length (8 bytes), a masked CRC-32C of that, the data, and a
masked CRC-32C of the data. Data is a message `Event` (`event.proto`): wall_time 1, step 2, summary 5, which
holds values 1 (`summary.proto`): tag 1, simple_value 2, tensor 8, metadata 9 with plugin's name and content.
Hyperparameters are those of `hparams/plugin_data.proto`.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from specc.exchange.foreign import Scalar, read_bytes
from specc.exchange.sources.protobuf import MALFORMED, fields, signed, varint

_MOST_CHECKED_BYTES = 1 << 16
"""Longest record that is looked into: scalars are short, pictures and graphs are passed over."""

_CHECKED_AT_ONCE = 1 << 20
"""Bytes whose checksums are taken together; each takes some ten bytes of memory meanwhile."""


@dataclass(slots=True)
class Scalars:
    """What an event file holds: (tag, step, value) in order, hyperparameters, first and last time.

    `damaged` says why reading stopped before the end; empty if it didn't.
    """

    values: list[tuple[str, int, float]] = field(default_factory=list)
    parameters: dict[str, Scalar] = field(default_factory=dict)
    first: float = math.inf
    last: float = -math.inf
    damaged: str = ""


def read_scalars(path: Path) -> Scalars:
    """Read the scalars of an event file; one that is cut off is read up to there.

    Raises:
        DataError: if it can't be read.
    """
    found = Scalars()
    records, found.damaged = _records(read_bytes(path))
    for record in records:
        try:
            _event(record, found)
        except MALFORMED:
            found.damaged = found.damaged or "a record is no event"
    return found


def _records(data: bytes) -> tuple[list[bytes], str]:
    """The records of a file that are whole, and why there are no more; empty at its end."""
    places: list[tuple[int, int]] = []
    start, damaged = 0, ""
    while start < len(data):
        if start + 12 > len(data):
            damaged = "it is cut off"
            break
        length, checksum = struct.unpack_from("<QI", data, start)
        if masked_crc(data[start : start + 8]) != checksum:
            damaged = f"the length of the record at byte {start:,} differs from its checksum"
            break
        if start + length + 16 > len(data):
            damaged = "it is cut off"
            break
        if length <= _MOST_CHECKED_BYTES:
            places.append((start + 12, length))
        start += length + 16
    content = np.frombuffer(data, np.uint8)
    whole: dict[int, bool] = {}
    by_length: dict[int, list[int]] = {}
    for place, length in places:
        by_length.setdefault(length, []).append(place)
    for length, starts in by_length.items():
        at_once = max(1, _CHECKED_AT_ONCE // (length + 4))
        for begin in range(0, len(starts), at_once):
            part = starts[begin : begin + at_once]
            first = np.array(part)
            found = _masked(_crc_of_columns(content[first[:, None] + np.arange(length)]))
            said = content[first[:, None] + length + np.arange(4)].view("<u4")[:, 0]
            whole.update(zip(part, (found == said).tolist(), strict=True))
    bad = min((place for place, right in whole.items() if not right), default=None)
    if bad is not None:
        damaged = f"the record at byte {bad - 12:,} differs from its checksum"
        places = [each for each in places if each[0] < bad]
    return [data[place : place + length] for place, length in places], damaged


def _table() -> np.ndarray[Any, np.dtype[np.uint32]]:
    """CRC-32C (Castagnoli, reflected polynomial 0x82F63B78) of each byte."""
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(0x82F63B78), table >> 1).astype(np.uint32)
    return table


_TABLE = _table()


def _crc_of_columns(rows: np.ndarray[Any, np.dtype[np.uint8]]) -> np.ndarray[Any, np.dtype[np.uint32]]:
    """CRC-32C of each row of bytes, all at once: a byte of every row at a time."""
    crc = np.full(len(rows), 0xFFFFFFFF, np.uint32)
    for column in range(rows.shape[1]):
        crc = _TABLE[(crc ^ rows[:, column]) & 0xFF] ^ (crc >> np.uint32(8))
    return crc ^ np.uint32(0xFFFFFFFF)


def _masked(crc: np.ndarray[Any, np.dtype[np.uint32]]) -> np.ndarray[Any, np.dtype[np.uint32]]:
    return ((crc >> np.uint32(15)) | (crc << np.uint32(17))) + np.uint32(0xA282EAD8)


_PLAIN = _TABLE.tolist()


def masked_crc(data: bytes) -> int:
    """The masked CRC-32C of a few bytes.

    >>> hex(masked_crc(b"123456789"))  # of 0xe3069283
    '0xc78ab0e5'
    """
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _PLAIN[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def _event(record: bytes, found: Scalars) -> None:
    step, summaries = 0, []
    for number, value in fields(record):
        if number == 1:
            time = struct.unpack("<d", value)[0]
            found.first, found.last = min(found.first, time), max(found.last, time)
        elif number == 2:
            step = signed(value)
        elif number == 5:
            summaries.append(value)
    for summary in summaries:
        for number, value in fields(summary):
            if number == 1:
                _value(value, step, found)


def _value(data: bytes, step: int, found: Scalars) -> None:
    tag, value, metadata = "", None, b""
    for number, content in fields(data):
        if number == 1:
            tag = content.decode(errors="replace")
        elif number == 2:
            value = struct.unpack("<f", content)[0]
        elif number == 8:
            value = _tensor(content)
        elif number == 9:
            metadata = content
    plugin = next((content for number, content in fields(metadata) if number == 1), b"")
    said = dict(fields(plugin))
    name = said.get(1, b"").decode(errors="replace")
    if name == "hparams":
        found.parameters.update(_hyperparameters(said.get(2, b"")))
    elif value is not None and name in ("", "scalars"):
        found.values.append((tag, step, float(value)))


_TENSOR_TYPES = {1: "<f4", 2: "<f8", 3: "<i4", 9: "<i8", 19: "<f2"}
"""DT_FLOAT, DT_DOUBLE, DT_INT32, DT_INT64, DT_HALF of `types.proto`."""


def _tensor(data: bytes) -> float | None:
    """The only value of a tensor; None for others."""
    kind, content, listed = 0, b"", []
    for number, value in fields(data):
        if number == 1:
            kind = value
        elif number == 4:
            content = value
        elif number == 5:
            listed += np.frombuffer(value, "<f4").tolist()
        elif number == 6:
            listed += np.frombuffer(value, "<f8").tolist()
        elif number in (7, 10):
            listed.append(signed(value if isinstance(value, int) else varint(value, 0)[0]))
    if content and kind in _TENSOR_TYPES:
        listed = np.frombuffer(content, _TENSOR_TYPES[kind]).tolist()
    return listed[0] if len(listed) == 1 else None


def _hyperparameters(data: bytes) -> Iterator[tuple[str, Scalar]]:
    """Values that a session began with: a map of `google.protobuf.Value`."""
    for number, session in fields(data):
        if number != 3:
            continue
        for inner, entry in fields(session):
            if inner != 1:
                continue
            pair = dict(fields(entry))
            name = pair.get(1, b"").decode(errors="replace")
            for kind, value in fields(pair.get(2, b"")):
                if kind == 2:
                    number_ = struct.unpack("<d", value)[0]
                    whole = number_.is_integer() and abs(number_) < 2**53
                    yield name, int(number_) if whole else number_
                elif kind == 3:
                    yield name, value.decode(errors="replace")
                elif kind == 4:
                    yield name, bool(value)
