"""Finished steps into the index: their manifests, logs and samples."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from specc.errors import CorruptArtifact
from specc.results import storage
from specc.results.logs import metric_row, number, objects, sample_row, whole, whole_lines
from specc.store import Manifest, Store

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_BATCH = 256
"""Steps whose files are held in memory at once."""


def stamps(store: Store) -> dict[str, int]:
    """When each finished step's manifest was written, in nanoseconds; from one scan of the store.

    A step that was set aside and made again has another stamp under the same key.
    """
    found: dict[str, int] = {}
    if not store.root.is_dir():
        return found
    with os.scandir(store.root) as fans:
        folders = [fan.path for fan in fans if fan.is_dir()]
    for folder in folders:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    found[entry.name] = os.stat(f"{entry.path}/manifest.json").st_mtime_ns
                except OSError:
                    continue
    return found


def record(connection: DuckDBPyConnection, store: Store, new: dict[str, int]) -> None:
    """Store finished steps, by key and stamp, in the transaction that is open."""
    storage.forget_steps(connection, ["live", "logs"], new)
    for keys in _batches(sorted(new)):
        rows: dict[str, list[Sequence[Any]]] = {table: [] for table in storage.RECORDED}
        for key in keys:
            manifest = _manifest(store, key)
            if manifest is None:
                rows["refused"].append((key, new[key]))
                continue
            rows["steps"].append(_step_row(manifest, new[key]))
            rows["files"] += [(key, name, file.bytes, file.sha256) for name, file in manifest.files.items()]
            rows["versions"] += [(key, *version) for version in manifest.provenance.versions.items()]
            tokens = manifest.outputs.get("tokens")
            if manifest.op == "train" and isinstance(tokens, dict):
                rows["tokens"] += [(key, role, whole(count)) for role, count in tokens.items()]
            if "metrics.jsonl" in manifest.files:
                rows["metrics"] += [metric_row(key, line) for line in _lines(store, key, "metrics.jsonl")]
            if "samples.jsonl" in manifest.files:
                rows["samples"] += [sample_row(key, line) for line in _lines(store, key, "samples.jsonl")]
        for table, found in rows.items():
            storage.append(connection, f"recorded.{table}", found)


def _batches(keys: Sequence[str]) -> Iterable[Sequence[str]]:
    return (keys[start : start + _BATCH] for start in range(0, len(keys), _BATCH))


def _manifest(store: Store, key: str) -> Manifest | None:
    try:
        manifest = store.manifest(key)
    except CorruptArtifact:
        return None
    return manifest if manifest.key == key else None


def _lines(store: Store, key: str, name: str) -> Iterable[dict[str, Any]]:
    try:
        return objects(whole_lines((store.path(key) / name).read_bytes()))
    except OSError:
        return ()


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
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None
