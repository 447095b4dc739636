"""Counting a corpus, and remembering what was counted."""

from __future__ import annotations

import os
import shutil
import time
from fractions import Fraction
from pathlib import Path

import pytest

from specc.corpora import measure as measuring
from specc.corpora.contents import fingerprint
from specc.corpora.documents import document_id, is_held_out
from specc.corpora.measure import SplitFacts, measure
from specc.corpora.readers import read_documents, read_in_order
from specc.errors import DataError
from specc.steps import Component

TEXT = Component(name="text")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache/specc/corpora"


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    (tmp_path / "data").mkdir()
    paths = [tmp_path / f"data/{number}.txt" for number in range(40)]
    for number, path in enumerate(paths):
        path.write_text("é" * (number + 1))
    return paths


def settle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the files look as if they had been at rest for long: the clock goes on by an hour."""
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 3600)


def refuse_to_count(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*_: object) -> None:
        raise AssertionError("the corpus was read again")

    monkeypatch.setattr(measuring, "read_in_order", read)


def test_everything_is_counted_once(files: list[Path]) -> None:
    facts = measure(TEXT, files)
    letters = sum(range(1, 41))
    assert facts.train == SplitFacts(documents=40, tokens=2 * letters + 40, bytes=2 * letters)
    assert facts.held_out == SplitFacts()
    assert (facts.vocab, facts.tokenizer, facts.prompts, facts.options) == (257, "byte", False, False)


def test_splits_part_the_documents_by_their_hash(files: list[Path]) -> None:
    share = Fraction(1, 4)
    facts = measure(TEXT, files, None, share)
    kept = [len(d.text) for d in read_documents(TEXT, files) if is_held_out(document_id(d), share)]
    assert 0 < len(kept) < 40
    assert facts.held_out == SplitFacts(
        documents=len(kept), tokens=2 * sum(kept) + len(kept), bytes=2 * sum(kept)
    )
    whole = measure(TEXT, files).train
    assert facts.train.documents + facts.held_out.documents == whole.documents
    assert facts.train.tokens + facts.held_out.tokens == whole.tokens


def test_an_empty_split_is_counted_and_no_error(files: list[Path]) -> None:
    assert measure(TEXT, files[:1], None, Fraction(1, 10**9)).held_out.documents == 0
    assert measure(TEXT, files[:1], None, Fraction(1)).train.documents == 0


def test_prompts_and_options_are_seen(tmp_path: Path) -> None:
    path = tmp_path / "qa.jsonl"
    path.write_text('{"q": "1+1=", "a": "2", "o": ["2", "3"]}\n')
    args = {"prompt": "q", "completion": "a"}
    facts = measure(Component(name="jsonl", args=args), [path])
    assert (facts.prompts, facts.options, facts.train.tokens, facts.train.bytes) == (True, False, 6, 5)
    assert measure(Component(name="jsonl", args={**args, "options": "o"}), [path]).options


def test_generators_have_no_fingerprint() -> None:
    facts = measure(Component(name="facts", args={"count": 10}), ())
    assert (facts.fingerprint, facts.train.documents, facts.train.tokens) == ("", 10, 40)


def test_moved_and_renamed_files_are_the_same_corpus(files: list[Path], tmp_path: Path) -> None:
    (tmp_path / "moved").mkdir()
    moved = [Path(shutil.copy(path, tmp_path / f"moved/{99 - i}.md")) for i, path in enumerate(files)]
    assert fingerprint(moved) == fingerprint(files) == measure(TEXT, files).fingerprint
    assert measure(TEXT, moved, None, Fraction(1, 4)) == measure(TEXT, files, None, Fraction(1, 4))


def test_fingerprint_changes_with_content_and_with_copies(files: list[Path], tmp_path: Path) -> None:
    before = fingerprint(files)
    copy = Path(shutil.copy(files[0], tmp_path / "copy.txt"))
    assert fingerprint([*files, copy]) != before
    files[0].write_text("e")
    assert fingerprint(files) != before
    assert fingerprint([]) == ""


def test_a_corpus_at_rest_is_counted_once(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    settle(monkeypatch)
    facts = measure(TEXT, files)
    refuse_to_count(monkeypatch)
    assert measure(TEXT, files) == facts
    for other in (Fraction(1, 2), Fraction(1, 3)):
        with pytest.raises(AssertionError):
            measure(TEXT, files, None, other)
    with pytest.raises(AssertionError):
        measure(Component(name="text", args={"min_bytes": 2}), files)


def test_files_that_changed_just_now_are_not_remembered(files: list[Path], cache: Path) -> None:
    measure(TEXT, files)
    assert not cache.exists()


def test_a_change_that_keeps_size_and_time_is_seen(
    files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(monkeypatch)
    before = measure(TEXT, files)
    stamp = files[0].stat()
    time.sleep(0.02)
    with open(files[0], "r+b") as file:
        file.write("à".encode())
    os.utime(files[0], ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert measure(TEXT, files).fingerprint != before.fingerprint


def test_a_file_that_changes_while_it_is_read_is_told(
    files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(reader: Component, paths: list[Path]) -> object:
        files[3].write_text("longer than it was before it was read")
        return read_in_order(reader, paths)

    monkeypatch.setattr(measuring, "read_in_order", read)
    with pytest.raises(DataError, match="changed while they were read"):
        measure(TEXT, files)


def test_a_damaged_cache_is_counted_again(
    files: list[Path], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(monkeypatch)
    facts = measure(TEXT, files)
    (entry,) = cache.iterdir()
    entry.write_text('{"fingerprint": 3}')
    assert measure(TEXT, files) == facts


def test_a_cache_that_cannot_be_written_is_done_without(
    files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(monkeypatch)
    (tmp_path / "cache").write_text("a file is in the way")
    assert measure(TEXT, files).train.documents == 40


def test_a_tokenizer_is_part_of_what_is_remembered(
    files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel

    settle(monkeypatch)
    path = files[0].parent.parent / "tokenizer.json"
    Tokenizer(WordLevel({"[UNK]": 0}, unk_token="[UNK]")).save(str(path))
    facts = measure(TEXT, files, path)
    # The whole text is one unknown word, and an end token follows it.
    assert (facts.train.tokens, facts.vocab) == (80, 2)
    assert measure(TEXT, files).train.tokens != 80
    refuse_to_count(monkeypatch)
    assert measure(TEXT, files, path) == facts


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="gone can't be read: no such file"):
        measure(TEXT, [tmp_path / "gone"])
