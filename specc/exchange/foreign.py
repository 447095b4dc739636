"""Runs of other tools, as their sources are read: parameters, what was logged, results, samples."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NoReturn

from specc.errors import DataError, QueryError, reason
from specc.files import file_digest
from specc.history.origin import Kind

Scalar = str | int | float | bool
"""A value of a parameter."""

MOST_FILE_BYTES = 2 << 30
"""Largest file that is read."""

MOST_VALUES = 50_000_000
"""Logged values that are read from one source."""

MOST_DEPTH = 20
"""Levels of a nested configuration."""

MOST_CHARACTERS = 1_000
"""Of a parameter's value; longer ones are no setting that arms are told apart by."""

State = Literal["done", "failed", "running"]


@dataclass(frozen=True, slots=True)
class Sample:
    """One evaluated document or prompt; `document` is the same in all runs."""

    document: str
    value: float | None
    prediction: str | None = None
    target: str | None = None


@dataclass(frozen=True, slots=True)
class ForeignResult:
    """A result at the end of a stage.

    Attributes:
        n: items it is a mean over. stderr: over these. better: which results are, if the source says.
        data: what tells the evaluated data from others, if the source says.
    """

    eval: str
    metric: str
    value: float
    stage: str = "train"
    n: int | None = None
    stderr: float | None = None
    better: Literal["lower", "higher", ""] = ""
    data: str = ""
    samples: tuple[Sample, ...] = ()


@dataclass(slots=True)
class ForeignRun:
    """A run of another tool.

    Attributes:
        name: unique in its source. title: what people call it. named: whether the source has a name for it.
        parameters: by dotted names.
        logged: of each stage and name, (training step, value) in order.
        tokens: of each stage, tokens at training steps, where they are known.
        started: UTC, ISO 8601; empty if unknown. seconds: how long it took.
        reason: what went wrong, of a failed one.
    """

    name: str
    title: str = ""
    named: bool = True
    parameters: dict[str, Scalar] = field(default_factory=dict)
    logged: dict[tuple[str, str], list[tuple[int, float]]] = field(default_factory=dict)
    tokens: dict[str, dict[int, int]] = field(default_factory=dict)
    results: list[ForeignResult] = field(default_factory=list)
    recipe: str | None = None
    seed: int | None = None
    state: State = "done"
    reason: str = ""
    started: str = ""
    seconds: float = 0.0

    def log(self, name: str, step: int, value: float, stage: str = "train") -> None:
        self.logged.setdefault((stage, name), []).append((step, value))


@dataclass(frozen=True, slots=True)
class Source:
    """What was read.

    Attributes:
        name: for an experiment that is not named. digest: of what was read.
        notes: what was left out or taken for something, in words.
    """

    kind: Kind
    name: str
    digest: str
    runs: list[ForeignRun]
    notes: tuple[str, ...] = ()


def flattened(values: Mapping[str, Any], prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Scalar]]:
    """Parameters by dotted names; lists are texts, what is null or empty is left out.

    >>> dict(flattened({"model": {"width": 16, "tied": None}, "betas": [0.9, 0.95], "name": "a"}))
    {'model.width': 16, 'betas': '[0.9, 0.95]', 'name': 'a'}
    """
    for name, value in values.items():
        path = f"{prefix}{name}"
        if isinstance(value, Mapping) and depth < MOST_DEPTH:
            yield from flattened(value, f"{path}.", depth + 1)
        elif isinstance(value, bool | int | float | str):
            if value != "":
                yield path, value
        elif isinstance(value, list | tuple) and value:
            yield path, str(list(value))


_WHOLE = re.compile(r"[+-]?[0-9]{1,19}")


def scalar(text: str) -> Scalar:
    """The value that a text is.

    >>> scalar("3"), scalar("3e-4"), scalar("True"), scalar("adamw"), scalar("007a"), scalar("nan")
    (3, 0.0003, True, 'adamw', '007a', nan)
    """
    if _WHOLE.fullmatch(text) and -(2**63) <= int(text) < 2**63:
        return int(text)
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    found = number(text)
    return text if found is None else found


def number(value: Any) -> float | None:
    """The number that a value is, NaN and infinities too; None if it is none.

    >>> number("NaN"), number("1_000"), number(True), number(2)
    (nan, None, None, 2.0)
    """
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str) and ("_" in value or not value.isascii()):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf
    except (TypeError, ValueError):
        return None


def whole(value: Any) -> int | None:
    """The whole number that a value is, if it fits 64 bits; None if it is none.

    >>> whole("9223372036854775807"), whole(2.0), whole(2.5), whole(2**63)
    (9223372036854775807, 2, None, None)
    """
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        found = number(value)
        if found is None or not math.isfinite(found) or found != int(found):
            return None
        value = int(found)
    return value if -(2**63) <= value < 2**63 else None


def moment(text: str) -> datetime | None:
    """A time in ISO 8601 as UTC without a zone; None if it is none."""
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo is not None else found
    except (ValueError, OverflowError):
        return None


def written(text: str) -> str:
    """A text that can be written as UTF-8: halves of characters in it are question marks.

    JSON may spell such a half, and names of files that are not UTF-8 are read as some.

    >>> written("m\\udcffü")
    'm?ü'
    """
    return text if text.isascii() else text.encode(errors="replace").decode()


def parsed(text: str) -> Any:
    """What JSON says, with texts that can be written.

    Raises:
        ValueError, RecursionError: if it is none, or too deep.
    """
    found = json.loads(text)
    if "\\ud" in text or "\\uD" in text:
        return json.loads(written(json.dumps(found, ensure_ascii=False)))
    return found


def digest_of(files: Iterable[Path], beside: Path) -> str:
    """SHA-256 over the names and contents of files.

    Raises:
        DataError: if one can't be read.
    """
    found = hashlib.sha256()
    for path in sorted(set(files)):
        name = path.relative_to(beside).as_posix() if path != beside else path.name
        try:
            found.update(f"{name}\0{file_digest(path)}\n".encode(errors="surrogateescape"))
        except OSError as error:
            unreadable(path, reason(error), error)
    return found.hexdigest()


def read_bytes(path: Path) -> bytes:
    """The content of a file.

    Raises:
        DataError: if it can't be read, is no plain file, or too large.
    """
    try:
        if not path.is_file():
            unreadable(path, "it is no plain file")
        if path.stat().st_size > MOST_FILE_BYTES:
            unreadable(path, f"it has more than {MOST_FILE_BYTES / 1e9:.1f} GB")
        return path.read_bytes()
    except OSError as error:
        unreadable(path, reason(error), error)


def read_text(path: Path) -> str:
    """The content of a text file, UTF-8 with or without a mark.

    Raises:
        DataError: if it can't be read.
    """
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        unreadable(path, reason(error), error)


def unreadable(path: Path, why: str, cause: Exception | None = None) -> NoReturn:
    """A source can't be read.

    Raises:
        DataError: always.
    """
    raise DataError(f"{path} can't be read: {why}", "see `specc import --help` for what is read") from cause


def refused(message: str, help: str) -> NoReturn:
    """What was asked for can't be done.

    Raises:
        QueryError: always.
    """
    raise QueryError(message, help)
