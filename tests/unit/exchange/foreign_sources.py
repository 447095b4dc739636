"""Sources of results as other tools write them, made file by file."""

from __future__ import annotations

import json
import sqlite3
import struct
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

MLFLOW_TABLES = """
CREATE TABLE experiments (experiment_id INTEGER PRIMARY KEY, name VARCHAR(256) UNIQUE NOT NULL,
  artifact_location VARCHAR(256), lifecycle_stage VARCHAR(32), creation_time BIGINT, last_update_time BIGINT);
CREATE TABLE runs (run_uuid VARCHAR(32) PRIMARY KEY, name VARCHAR(250), source_type VARCHAR(20),
  status VARCHAR(9), start_time BIGINT, end_time BIGINT, lifecycle_stage VARCHAR(20),
  artifact_uri VARCHAR(200), experiment_id INTEGER, deleted_time BIGINT);
CREATE TABLE params (key VARCHAR(250), value VARCHAR(8000), run_uuid VARCHAR(32),
  PRIMARY KEY (key, run_uuid));
CREATE TABLE metrics (key VARCHAR(250), value FLOAT NOT NULL, timestamp BIGINT, run_uuid VARCHAR(32),
  step BIGINT DEFAULT 0, is_nan BOOLEAN DEFAULT 0,
  PRIMARY KEY (key, timestamp, step, run_uuid, value, is_nan));
"""
"""As MLflow 2 and 3 lay them out; columns that nobody reads are left out."""


def mlflow_run(
    path: Path,
    uuid: str,
    parameters: Mapping[str, object],
    metrics: Mapping[str, Sequence[tuple[int, float | None]]],
    status: str = "FINISHED",
    stage: str = "active",
    experiment: tuple[int, str] = (1, "ablation"),
    start: int = 1_700_000_000_000,
) -> None:
    """Add a run to a database of MLflow; a value of None is NaN."""
    new = not path.exists()
    with sqlite3.connect(path) as connection:
        if new:
            connection.executescript(MLFLOW_TABLES)
        connection.execute("INSERT OR IGNORE INTO experiments VALUES (?, ?, '', 'active', 0, 0)", experiment)
        row = (uuid, f"{uuid}-name", "LOCAL", status, start, start + 5000, stage, "", experiment[0], None)
        connection.execute(f"INSERT INTO runs VALUES ({', '.join('?' * 10)})", row)
        for name, value in parameters.items():
            connection.execute("INSERT INTO params VALUES (?, ?, ?)", (name, str(value), uuid))
        for name, values in metrics.items():
            for step, found in values:
                connection.execute(
                    "INSERT INTO metrics VALUES (?, ?, ?, ?, ?, ?)",
                    (name, found or 0.0, start + step, uuid, step, found is None),
                )


def mlflow_folder(
    path: Path, uuid: str, parameters: Mapping[str, object], metrics: Mapping[str, str]
) -> None:
    """Add a run to a folder `mlruns`."""
    run = path / "7" / uuid
    for name in ("params", "metrics"):
        (run / name).mkdir(parents=True)
    (path / "7" / "meta.yaml").write_text(
        "artifact_location: file:///x/mlruns/7\nexperiment_id: '7'\nlifecycle_stage: active\nname: on disk\n"
    )
    (run / "meta.yaml").write_text(
        f"artifact_uri: file:///x\nend_time: 1700000005000\nexperiment_id: '7'\nlifecycle_stage: active\n"
        f"run_id: {uuid}\nrun_name: quiet-fox\nstart_time: 1700000000000\nstatus: 3\ntags: []\n"
    )
    for name, value in parameters.items():
        (run / "params" / name).write_text(str(value))
    for name, lines in metrics.items():
        (run / "metrics" / name).parent.mkdir(parents=True, exist_ok=True)
        (run / "metrics" / name).write_text(lines)


