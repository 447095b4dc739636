"""Runs of W&B as its library writes them on disk: `wandb/offline-run-*/run-ID.wandb`, `wandb/run-*/...`.

A file is `:W&B`, two bytes, a version, then blocks of 32 KiB that hold records in pieces: CRC-32 of kind and
data, length, kind (whole, first, middle, last), as LevelDB's log has them. A record is a message `Record` of
`wandb_internal.proto`: history 2, config 5, run 17, exit 18. Items have a key, or a nested one, and a value.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from specc.exchange.foreign import (
    ForeignRun,
    flattened,
    number,
    parsed,
    read_bytes,
    unreadable,
    whole,
    written,
)
from specc.exchange.sources.protobuf import MALFORMED, fields, signed
from specc.exchange.sources.tables import Told

MAGIC = b":W&B"

_BLOCK = 1 << 15
_HEADER = 7
_WHOLE, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4


def read_run(path: Path, told: Told) -> tuple[ForeignRun, str]:
    """The run of a file, and why it is not read to its end; empty if it is.

    Raises:
        DataError: if it is no such file.
    """
    data = read_bytes(path)
    if not data.startswith(MAGIC):
        unreadable(path, "it is no file of W&B")
    run = ForeignRun(written(path.stem.removeprefix("run-")), state="running")
    config: dict[str, Any] = {}
    damaged = ""
    for record in _records(data):
        if isinstance(record, str):
            damaged = record
            break
        try:
            _take(record, run, config, told)
        except MALFORMED:
            damaged = "a record is none of W&B"
            break
    run.parameters = dict(
        flattened({name: value for name, value in config.items() if not name.startswith("_")})
    )
    return run, damaged


def _records(data: bytes) -> Iterator[bytes | str]:
    """Records of a file; at last why there are no more, if that is not its end."""
    place = _HEADER
    pieces: list[bytes] = []
    while place < len(data):
        left = _BLOCK - place % _BLOCK
        if left < _HEADER:
            place += left
            continue
        if place + _HEADER > len(data):
            yield "it is cut off"
            return
        checksum, length, kind = struct.unpack_from("<IHB", data, place)
        piece = data[place + _HEADER : place + _HEADER + length]
        if not checksum and not length and not kind:
            place += left  # room that was laid out and not used
            continue
        if len(piece) < length:
            yield "it is cut off"
            return
        if zlib.crc32(piece, zlib.crc32(bytes([kind]))) != checksum:
            yield f"the record at byte {place:,} differs from its checksum"
            return
        place += _HEADER + length
        pieces = [piece] if kind in (_WHOLE, _FIRST) else [*pieces, piece]
        if kind in (_WHOLE, _LAST):
            yield b"".join(pieces)


def _take(record: bytes, run: ForeignRun, config: dict[str, Any], told: Told) -> None:
    """Take what a record says of a run."""
    for kind, value in fields(record):
        if kind == 2:
            _log(value, run, told)
        elif kind == 5:
            config.update(_config(value))
        elif kind == 17:
            for place, said in fields(value):
                if place == 4:
                    config.update(_config(said))
                elif place == 8:
                    run.title = said.decode(errors="replace")
                elif place == 17:
                    seconds = dict(fields(said)).get(1, 0)
                    if 0 < seconds < 4e9:
                        run.started = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
        elif kind == 18:
            ended = dict(fields(value))
            code = signed(ended.get(1, 0))
            run.state = "failed" if code else "done"
            run.reason = f"it ended with exit code {code} in W&B" if code else ""
            run.seconds = float(signed(ended.get(2, 0)))


def _config(data: bytes) -> Iterator[tuple[str, Any]]:
    for kind, item in fields(data):
        if kind == 1:
            name, value = _item(item)
            yield name, value


def _log(data: bytes, run: ForeignRun, told: Told) -> None:
    step, values = None, []
    for kind, value in fields(data):
        if kind == 1:
            values.append(_item(value))
        elif kind == 2:
            step = signed(dict(fields(value)).get(1, 0))
    found = dict(values)
    if step is None:
        step = whole(found.get("_step")) or 0
    for name, value in found.items():
        for path, each in _numbers(name, value):
            run.log(told.called(path), step, each)


def _numbers(name: str, value: Any) -> Iterator[tuple[str, float]]:
    """Numbers of a value by dotted names; what W&B itself adds begins with an underscore."""
    if name.startswith("_"):
        return
    if isinstance(value, dict):
        if "_type" not in value:  # else a picture, a table, a histogram
            for inner, each in value.items():
                yield from _numbers(f"{name}.{inner}", each)
    elif (found := float("nan") if value == "NaN" else number(value)) is not None:
        yield name, found


def _item(data: bytes) -> tuple[str, Any]:
    """Name and value of an item, whose value is JSON or a field of its type."""
    key, nested, value = "", [], None
    for kind, said in fields(data):
        if kind == 1:
            key = said.decode(errors="replace")
        elif kind == 2:
            nested.append(said.decode(errors="replace"))
        elif kind in (8, 16):
            value = parsed(said.decode())
        elif kind == 4:
            value = bool(said)
        elif kind == 5:
            value = signed(said)
        elif kind == 6:
            value = struct.unpack("<d", said)[0]
        elif kind == 7:
            value = said.decode(errors="replace")
    return ".".join(nested) or key, value
