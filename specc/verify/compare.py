"""Where two results of one step differ, and by how much."""

from __future__ import annotations

import json
import math
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal

from specc.incidents import Incident, moment
from specc.steps import Frozen
from specc.store import Manifest
from specc.verify.arrays import largest_difference, read_arrays
from specc.verify.content import TIMES, artifact_digest, content_digest, untimed, untimed_lines


class Difference(Frozen):
    """A file, or the manifest's outputs, that came out otherwise.

    Attributes:
        file: its name; "outputs" for the numbers in the manifest.
        where: the first tensor, line or field that differs.
        largest: largest difference of two numbers. relative: of a tensor's numbers, over the largest
            magnitude in that tensor; of others, over the number itself. None where what differs is no
            number: a shape, a text, a file that only one side has.
    """

    file: str
    where: str
    largest: float | None = None
    relative: float | None = None

    def __str__(self) -> str:
        place = f" in {self.where}" if self.where else ""
        if self.largest is None:
            return f"`{self.file}` differs{place}"
        return f"`{self.file}` differs{place}, by {self.largest:.3g} at most ({self.relative:.2g} relative)"


def compare(
    kept: Path, kept_manifest: Manifest, other: Path, other_manifest: Manifest
) -> tuple[Difference, ...]:
    """What differs between two results of a step, file by file; measured times aside."""
    found = []
    for name in sorted({*kept_manifest.files, *other_manifest.files}):
        if name not in kept_manifest.files or name not in other_manifest.files:
            which = "first" if name in kept_manifest.files else "second"
            found.append(Difference(file=name, where=f"being there the {which} time only"))
        elif content_digest(kept / name) != content_digest(other / name):
            found.append(_file(kept / name, other / name))
    outputs = _values(untimed(kept_manifest.outputs), untimed(other_manifest.outputs))
    if outputs is not None:
        found.append(_difference("outputs", *outputs))
    return tuple(found)


def _file(kept: Path, other: Path) -> Difference:
    """Where two files differ that are known to."""
    try:
        if kept.suffix in (".safetensors", ".npy"):
            return _arrays(kept, other)
        if kept.suffix in (".json", ".jsonl"):
            return _json(kept, other)
    except (OSError, ValueError, KeyError, TypeError):
        pass  # no file of its kind: told as bytes
    return Difference(file=kept.name, where="")


def _arrays(kept: Path, other: Path) -> Difference:
    left, right = read_arrays(kept), read_arrays(other)
    first, largest, relative = "", 0.0, 0.0
    for name in [*left, *(name for name in right if name not in left)]:
        place = f"`{name}`" if name else ""
        if name not in left or name not in right or left[name][:2] != right[name][:2]:
            return Difference(file=kept.name, where=f"the shape of {place}" if place else "its shape")
        gap = largest_difference(left[name][0], left[name][2], right[name][2])
        if gap is not None:
            first = first or place
            largest, relative = max(largest, gap[0]), max(relative, gap[1])
    return Difference(file=kept.name, where=first, largest=largest, relative=relative)


def _json(kept: Path, other: Path) -> Difference:
    if kept.suffix == ".json":
        gap = _values(json.loads(kept.read_bytes()), json.loads(other.read_bytes()))
        return _difference(kept.name, *gap) if gap else Difference(file=kept.name, where="its white space")
    first, largest, relative, numbers = "", 0.0, 0.0, True
    lines = zip_longest(_lines(kept), _lines(other))
    for number, (a, b) in enumerate(lines, start=1):
        gap = _values(a, b)
        if gap is not None:
            first = first or f"line {number}" + (f", `{gap[0]}`" if gap[0] else "")
            numbers = numbers and gap[1] is not None
            largest, relative = max(largest, gap[1] or 0.0), max(relative, gap[2] or 0.0)
    return _difference(kept.name, first, largest, relative) if numbers else _difference(kept.name, first)


def _lines(path: Path) -> Any:
    if path.name in TIMES:
        return untimed_lines(path)
    return (json.loads(line) for line in path.read_bytes().splitlines())


def _difference(
    file: str, where: str, largest: float | None = None, relative: float | None = None
) -> Difference:
    place = where if not where or where.startswith("line ") else f"`{where}`"
    return Difference(file=file, where=place, largest=largest, relative=relative)


Gap = tuple[str, float | None, float | None]
"""First place that differs, largest difference, and that over the number that stood there."""


def _values(a: Any, b: Any, at: str = "") -> Gap | None:
    """Where two JSON values differ; None if nowhere. NaN is itself."""
    if isinstance(a, dict) and isinstance(b, dict):
        names = [*a, *(name for name in b if name not in a)]
        if a.keys() != b.keys():
            return (next(name for name in names if name not in a or name not in b), None, None)
        pairs = [(a[name], b[name], f"{at}.{name}" if at else str(name)) for name in names]
    elif isinstance(a, list) and isinstance(b, list):
        if len(a) != len(b):
            return (at or "its length", None, None)
        pairs = [(x, y, f"{at}[{number}]") for number, (x, y) in enumerate(zip(a, b, strict=True))]
    elif _number(a) and _number(b):
        if a == b or (a != a and b != b):
            return None
        gap = abs(a - b) if math.isfinite(a) and math.isfinite(b) else math.inf
        return (at, gap, gap / abs(a) if a else math.inf)
    else:
        return None if type(a) is type(b) and a == b else (at, None, None)
    found = [gap for x, y, place in pairs if (gap := _values(x, y, place)) is not None]
    if not found:
        return None
    if any(gap[1] is None for gap in found):
        return (found[0][0], None, None)
    return (found[0][0], max(gap[1] or 0.0 for gap in found), max(gap[2] or 0.0 for gap in found))


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def within(differences: tuple[Difference, ...], tolerance: float) -> bool:
    """Whether all differences are between numbers, and none is larger than `tolerance`, relative."""
    return all(gap.relative is not None and gap.relative <= tolerance for gap in differences)


def as_incident(
    found: Literal["publish", "verify"],
    differences: tuple[Difference, ...],
    kept: Path,
    kept_manifest: Manifest,
    other: Path,
    other_manifest: Manifest,
) -> Incident:
    """The record of a step that gave two results."""
    return Incident(
        when=moment(),
        key=kept_manifest.key,
        op=kept_manifest.op,
        label=kept_manifest.label or other_manifest.label,
        found=found,
        kept=artifact_digest(kept, kept_manifest.files, kept_manifest.outputs),
        other=artifact_digest(other, other_manifest.files, other_manifest.outputs),
        differs="; ".join(map(str, differences)),
    )
