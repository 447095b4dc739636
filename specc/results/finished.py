"""Finished steps into the index: their manifests, logs and samples."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from specc.errors import CorruptArtifact
from specc.results import storage
from specc.results.logs import metric_rows, number, objects, sample_row, whole, whole_lines
from specc.store import Manifest, Store

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_BATCH = 50_000
"""Rows that are held in memory before they are stored; those of one step are never divided."""

_UNSURE_NANOSECONDS = 100_000_000
"""A folder changed this recently may change again at what its file system says is the same time."""

_UNSURE_IN_SECONDS = 2_000_000_000
"""The same, where a file system tells whole seconds."""


def folders(store: Store) -> dict[str, int]:
    """When something was last put into or taken out of each folder of the store, in nanoseconds.

    0 for a folder of which this is so recent that its time may not tell the next change from this one.
    """
    found: dict[str, int] = {}
    if not store.root.is_dir():
        return found
    now = time.time_ns()
    with os.scandir(store.root) as entries:
        for entry in entries:
            if entry.is_dir():
                changed = entry.stat().st_mtime_ns
                unsure = _UNSURE_NANOSECONDS if changed % 1_000_000_000 else _UNSURE_IN_SECONDS
                found[entry.name] = changed if changed < now - unsure else 0
    return found


def stamps(store: Store, folders: Iterable[str]) -> dict[str, int]:
    """When each finished step's manifest was written, in nanoseconds, of the steps in these folders.

    A step that was set aside and made again has another stamp under the same key.
    """
    found: dict[str, int] = {}
    for folder in folders:
        try:
            entries = os.listdir(store.root / folder)
        except OSError:
            continue
        for name in entries:
            if name.startswith(folder):
                try:
                    found[name] = os.stat(f"{store.root}/{folder}/{name}/manifest.json").st_mtime_ns
                except OSError:
                    continue
    return found


@dataclass(frozen=True, slots=True)
class Changes:
    """How the steps in the store differ from those in the index.

    Attributes:
        new: keys of steps that are new or were made again, with their stamps.
        gone: keys of steps whose rows are to be forgotten, those that were made again among them.
        folders: what `folders` said, as far as it isn't known yet.
    """

    new: dict[str, int]
    gone: list[str]
    folders: dict[str, int]


def changes(connection: DuckDBPyConnection, store: Store, thorough: bool) -> Changes:
    """Compare the store with the index: folders that have changed, or all of them if `thorough`.

    A finished step is a folder that appears by a rename, and goes by one. So the time at which its
    parent was changed tells, unless somebody takes the manifest out of it by hand.
    """
    now = folders(store)
    known = dict(connection.execute("SELECT folder, changed FROM recorded.folders").fetchall())
    looked = [name for name, changed in now.items() if thorough or not changed or known.get(name) != changed]
    looked += known.keys() - now.keys()
    if not looked:
        return Changes({}, [], {})
    stored: dict[str, int] = dict(
        connection.execute(
            """SELECT step, stamp FROM recorded.steps WHERE stamp >= 0 AND step[:2] IN (SELECT unnest($1))
               UNION ALL SELECT step, stamp FROM recorded.refused WHERE step[:2] IN (SELECT unnest($1))""",
            [looked],
        ).fetchall()
    )
    found = stamps(store, looked)
    new = {key: stamp for key, stamp in found.items() if stored.get(key) != stamp}
    gone = [key for key in stored if key not in found or key in new]
    return Changes(
        new, gone, {name: now.get(name, 0) for name in looked if known.get(name, 0) != now.get(name, 0)}
    )


def record(connection: DuckDBPyConnection, store: Store, changed: Changes) -> None:
    """Store what has changed, in the transaction that is open."""
    new = changed.new
    storage.forget_steps(connection, storage.RECORDED, changed.gone)
    names = list(changed.folders)
    connection.execute("DELETE FROM recorded.folders WHERE folder IN (SELECT unnest(?))", [names])
    storage.append(connection, "recorded.folders", [item for item in changed.folders.items() if item[1]])
    storage.forget_steps(connection, ["live", "logs"], new)
    rows: dict[str, list[Sequence[Any]]] = {table: [] for table in storage.RECORDED}
    for key in sorted(new):
        _add(rows, store, key, new[key])
        if sum(map(len, rows.values())) > _BATCH:
            _flush(connection, rows)
    _flush(connection, rows)


def _add(rows: dict[str, list[Sequence[Any]]], store: Store, key: str, stamp: int) -> None:
    """Add the rows of a step, by table."""
    manifest = _manifest(store, key)
    if manifest is None:
        rows["refused"].append((key, stamp))
        return
    rows["steps"].append(_step_row(manifest, stamp))
    rows["files"] += [(key, name, file.bytes, file.sha256) for name, file in manifest.files.items()]
    rows["versions"] += [(key, *version) for version in manifest.provenance.versions.items()]
    tokens = manifest.outputs.get("tokens")
    if manifest.op == "train" and isinstance(tokens, dict):
        rows["tokens"] += [(key, role, whole(count)) for role, count in tokens.items()]
    if "metrics.jsonl" in manifest.files:
        rows["metrics"] += metric_rows(key, _lines(store, key, "metrics.jsonl"))
    if "samples.jsonl" in manifest.files:
        samples = objects(_lines(store, key, "samples.jsonl"))
        rows["samples"] += [sample_row(key, line) for line in samples]


def _flush(connection: DuckDBPyConnection, rows: dict[str, list[Sequence[Any]]]) -> None:
    for table, found in rows.items():
        storage.append(connection, f"recorded.{table}", found)
        found.clear()


def _manifest(store: Store, key: str) -> Manifest | None:
    try:
        manifest = store.manifest(key)
    except CorruptArtifact:
        return None
    return manifest if manifest.key == key else None


def _lines(store: Store, key: str, name: str) -> bytes:
    """Whole lines of a file of a step."""
    try:
        return whole_lines((store.path(key) / name).read_bytes())
    except OSError:
        return b""


def _step_row(manifest: Manifest, stamp: int) -> tuple[Any, ...]:
    """Row of `recorded.steps`. The value of an evaluation that is not a number is NaN."""
    how, outputs = manifest.provenance, manifest.outputs
    measured = manifest.op == "eval"
    return (
        manifest.key,
        stamp,
        manifest.version,
        _moment(how.started),
        how.wall_seconds,
        how.cpu_seconds,
        how.flops,
        how.device,
        how.threads,
        how.resumed,
        how.versions.get("specc"),
        json.dumps(manifest.identity),
        json.dumps(outputs),
        number(outputs.get("value")) if measured else None,
        whole(outputs.get("n")) if measured else None,
        _finite(outputs.get("stderr")) if measured else None,
    )


def _moment(text: str) -> datetime | None:
    """A time in ISO 8601 as UTC without a zone; None if it is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _finite(value: Any) -> float | None:
    """A standard error; null if it is unknown."""
    known = number(value)
    return known if known is not None and math.isfinite(known) else None