def crc32c(data: bytes) -> int:
    """CRC-32C bit by bit, from its definition."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def record(data: bytes) -> bytes:
    """A record of an event file."""
    length = struct.pack("<Q", len(data))

    def masked(part: bytes) -> bytes:
        crc = crc32c(part)
        return struct.pack("<I", (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF)

    return length + masked(length) + data + masked(data)


def varint(value: int) -> bytes:
    """A number as protobuf writes it, seven bits a byte."""
    out, rest = b"", value & (2**64 - 1)
    while rest >= 0x80:
        out, rest = out + bytes([rest & 0x7F | 0x80]), rest >> 7
    return out + bytes([rest])


def field(number: int, value: bytes | int | float, kind: str = "") -> bytes:
    """A field of a protobuf message; floats are doubles unless `kind` is `f`."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float) and kind == "f":
        return varint(number << 3 | 5) + struct.pack("<f", value)
    if isinstance(value, float):
        return varint(number << 3 | 1) + struct.pack("<d", value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def event(step: int, tag: str, value: float, time: float = 1.7e9) -> bytes:
    summary = field(1, field(1, tag.encode()) + field(2, value, "f"))
    return record(field(1, time) + field(2, step) + field(5, summary))


def event_file(path: Path, values: Mapping[str, Sequence[tuple[int, float]]]) -> Path:
    """An event file of TensorBoard with scalars."""
    path.parent.mkdir(parents=True, exist_ok=True)
    begin = record(field(1, 1.7e9) + field(3, b"brain.Event:2"))
    path.write_bytes(begin + b"".join(event(s, tag, v) for tag, each in values.items() for s, v in each))
    return path


def wandb_file(
    path: Path, config: Mapping[str, Any], history: Sequence[Mapping[str, Any]], exit_code: int | None = 0
) -> Path:
    """A run as the library of W&B writes it; its records lie in pieces where a block ends."""

    def item(name: str, value: Any, text: int = 16) -> bytes:
        parts = name.split(".")
        key = field(1, name.encode()) if len(parts) == 1 else b"".join(field(2, p.encode()) for p in parts)
        return field(1, key + field(text, json.dumps(value).encode()))

    begin = field(1, path.stem.removeprefix("run-").encode()) + field(8, b"quiet-fox")
    begin += field(4, b"".join(item(*pair) for pair in config.items())) + field(17, field(1, 1_700_000_000))
    records = [field(17, begin)]
    for step, row in enumerate(history):
        items = b"".join(item(name, value, 8) for name, value in row.items())
        records.append(field(1, step) + field(2, items + field(2, field(1, step))))
    if exit_code is not None:
        records.append(field(18, field(1, exit_code) + field(2, 12)))
    data = b":W&B\xe1\xbe\x00"
    for record_ in records:
        first = True
        while first or record_:
            left = 32768 - len(data) % 32768
            if left < 7:
                data += bytes(left)
                continue
            piece, record_ = record_[: left - 7], record_[left - 7 :]
            kind = bytes([(1 if first else 4) if not record_ else (2 if first else 3)])
            data += struct.pack("<IH", zlib.crc32(kind + piece), len(piece)) + kind + piece
            first = False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def lm_eval_file(
    folder: Path, model: str, acc: float, time: str, samples: Sequence[Mapping[str, Any]] = ()
) -> Path:
    """A file of results of lm-evaluation-harness 0.4, and one of samples."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"results_{time}.json"
    path.write_text(
        json.dumps(
            {
                "results": {
                    "toy": {
                        "alias": "toy",
                        "acc,none": acc,
                        "acc_stderr,none": 0.25,
                        "perplexity,none": float("nan"),
                        "perplexity_stderr,none": "N/A",
                    }
                },
                "group_subtasks": {"toy": []},
                "configs": {"toy": {"task": "toy", "num_fewshot": 0}},
                "versions": {"toy": 1.0},
                "n-shot": {"toy": 0},
                "higher_is_better": {"toy": {"acc": True, "perplexity": False}},
                "n-samples": {"toy": {"original": 4, "effective": 4}},
                "config": {
                    "model": "hf",
                    "model_args": f"pretrained=/models/{model},dtype=float32",
                    "limit": None,
                    "random_seed": 0,
                },
                "date": 1700000000.5,
                "task_hashes": {"toy": "ab" * 32},
                "model_name": f"/models/{model}",
                "total_evaluation_time_seconds": "12.5",
            }
        )
    )
    if samples:
        lines = "".join(json.dumps(sample) + "\n" for sample in samples)
        (folder / f"samples_toy_{time}.jsonl").write_text(lines)
    return path
