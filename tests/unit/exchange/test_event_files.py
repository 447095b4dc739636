"""Event files are read record by record, and never past one that is damaged."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from foreign_sources import crc32c, event, event_file, field, record

from specc.exchange.sources.event_files import masked_crc, read_scalars


def test_checksums_are_those_of_the_definition() -> None:
    assert crc32c(b"123456789") == 0xE3069283  # the check value of the catalogue
    for data in (b"", b"a", bytes(range(256))):
        crc = crc32c(data)
        assert masked_crc(data) == (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def test_values_of_all_forms(tmp_path: Path) -> None:
    """Simple values, tensors by content and by list, negative steps; pictures are passed over."""
    path = event_file(tmp_path / "x.tfevents", {"loss": [(0, 1.5), (-1, math.inf)]})
    double = field(8, field(1, 2) + field(4, field(1, 0.1)[1:]))
    listed = field(8, field(1, 1) + field(5, field(1, 2.5, "f")[1:]))
    whole = field(8, field(1, 9) + field(10, (-7) & (2**64 - 1)))
    many = field(8, field(1, 1) + field(5, field(1, 2.5, "f")[1:] * 2))
    picture = field(9, field(1, field(1, b"images"))) + listed
    values = [double, listed, whole, many, picture, field(4, b"png" * 100_000)]
    for number, value in enumerate(values):
        summary = field(1, field(1, f"t{number}".encode()) + value)
        with open(path, "ab") as file:
            file.write(record(field(1, 1.7e9 + 60) + field(2, 3) + field(5, summary)))
    found = read_scalars(path)
    assert found.damaged == ""
    assert found.values == [
        ("loss", 0, 1.5),
        ("loss", -1, math.inf),
        ("t0", 3, 0.1),
        ("t1", 3, 2.5),
        ("t2", 3, -7.0),
    ]
    assert found.last - found.first == 60


def test_hyperparameters(tmp_path: Path) -> None:
    entries = b"".join(
        field(1, field(1, name) + field(2, value))
        for name, value in (
            (b"lr", field(2, 0.1)),
            (b"width", field(2, 16.0)),
            (b"opt", field(3, b"adamw")),
            (b"tied", field(4, 1)),
        )
    )
    content = field(1, 0) + field(3, entries)
    plugin = field(9, field(1, field(1, b"hparams") + field(2, content)))
    summary = field(1, field(1, b"_hparams_/session_start_info") + plugin)
    path = tmp_path / "x.tfevents"
    path.write_bytes(record(field(1, 1.7e9) + field(5, summary)))
    assert read_scalars(path).parameters == {"lr": 0.1, "width": 16, "opt": "adamw", "tied": True}


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (lambda data: data[:-1], "it is cut off"),
        (lambda data: data[:-6] + b"\0" + data[-5:], "differs from its checksum"),
        (lambda data: data + b"\xff" * 40, "the length of the record"),
        (lambda data: data + record(b"\xff" * 40), "a record is no event"),
        (lambda data: data + record(field(5, b"\x0a\xff")), "a record is no event"),
    ],
)
def test_what_comes_before_the_damage_is_kept(tmp_path: Path, harm: object, told: str) -> None:
    path = tmp_path / "x.tfevents"
    path.write_bytes(harm(b"".join(event(step, "loss", float(step)) for step in range(5))))  # type: ignore[operator]
    found = read_scalars(path)
    assert told in found.damaged
    assert [value for _, _, value in found.values][:4] == [0.0, 1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    "data",
    [
        field(5, 7),
        field(1, 3),
        field(5, field(1, field(1, 7) + field(2, 1.0, "f"))),
        field(5, field(1, field(9, 3))),
        field(5, field(1, field(8, field(5, 3)))),
    ],
)
def test_fields_of_another_kind_are_told(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.tfevents"
    path.write_bytes(record(data))
    assert read_scalars(path).damaged == "a record is no event"
