"""Compressed files hold the documents of those that they were made of, and can't fill the memory."""

from __future__ import annotations

import gzip
import json
import struct
from pathlib import Path

import pytest
import zstandard

from specc.corpora import compressed, jsonl
from specc.corpora.compressed import open_data, read_data
from specc.corpora.readers import read_documents
from specc.errors import DataError
from specc.steps import Component

TEXT = "".join(f"Zeile {number}: grüß Gott\n" for number in range(5000)).encode()
JSONL = Component(name="jsonl", args={"text": "body"})


def packed(data: bytes, kind: str) -> bytes:
    if kind == "gz":
        return gzip.compress(data)
    if kind == "gz in two":
        return gzip.compress(data[:777]) + gzip.compress(data[777:])
    compressor = zstandard.ZstdCompressor(write_content_size=False)
    if kind == "zst":
        return compressor.compress(data)
    if kind == "pzstd":
        frames = [compressor.compress(part) for part in (data[:777], data[777:])]
        return b"".join(skipped(struct.pack("<I", len(frame))) + frame for frame in frames)
    if kind == "zst with notes":
        note = skipped(b"note" * 100_000)
        return note + skipped(b"") + compressor.compress(data) + note
    # Frames one after another, as `cat` and parallel tools make them.
    return compressor.compress(data[:777]) + compressor.compress(b"") + compressor.compress(data[777:])


def skipped(content: bytes) -> bytes:
    """A frame that is to be skipped, in which pzstd says how long the next one is."""
    return struct.pack("<II", 0x184D2A50, len(content)) + content


KINDS = ("gz", "gz in two", "zst", "zst in three", "pzstd", "zst with notes")


@pytest.mark.parametrize("kind", KINDS)
def test_what_comes_out_is_what_went_in_whatever_the_name(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "data.txt"
    path.write_bytes(packed(TEXT, kind))
    assert read_data(path) == TEXT
    with open_data(path) as file:
        assert list(file) == TEXT.splitlines(keepends=True)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reader", ["text", "docstrings", "jsonl"])
def test_readers_take_compressed_files(tmp_path: Path, kind: str, reader: str) -> None:
    content = {
        "text": "grüß Gott",
        "docstrings": f'"""{"grüß Gott " * 10}"""',
        "jsonl": "\n".join(json.dumps({"body": f"grüß Gott {number}"}) for number in range(300)),
    }[reader]
    component = JSONL if reader == "jsonl" else Component(name=reader)
    plain, small = tmp_path / "plain", tmp_path / "small"
    plain.write_text(content)
    small.write_bytes(packed(content.encode(), kind))
    assert list(read_documents(component, [small])) == list(read_documents(component, [plain]))


def test_a_plain_file_may_be_named_as_if_it_was_compressed(tmp_path: Path) -> None:
    (tmp_path / "data.gz").write_bytes(TEXT)
    (tmp_path / "empty.zst").write_bytes(b"")
    (tmp_path / "odd.zst").write_bytes(skipped(b"hello") + TEXT)
    assert read_data(tmp_path / "data.gz") == TEXT
    assert read_data(tmp_path / "empty.zst") == b""
    assert read_data(tmp_path / "odd.zst") == skipped(b"hello") + TEXT


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("damage", ["cut", "changed"])
def test_a_damaged_file_is_told(tmp_path: Path, kind: str, damage: str) -> None:
    whole = bytearray(packed(TEXT, kind))
    if damage == "cut":
        del whole[-9:]
    else:
        whole[len(whole) // 2 :] = b"\xff" * 200
    (tmp_path / "data").write_bytes(whole)
    with pytest.raises(DataError, match="data can't be unpacked"):
        read_data(tmp_path / "data")


@pytest.mark.parametrize("kind", ["gz", "zst"])
def test_what_unpacks_to_too_much_is_refused(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compressed, "FREE_BYTES", 1 << 20)
    path = tmp_path / "bomb"
    path.write_bytes(packed(b"0" * (8 << 20), kind))
    with open_data(path) as file:
        assert file.read(1 << 19) == b"0" * (1 << 19)
        with pytest.raises(DataError, match="unpacks to more than 200 times its size"):
            file.read()
    path.write_bytes(packed(b"0" * (1 << 20), kind))
    assert len(read_data(path)) == 1 << 20


def test_a_window_larger_than_memory_allows_is_refused(tmp_path: Path) -> None:
    parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=28)
    stream = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    (tmp_path / "data").write_bytes(stream.compress(TEXT) + stream.flush())
    with pytest.raises(DataError, match="can't be unpacked"):
        read_data(tmp_path / "data")


@pytest.mark.parametrize("kind", ["plain", "gz", "zst"])
def test_a_line_has_an_end(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonl, "LONGEST_LINE", 1000)
    lines = [json.dumps({"body": "x" * size}) for size in (10, 1000 - len('{"body": ""}'), 1000)]
    data = ("\n".join(lines[:2]) + "\n\n" + lines[2]).encode()
    (tmp_path / "data").write_bytes(data if kind == "plain" else packed(data, kind))
    documents = read_documents(JSONL, [tmp_path / "data"])
    assert len(next(documents).text) == 10
    with pytest.raises(DataError, match=r"line 2 of .*data is longer than"):
        next(documents)  # the end of a line counts
