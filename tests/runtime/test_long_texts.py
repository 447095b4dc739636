"""A text that is read in pieces gives the bytes and the counts of one that is read whole."""

from __future__ import annotations

import gzip
import random
import tracemalloc
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from specc.corpora import long_texts
from specc.corpora import tokens as tokens_module
from specc.corpora.bpe import Text, train
from specc.corpora.contents import fingerprint
from specc.corpora.documents import document_id
from specc.corpora.long_texts import LongText
from specc.corpora.measure import measure
from specc.corpora.readers import read_documents
from specc.corpora.tokens import FileTokens
from specc.corpora.word_memory import place_between_words
from specc.errors import DataError
from specc.files import file_digest
from specc.steps import Component, Step
from specc.store import Store
from specc_runtime import prepare as preparing
from specc_runtime.run import Interrupted
from workshop import Workshop

TEXT = Component(name="text")
WORDS = ["grüß", "Gott", "the", "quick", "\U0001f389", "fox's", "2_000", "", "naïve\n", "  ", "<|endoftext|>"]


def prose(words: int, seed: int = 0) -> str:
    draw = random.Random(seed)
    return " ".join(draw.choice(WORDS) for _ in range(words))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Long files and short ones, one of them compressed, and tokenizers: that cut words, and that don't."""
    folder = tmp_path_factory.mktemp("long")
    (folder / "a.txt").write_text(prose(900, 1))
    (folder / "b.txt").write_text("short")
    (folder / "c.txt").write_bytes(b"\xef\xbb\xbf" + prose(700, 2).encode())
    (folder / "d.txt").write_bytes(gzip.compress(prose(500, 3).encode()))
    (folder / "e.txt").write_text("in ASCII, " + "the quick fox's tail " * 200)
    for name, cutting in {
        "words": pre_tokenizers.ByteLevel(add_prefix_space=False),
        "other": pre_tokenizers.Metaspace(),
    }.items():
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = cutting
        alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
        trainer = trainers.BpeTrainer(
            vocab_size=400, special_tokens=["<|endoftext|>"], show_progress=False, initial_alphabet=alphabet
        )
        tokenizer.train_from_iterator([prose(2_000)], trainer)
        tokenizer.save(str(folder / f"{name}.json"))
    return folder


def in_pieces(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(long_texts, "LONG_BYTES", 1_000)
    patch.setattr(long_texts, "READ_BYTES", 7)
    patch.setattr(long_texts, "PIECE_CHARACTERS", 50)


def step_of(workshop: Workshop, folder: Path, tokenizer: str, threads: int) -> Step:
    files = sorted(folder.glob("*.txt"))
    params: dict[str, Any] = {
        "reader": TEXT,
        "fingerprint": fingerprint(files),
        "held_out": Fraction(1, 3),
        "splits": [{"name": "probe", "share": Fraction(1, 5)}],
    }
    execution: dict[str, Any] = {"files": list(map(str, files)), "threads": threads}
    if tokenizer:
        params["tokenizer"] = file_digest(folder / f"{tokenizer}.json")
        execution["tokenizer_path"] = str(folder / f"{tokenizer}.json")
    return workshop.step("prepare", params, execution=execution)


@pytest.mark.parametrize("tokenizer", ["", "words", "other"])
@pytest.mark.parametrize("threads", [1, 3])
def test_a_text_in_pieces_is_prepared_and_counted_as_a_whole_one(
    workshop: Workshop, folder: Path, monkeypatch: pytest.MonkeyPatch, tokenizer: str, threads: int
) -> None:
    monkeypatch.setattr(tokens_module, "FEW_THREADS", 1)
    whole = workshop.do(step_of(workshop, folder, tokenizer, threads))
    files = sorted(folder.glob("*.txt"))
    path = folder / f"{tokenizer}.json" if tokenizer else None
    facts = measure(TEXT, files, path, Fraction(1, 3), [("probe", Fraction(1, 5))])

    in_pieces(monkeypatch)
    documents = list(read_documents(TEXT, files))
    assert sum(isinstance(document, LongText) for document in documents) == 4
    other = Workshop(Store(workshop.store.workspace / "other"))
    found = other.do(step_of(other, folder, tokenizer, threads))
    assert (found.files, found.outputs) == (whole.files, whole.outputs)
    assert measure(TEXT, files, path, Fraction(1, 3), [("probe", Fraction(1, 5))]) == facts


def test_a_long_text_has_the_id_and_the_parts_of_a_whole_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = sorted(folder.glob("*.txt"))
    whole = list(read_documents(TEXT, files))
    in_pieces(monkeypatch)
    for long, document in zip(read_documents(TEXT, files), whole, strict=True):
        assert document_id(long) == document_id(document)
        assert (long.parts, long.bytes) == (document.parts, document.bytes)


def test_a_tokenizer_that_is_trained_on_pieces_is_that_of_the_whole(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    component = Component(name="bpe", args={"vocab": 300})
    texts = [Text(TEXT, tuple(sorted(folder.glob("*.txt"))))]
    whole = train(component, texts)
    in_pieces(monkeypatch)
    assert train(component, texts) == whole


def test_a_step_that_is_stopped_inside_of_a_long_text_begins_it_again(
    workshop: Workshop, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparing, "CHECKPOINT_SECONDS", 0.0)
    in_pieces(monkeypatch)
    expected = workshop.do(step_of(workshop, folder, "words", 1))
    for asked in (3, 40, 80):
        other = Workshop(Store(workshop.store.workspace / str(asked)))
        step = step_of(other, folder, "words", 1)
        left = iter(range(asked))
        with pytest.raises(Interrupted):
            other.do(step, stopping=lambda: next(left, None) is None)  # noqa: B023
        assert other.do(step).files == expected.files


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"x" * 2_000 + b"\0", "is binary: byte 2000 is zero"),
        (b"x" * 2_000 + b"\xff", "is not UTF-8: byte 2000 is 0xff"),
        (b"\xef\xbb\xbf" + b"x" * 2_000 + "ü".encode()[:1], "is not UTF-8: byte 2003 is 0xc3"),
        ("ü".encode() * 1_000 + b"\xf0\x9f\x8ex", "is not UTF-8: byte 2000 is 0xf0"),
    ],
)
def test_a_mistake_in_a_long_text_has_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, message: str
) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    for _ in range(2):  # whole, then in pieces
        with pytest.raises(DataError) as error:
            list(read_documents(TEXT, [path]))
        assert error.value.message == f"{path} {message}"
        in_pieces(monkeypatch)


@settings(max_examples=100, deadline=None)
@given(
    text=st.lists(st.sampled_from([*WORDS, "a b", " x", "'s y", "\t", "1 c"])).map("".join),
    near=st.integers(1, 40),
)
def test_a_place_between_words_cuts_no_word(words: FileTokens, text: str, near: int) -> None:
    cut = place_between_words(text, near)
    parts = words.encode(text[:cut]), words.encode(text[cut:])
    assert np.concatenate(parts).tolist() == words.encode(text).tolist()


@pytest.fixture(scope="module")
def words(folder: Path) -> FileTokens:
    return FileTokens(folder / "words.json")


def test_memory_does_not_grow_with_a_text(tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    path.write_bytes(b"some words of a text, " * (3 << 20))
    tracemalloc.start()
    try:
        facts = measure(TEXT, [path])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert facts.train.bytes == path.stat().st_size
    assert peak < path.stat().st_size / 2
