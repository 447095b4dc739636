"""Token files made elsewhere: documents are what lies between end tokens."""

from __future__ import annotations

import gzip
import tracemalloc
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specc.corpora import token_files
from specc.corpora.documents import Document, document_id
from specc.corpora.encode import Splitting, encoded
from specc.corpora.measure import measure
from specc.corpora.readers import read_documents
from specc.corpora.tokens import IdTokens, encode_document, tokens_of
from specc.errors import DataError
from specc.steps import Component

EOS = 9
IDS = [1, 2, 3, EOS, 4, EOS, EOS, 5, 6]
DOCUMENTS = [[1, 2, 3], [4], [5, 6]]


def reader(**args: Any) -> Component:
    return Component(name="token_files", args={"vocab": 10, "eos": EOS} | args)


def ids(document: Document) -> list[int]:
    return list(map(int, np.frombuffer(document.ids, "<u4")))


def read(path: Path, **args: Any) -> list[list[int]]:
    return [ids(document) for document in read_documents(reader(**args), [path])]


@pytest.mark.parametrize("dtype", ["uint16", "uint32", "int32", "int64"])
@pytest.mark.parametrize("form", ["bin", "bin.gz", "npy", "big npy"])
def test_documents_end_at_the_end_token(tmp_path: Path, dtype: str, form: str) -> None:
    path = tmp_path / f"tokens.{form[-3:]}"
    array = np.array([EOS, *IDS], dtype=np.dtype(dtype).newbyteorder(">" if form == "big npy" else "<"))
    if form.endswith("npy"):
        np.save(path, array)
    else:
        path.write_bytes(gzip.compress(array.tobytes()) if form == "bin.gz" else array.tobytes())
    # The header of a .npy file says what it holds.
    assert read(path, dtype="uint16" if form.endswith("npy") else dtype) == DOCUMENTS


@pytest.mark.parametrize("piece", [1, 2, 3, 4, 9, 10])
def test_pieces_have_no_part_in_what_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    monkeypatch.setattr(token_files, "PIECE", piece)
    for path in (tmp_path / "a.npy", tmp_path / "a.bin"):
        array = np.array(IDS, dtype=np.uint16)
        np.save(path, array) if path.suffix == ".npy" else path.write_bytes(array.tobytes())
        assert read(path) == DOCUMENTS


def test_what_is_prepared_are_the_ids_with_their_end_tokens(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(np.array(IDS, dtype=np.uint16).tobytes())
    documents = list(read_documents(reader(), [tmp_path / "a.bin"]))
    tokens = tokens_of(reader(), None)
    ((block, of),) = encoded(documents, tokens, Splitting(), False)
    assert block.tokens.tolist() == [1, 2, 3, EOS, 4, EOS, 5, 6, EOS]
    assert block.tokens.dtype.name == "uint16"
    assert block.prompts.tolist() == of.tolist() == [0, 0, 0]
    assert block.ids.tolist() == [int(document_id(document)[:16], 16) for document in documents]
    assert len({document_id(document) for document in [*documents, Document("\x01")]}) == 4
    facts = measure(reader(), [tmp_path / "a.bin"], None, Fraction(0))
    assert (facts.train.documents, facts.train.tokens, facts.train.bytes, facts.vocab) == (3, 9, 0, 10)
    assert facts.tokenizer == tokens.identity == "ids 10 9"
    assert tokens.decode(block.tokens) == "<1> <2> <3> <4> <5> <6>"


@pytest.mark.parametrize(
    ("content", "args", "message"),
    [
        (np.array([1, 12, EOS], dtype=np.uint16).tobytes(), {}, "holds 12 at place 1"),
        (np.array([1, -1, EOS], dtype=np.int32).tobytes(), {"dtype": "int32"}, "holds -1 at place 1"),
        (np.array([1, 2], dtype=np.uint16).tobytes(), {}, "has no token 9"),
        (b"\x01\x00\x09\x00\x01", {}, "middle of a number of 2 bytes"),
        (b"\x93NUMPY\x01\x00\x08\x00{'a': 1}", {}, r"can't be read as a \.npy file"),
        (b"\x93NUMPY\x01\x00", {}, r"can't be read as a \.npy file"),
        (b"\x93NUMPY", {}, r"can't be read as a \.npy file"),
        (b"\x93NUMPY\x01\x00\x08\x00((((((((", {}, r"can't be read as a \.npy file"),
        (b"\x93NUMPY\x01\x00\x08\x00{[]:1}  ", {}, r"can't be read as a \.npy file"),
        (
            b"\x93NUMPY\x01\x00\x3c\x00{'descr': '<u2', 'fortran_order': False, 'shape': (-5,)}    ",
            {},
            "its shape is negative",
        ),
        (b"", {}, "no documents"),
    ],
)
def test_what_is_no_token_file_is_told(
    tmp_path: Path, content: bytes, args: dict[str, Any], message: str
) -> None:
    (tmp_path / "a.bin").write_bytes(content)
    with pytest.raises(DataError, match=message):
        read(tmp_path / "a.bin", **args)


@pytest.mark.parametrize("array", [np.zeros((2, 2), np.uint16), np.zeros(3), np.array([{}], dtype=object)])
def test_other_arrays_are_refused_and_no_pickle_is_read(tmp_path: Path, array: Any) -> None:
    np.save(tmp_path / "a.npy", array, allow_pickle=True)
    with pytest.raises(DataError, match="not of one of integers"):
        read(tmp_path / "a.npy")


def test_a_file_that_was_cut_off_is_told(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array(IDS, dtype=np.uint16))
    (tmp_path / "a.npy").write_bytes((tmp_path / "a.npy").read_bytes()[:-4])
    with pytest.raises(DataError, match="shorter than its header says"):
        read(tmp_path / "a.npy")


def test_vocabulary_and_end_token_must_be_known(tmp_path: Path) -> None:
    for args, message in (
        ({}, "has no `vocab`"),
        ({"vocab": 10}, "has no `eos`"),
        ({"vocab": 10, "eos": 10}, "the end token 10 is not one of 10 tokens"),
    ):
        with pytest.raises(DataError, match=message):
            tokens_of(Component(name="token_files", args=args), None)
    with pytest.raises(DataError, match="no text"):
        encode_document(Document("text"), IdTokens(10, EOS))


def test_memory_does_not_grow_with_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_files, "PIECE", 1 << 12)
    np.save(tmp_path / "a.npy", np.tile(np.array([1, 2, 3, 4, 5, 6, 7, EOS], np.uint16), 1 << 13))
    tracemalloc.start()
    try:
        for _ in read_documents(reader(), [tmp_path / "a.npy"]):
            pass
        assert tracemalloc.get_traced_memory()[1] < 1 << 19
    finally:
        tracemalloc.stop()
