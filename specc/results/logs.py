"""Files of one JSON object a line: training logs and evaluated samples.

A log may be growing while it is read: what lies behind the last newline is left for the next time.
A log may also have been cut back (a step that went on from a checkpoint drops what it had logged
since); the bytes before the place where reading goes on tell whether it is still the same log.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from specc.results import storage
from specc.store import Store

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_TAIL = 256
"""Bytes before the place where reading stopped that are remembered."""

_PART_BYTES = 1 << 20
"""Bytes of lines whose objects are held in memory at once."""

_COUNTED = ("step", "tokens", "lineage_tokens")
_IN_64_BITS = range(-(2**63), 2**63)

_NO_JSON = (ValueError, RecursionError)
"""What a line raises that holds no JSON, or JSON nested too deeply to be read."""


@dataclass(frozen=True, slots=True)
class Growth:
    """What a log has more than when it was last read.

    Attributes:
        lines: the new, whole lines. read_bytes: offset behind them. tail: the bytes before that.
        again: whether the log is another one, so that `lines` holds all of it.
    """

    lines: bytes
    read_bytes: int
    tail: bytes
    again: bool


def whole_lines(data: bytes) -> bytes:
    """Data up to its last newline.

    >>> whole_lines(b'{"step": 1}\\n{"st')
    b'{"step": 1}\\n'
    """
    return data[: data.rfind(b"\n") + 1]


def objects(lines: bytes) -> Iterator[dict[str, Any]]:
    """The objects in lines of JSON; lines that hold none (torn by a crash) are passed over."""
    for part in _parts(lines):
        yield from _together(part) or _one_by_one(part)


def _parts(lines: bytes) -> Iterator[bytes]:
    """Whole lines, about `_PART_BYTES` at a time."""
    start = 0
    while start < len(lines):
        end = lines.find(b"\n", start + _PART_BYTES) + 1 or len(lines)
        yield lines[start:end]
        start = end


def _together(lines: bytes) -> list[dict[str, Any]] | None:
    """Objects of lines that are all whole, parsed as one text in half the time; None if they aren't."""
    count = lines.count(b"\n") + (not lines.endswith(b"\n"))
    try:
        found = json.loads(f"[{lines.decode().removesuffix(chr(10)).replace(chr(10), ',')}]")
    except _NO_JSON:
        return None
    # Halves of an object, each torn from a line of its own, could make one together.
    return found if len(found) == count and all(type(value) is dict for value in found) else None


def _one_by_one(lines: bytes) -> Iterator[dict[str, Any]]:
    for line in lines.split(b"\n"):
        if line:
            try:
                value = json.loads(line)
            except _NO_JSON:
                continue
            if isinstance(value, dict):
                yield value


def number(value: Any) -> float | None:
    """A number from JSON; null stands for one that is not finite, hence NaN."""
    if value is None:
        return math.nan
    if isinstance(value, (int, float)):
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    return None


def whole(value: Any) -> int | None:
    """A whole number from JSON, if it is one that fits 64 bits."""
    return value if isinstance(value, int) and -(2**63) <= value < 2**63 else None


def text(value: Any) -> str | None:
    """A text from JSON; other values as their JSON. Halves of surrogate pairs, which JSON can
    spell and UTF-8 can't, become question marks."""
    if value is None:
        return None
    return (value if isinstance(value, str) else json.dumps(value)).encode(errors="replace").decode()


def metric_rows(key: str, lines: bytes) -> Iterator[tuple[Any, ...]]:
    """Rows of `recorded.metrics` for lines of a training log."""
    for part in _parts(lines):
        found = _together(part) or list(_one_by_one(part))
        columns = _columns(found)
        if columns is not None:
            yield from zip(repeat(key), *columns)
        else:
            yield from (metric_row(key, line) for line in found)


