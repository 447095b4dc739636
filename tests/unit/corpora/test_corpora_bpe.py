"""Tokenizers that are trained, compared with merges counted by hand."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections import Counter
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest

from specc.corpora import bpe
from specc.corpora.bpe import Text, train, trained
from specc.corpora.documents import document_id, split_of
from specc.corpora.readers import read_documents
from specc.corpora.tokens import load_tokens
from specc.errors import DataError
from specc.steps import Component

WORDS = ["low", "lower", "lowest", "new", "newer", "newest", "wide", "widest", "grüß", "grüßen", "über"]
TEXT = Component(name="text")


def component(vocab: int) -> Component:
    return Component(name="bpe", args={"vocab": vocab})


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 3600)  # files are at rest
    return tmp_path / "cache/specc/tokenizers"


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, ...]:
    paths = [tmp_path / f"{number}.txt" for number in range(12)]
    for number, path in enumerate(paths):
        path.write_text(
            " ".join(WORDS[(number * place) % len(WORDS)] for place in range(number, number + 40))
        )
    return tuple(paths)


def merges_by_hand(text: str, count: int) -> list[tuple[bytes, bytes]]:
    """The most frequent pair of neighbours within words, again and again; spaces begin words."""
    words = Counter(" " + word for word in text.split(" "))
    words[text.split(" ")[0]] += 1
    words[" " + text.split(" ")[0]] -= 1
    pieces = {word: [bytes([byte]) for byte in word.encode()] for word in words}
    found = []
    for _ in range(count):
        pairs: Counter[tuple[bytes, bytes]] = Counter()
        for word, parts in pieces.items():
            for pair in pairwise(parts):
                pairs[pair] += words[word]
        (best, often), (_, next_often) = pairs.most_common(2)
        assert often > next_often, "the text must have no ties"
        found.append(best)
        for word, parts in pieces.items():
            merged: list[bytes] = []
            for part in parts:
                if merged and (merged[-1], part) == best:
                    merged[-1] += part
                else:
                    merged.append(part)
            pieces[word] = merged
    return found


def test_merges_are_those_of_the_most_frequent_pairs(tmp_path: Path) -> None:
    text = " ".join(["abc"] * 7 + ["abd"] * 2 + ["xy"] * 5)
    (tmp_path / "t.txt").write_text(text)
    _, data = train(component(260), [Text(TEXT, (tmp_path / "t.txt",))])
    merges = json.loads(data)["model"]["merges"]
    # The library writes a space as Ġ.
    found = [tuple(part.replace("Ġ", " ").encode() for part in merge) for merge in merges]
    assert found == merges_by_hand(text, 3) == [(b"a", b"b"), (b" ", b"ab"), (b" ab", b"c")]


def test_it_has_the_vocabulary_that_was_asked_for_and_any_text_has_tokens(
    files: tuple[Path, ...], tmp_path: Path
) -> None:
    facts, path = trained(component(285), [Text(TEXT, files)])
    tokens = load_tokens(path)
    assert (tokens.vocab, tokens.eos, tokens.identity) == (285, 0, facts.sha256)
    text = "<|endoftext|> lowest 蛇 \x00\t"
    ids = tokens.encode(text)
    assert 0 not in ids.tolist()
    assert tokens.decode(ids) == text


def test_the_order_of_files_threads_and_processes_have_no_part_in_it(
    files: tuple[Path, ...], tmp_path: Path
) -> None:
    facts, _ = train(component(285), [Text(TEXT, files)])
    for number, path in enumerate(reversed(files)):
        path.rename(tmp_path / f"a{number}.txt")
    moved = tuple(sorted(tmp_path.glob("a*.txt")))
    assert train(component(285), [Text(TEXT, moved[:5]), Text(TEXT, moved[5:])])[0].sha256 == facts.sha256
    script = (
        "import sys; from pathlib import Path; from specc.corpora.bpe import *;"
        "print(train(Component(name='bpe', args={'vocab': 285}),"
        " [Text(Component(name='text'), tuple(map(Path, sys.argv[1:])))])[0].sha256)"
    )
    environment = os.environ | {"TOKENIZERS_PARALLELISM": "true", "PYTHONHASHSEED": "7"}
    command = [sys.executable, "-c", script, *map(str, moved)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == facts.sha256


def test_nothing_is_learned_from_what_is_held_out(files: tuple[Path, ...], tmp_path: Path) -> None:
    held_out, splits = Fraction(1, 4), (("probe", Fraction(1, 4)),)
    facts, _ = train(component(280), [Text(TEXT, files, held_out, splits)])
    left = tmp_path / "left"
    left.mkdir()
    for number, document in enumerate(read_documents(TEXT, files)):
        if split_of(document_id(document), held_out, splits) == "train":
            (left / f"{number}.txt").write_text(document.text)
    kept = tuple(left.iterdir())
    assert 0 < len(kept) < len(files)
    assert train(component(280), [Text(TEXT, kept)])[0].sha256 == facts.sha256
    assert train(component(280), [Text(TEXT, files)])[0].sha256 != facts.sha256


def test_the_first_documents_are_read_until_there_are_as_many_bytes(
    files: tuple[Path, ...], tmp_path: Path
) -> None:
    documents = list(read_documents(TEXT, files))
    left = tmp_path / "left"
    left.mkdir()
    for number, document in enumerate(documents[:3]):
        (left / f"{number}.txt").write_text(document.text)
    limit = sum(document.bytes for document in documents[:2]) + 1
    some = Component(name="bpe", args={"vocab": 275, "bytes": limit})
    facts, _ = train(some, [Text(TEXT, files)])
    assert facts.sha256 == train(component(275), [Text(TEXT, tuple(left.iterdir()))])[0].sha256
    assert facts.sha256 != train(component(275), [Text(TEXT, files)])[0].sha256


def test_text_at_rest_is_read_once(
    files: tuple[Path, ...], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [Text(TEXT, files)]
    found = trained(component(280), texts)
    assert found[1].parent == cache

    def read(*_: object) -> None:
        raise AssertionError("the text was read again")

    monkeypatch.setattr(bpe, "read_in_order", read)
    assert trained(component(280), texts) == found
    with pytest.raises(AssertionError):
        trained(component(281), texts)


@pytest.mark.parametrize("damage", ["removed", "changed"])
def test_a_cache_that_lost_it_is_filled_again(files: tuple[Path, ...], damage: str) -> None:
    facts, path = trained(component(280), [Text(TEXT, files)])
    content = path.read_bytes()
    if damage == "removed":
        path.unlink()
    else:
        path.write_bytes(content[:-1])
    assert trained(component(280), [Text(TEXT, files)]) == (facts, path)
    assert path.read_bytes() == content


def test_a_cache_that_cannot_be_written_is_done_without(files: tuple[Path, ...], tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file is in the way")
    facts, path = trained(component(280), [Text(TEXT, files)])
    assert hashlib.sha256(path.read_bytes()).hexdigest() == facts.sha256
    assert not path.is_relative_to(tmp_path)


def test_too_little_text_is_told_with_what_there_is(files: tuple[Path, ...]) -> None:
    with pytest.raises(DataError, match=r"makes a vocabulary of \d+ tokens, not 4,096") as told:
        train(component(4096), [Text(TEXT, files)])
    assert told.value.help is not None
    vocab = int(told.value.help.split("vocab = ")[1].split("`")[0])
    assert train(component(vocab), [Text(TEXT, files)])


def test_text_that_cannot_be_read_is_told_as_of_any_corpus(files: tuple[Path, ...]) -> None:
    files[3].write_bytes(b"\xff")
    with pytest.raises(DataError, match="is not UTF-8"):
        train(component(280), [Text(TEXT, files)])
