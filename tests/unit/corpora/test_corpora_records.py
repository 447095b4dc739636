"""JSON lines and Parquet."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from specc.corpora.documents import Document
from specc.corpora.readers import read_documents
from specc.errors import DataError
from specc.steps import Component

PAIR = {"prompt": "q", "completion": "a"}


def read(path: Path, args: dict[str, str], reader: str = "jsonl") -> list[Document]:
    return list(read_documents(Component(name=reader, args=args), [path]))


def lines(folder: Path, content: bytes) -> Path:
    path = folder / "data.jsonl"
    path.write_bytes(content)
    return path


def table(path: Path, columns: dict[str, tuple[str, Sequence[Any]]]) -> Path:
    """Write a Parquet file: column -> (type, values)."""
    import duckdb

    with duckdb.connect() as connection:
        declared = ", ".join(
            '"' + name.replace('"', '""') + f'" {kind}' for name, (kind, _) in columns.items()
        )
        connection.execute(f"create table rows ({declared})")
        for row in zip(*(values for _, values in columns.values()), strict=True):
            connection.execute(f"insert into rows values ({', '.join('?' * len(row))})", list(row))
        connection.execute(f"copy rows to '{path}' (format parquet)")
    return path


def test_a_line_is_a_document(tmp_path: Path) -> None:
    path = lines(tmp_path, '{"body": "one\u2028é", "n": 1}\r\n\n  \n{"body": "two"}'.encode())
    assert read(path, {"text": "body"}) == [Document("one\u2028é"), Document("two")]


def test_prompt_completion_and_options_are_kept_apart(tmp_path: Path) -> None:
    path = lines(tmp_path, b'\xef\xbb\xbf{"q": "1+1=", "a": "2", "o": ["1", "2"]}\n')
    assert read(path, PAIR) == [Document(prompt="1+1=", completion="2")]
    assert read(path, {**PAIR, "options": "o"}) == [
        Document(prompt="1+1=", completion="2", options=("1", "2"))
    ]


@pytest.mark.parametrize(
    ("content", "message", "help"),
    [
        (
            b'{"body": "x"}\n{"body": }\n',
            "line 2 of .*data.jsonl is not JSON: expecting value at column 10",
            "",
        ),
        (b'{"body": "x"\n', "line 1 of .* is not JSON: expecting ',' delimiter", "whole JSON object"),
        (b'["x"]\n', "line 1 of .* is JSON, but no object", "looks like"),
        (b"[" * 100_000 + b"\n", "line 1 of .* can't be read", "simplify"),
        (b'{"n": ' + b"1" * 5000 + b"}\n", "line 1 of .* can't be read: exceeds the limit", "simplify"),
        (b'{"bodi": "x", "n": 1}\n', "line 1 of .*: there is no field `body`", "write `bodi`"),
        (b"{}\n", "line 1 of .*: there is no field `body`", "none"),
        (b'{"body": "x"}\n\n{"body": 3}\n', "line 3 of .*: field `body` is a number, not a string", ""),
        (b'{"body": null}\n', "field `body` is null", ""),
        (b'{"body": true}\n', "field `body` is a truth value", ""),
        (b'{"body": ["x"]}\n', "field `body` is a list", ""),
        (b'{"body": {}}\n', "field `body` is an object", ""),
        (b'{"body": "\\ud800"}\n', "field `body` holds half of a surrogate pair", "ud800"),
        (b'{"body": "x"}\n{"body": "\xff"}\n', "data.jsonl is not UTF-8: byte 24 is 0xff", "iconv"),
        (b"PK\x00\x01\n", "data.jsonl is binary: byte 2 is zero", "exclude"),
        (b"\n\n", "data.jsonl holds no documents", "empty"),
    ],
)
def test_bad_lines_are_named(tmp_path: Path, content: bytes, message: str, help: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read(lines(tmp_path, content), {"text": "body"})
    assert help in str(caught.value.help)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ('["1", "3"]', "the options in `o` lack the completion `2`"),
        ('["2", ""]', "an option in `o` is empty"),
        ('"2"', "field `o` is a string, not a list of strings"),
        ('["2", 3]', "field `o` is a list with a number in it, not a list of strings"),
    ],
)
def test_bad_options_are_named(tmp_path: Path, options: str, message: str) -> None:
    path = lines(tmp_path, f'{{"q": "1+1=", "a": "2", "o": {options}}}'.encode())
    with pytest.raises(DataError, match=f"line 1 of .*: {message}"):
        read(path, {**PAIR, "options": "o"})


@pytest.mark.parametrize("reader", ["jsonl", "parquet"])
@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({}, "doesn't say which (field|column) holds the text"),
        ({"text": "t", **PAIR}, "has both `text` and a prompt or completion"),
        ({"text": "t", "completion": "c"}, "has both `text` and a prompt or completion"),
        ({"prompt": "p"}, "has `prompt` but no `completion`"),
        ({"completion": "p"}, "has `completion` but no `prompt`"),
        ({"text": "t", "options": "o"}, "has `options` but no `prompt` and `completion`"),
    ],
)
def test_fields_are_text_or_a_pair(tmp_path: Path, reader: str, args: dict[str, str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(lines(tmp_path, b"{}"), args, reader)


def test_a_row_is_a_document(tmp_path: Path) -> None:
    path = table(
        tmp_path / "x.parquet",
        {
            "q": ("varchar", ["one", "two"]),
            'odd "name': ("varchar", ["a", "b"]),
            "o": ("varchar[]", [["a", "c"], ["b"]]),
        },
    )
    assert read(path, {"text": 'odd "name'}, "parquet") == [Document("a"), Document("b")]
    assert read(path, {"prompt": "q", "completion": 'odd "name', "options": "o"}, "parquet") == [
        Document(prompt="one", completion="a", options=("a", "c")),
        Document(prompt="two", completion="b", options=("b",)),
    ]


def test_rows_keep_their_order_over_many_row_groups(tmp_path: Path) -> None:
    import duckdb

    path = tmp_path / "long.parquet"
    with duckdb.connect() as connection:
        rows = "select cast((range * 7919) % 30011 as varchar) as t from range(30000)"
        connection.execute(f"copy ({rows}) to '{path}' (format parquet, row_group_size 2048)")
    expected = [str(number * 7919 % 30011) for number in range(30000)]
    assert [document.text for document in read(path, {"text": "t"}, "parquet")] == expected


def test_names_of_files_and_folders_are_not_interpreted(tmp_path: Path) -> None:
    folder = tmp_path / "t=5"
    folder.mkdir()
    path = table(folder / "a*.parquet", {"t": ("varchar", ["right"])})
    table(folder / "ab.parquet", {"t": ("varchar", ["wrong"])})
    assert read(path, {"text": "t"}, "parquet") == [Document("right")]
    quoted = table(tmp_path / "plain.parquet", {"t": ("varchar", ["x"])}).rename(tmp_path / "it's.parquet")
    assert read(quoted, {"text": "t"}, "parquet") == [Document("x")]


def test_bad_rows_are_named(tmp_path: Path) -> None:
    path = table(tmp_path / "x.parquet", {"body": ("varchar", ["a", None]), "n": ("integer", [1, 2])})
    with pytest.raises(DataError, match=r"row 2 of .*x.parquet: column `body` is null, not a string"):
        read(path, {"text": "body"}, "parquet")
    with pytest.raises(DataError, match=r"row 1 of .*: column `n` is a number"):
        read(path, {"text": "n"}, "parquet")
    with pytest.raises(DataError, match=r"x\.parquet: there is no column `bodi`") as caught:
        read(path, {"text": "bodi"}, "parquet")
    assert caught.value.help == "write `body`; columns that are there: `body`, `n`"


def test_what_is_no_parquet_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"data.jsonl can't be read as Parquet"):
        read(lines(tmp_path, b'{"t": 1}\n' * 10), {"text": "t"}, "parquet")
    with pytest.raises(DataError, match=r"data.jsonl holds no documents"):
        read(lines(tmp_path, b""), {"text": "t"}, "parquet")


@pytest.mark.parametrize("reader", ["jsonl", "parquet"])
def test_a_pipe_is_refused_without_waiting(tmp_path: Path, reader: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="is not a regular file"):
        read(tmp_path / "pipe", {"text": "t"}, reader)