def _columns(lines: list[dict[str, Any]]) -> list[Any] | None:
    """Values of lines by name, as `metric_row` has them; None if one is not what a log should hold."""
    columns: list[Any] = []
    column: list[Any]
    for name in _COUNTED:
        column = [line.get(name) for line in lines]
        if (
            set(map(type, column)) != {int}
            or min(column) not in _IN_64_BITS
            or max(column) not in _IN_64_BITS
        ):
            return None
        columns.append(column)
    for name in storage.LOGGED_NAMES:
        column = [line.get(name) for line in lines]
        types = set(map(type, column))
        if types == {type(None)} and not any(name in line for line in lines):
            columns.append(repeat(None))
        elif types == {float}:
            columns.append(column)
        else:
            return None
    return columns


def metric_row(key: str, line: dict[str, Any]) -> tuple[Any, ...]:
    """Row of `recorded.metrics` for a line of a training log, whatever it holds."""
    return (
        key,
        *(whole(line.get(name)) for name in _COUNTED),
        *(number(line[name]) if name in line else None for name in storage.LOGGED_NAMES),
    )


def sample_row(key: str, line: dict[str, Any]) -> tuple[Any, ...]:
    """Row of `recorded.samples` for a line of an evaluation's samples."""
    return (
        key,
        text(line.get("document")),
        number(line.get("value")),
        whole(line.get("n")),
        text(line.get("prediction")),
        text(line.get("target")),
    )


def grown(path: Path, read_bytes: int, tail: bytes) -> Growth | None:
    """Read what was added to a log; None if there is nothing new.

    Args:
        read_bytes: offset up to which the log was read. tail: the bytes before it.
    """
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            again = size < read_bytes
            if not again and tail:
                file.seek(read_bytes - len(tail))
                again = file.read(len(tail)) != tail
            start = 0 if again else read_bytes
            file.seek(start)
            lines = whole_lines(file.read())
    except OSError:
        return None
    if not lines and not again:
        return None
    kept = b"" if again else tail
    return Growth(lines, start + len(lines), (kept + lines)[-_TAIL:], again)


def follow(
    connection: DuckDBPyConnection, store: Store, new: Collection[str], gone: Collection[str]
) -> dict[str, Growth | None]:
    """What has changed in the logs of steps that are not done.

    Args:
        new, gone: steps that are done, or no longer done, beside what the index says.
    Returns:
        for each changed log, by key, what it has more; None for a log that is gone.
    """
    working = _working(store)
    rows = connection.execute(
        """SELECT step FROM recorded.steps WHERE step IN (SELECT unnest($1))
           UNION ALL SELECT step FROM recorded.refused WHERE step IN (SELECT unnest($1))""",
        [working],
    ).fetchall()
    done = ({step for (step,) in rows} - set(gone)) | set(new)
    logs = {key: store.work(key) / "metrics.jsonl" for key in working if key not in done}
    known = {
        key: (read_bytes, tail)
        for key, read_bytes, tail in connection.execute(
            "SELECT step, read_bytes, tail FROM recorded.logs WHERE read_bytes >= 0"
        ).fetchall()
    }
    changes: dict[str, Growth | None] = {}
    for key, path in logs.items():
        growth = grown(path, *known.get(key, (0, b"")))
        if growth is not None:
            changes[key] = growth if growth.read_bytes else None  # cut back to less than a line
    for key in known:
        # The log of a step that was finished since the store was looked at is left for the next time.
        if key in done or not (store.has(key) or (key in logs and logs[key].is_file())):
            changes[key] = None
    return changes


def _working(store: Store) -> list[str]:
    """Steps that have a folder to work in."""
    try:
        return os.listdir(store.workspace / "work")
    except OSError:
        return []


def record(connection: DuckDBPyConnection, changes: dict[str, Growth | None]) -> None:
    """Store what has changed in logs, with the offsets, in the transaction that is open."""
    anew = [key for key, growth in changes.items() if growth is None or growth.again]
    storage.forget_steps(connection, ["live"], anew)
    storage.forget_steps(connection, ["logs"], list(changes))
    growths = [(key, growth) for key, growth in changes.items() if growth is not None]
    storage.append(
        connection,
        "recorded.live",
        (row for key, growth in growths for row in metric_rows(key, growth.lines)),
    )
    storage.append(
        connection,
        "recorded.logs",
        ((key, growth.read_bytes, growth.tail) for key, growth in growths),
    )
