"""Documents become token arrays, compared with the documents themselves."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from specc.corpora.contents import fingerprint
from specc.corpora.documents import Document, document_id, is_held_out
from specc.errors import DataError
from specc.files import file_digest
from specc.steps import Component
from specc.store import Manifest
from specc_runtime.arrays import GrowingArray
from specc_runtime.options import open_options
from specc_runtime.prepared import Split, open_split, open_tokens
from specc_runtime.run import Interrupted
from workshop import Workshop

TEXTS = [f"document {number} sagt grüß Gott" for number in range(40)]


def prepare(workshop: Workshop, reader: dict[str, Any], files: list[Path], **changes: Any) -> Manifest:
    params = {"reader": reader, "fingerprint": fingerprint(files), "held_out": Fraction(1, 4)} | changes
    execution = {"files": [str(file) for file in files], "tokenizer_path": changes.pop("path", None)}
    params.pop("path", None)
    return workshop.do(workshop.step("prepare", params, execution=execution))


def text_files(folder: Path) -> list[Path]:
    files = [folder / f"{number}.txt" for number in range(len(TEXTS))]
    for file, text in zip(files, TEXTS, strict=True):
        file.write_text(text)
    return files


def documents(split: Split) -> list[list[int]]:
    bounds = zip(split.offsets[:-1], split.offsets[1:], strict=True)
    return [split.tokens[first:last].tolist() for first, last in bounds]


def test_documents_are_split_by_hash_and_end_in_the_end_token(workshop: Workshop, tmp_path: Path) -> None:
    manifest = prepare(workshop, {"name": "text"}, text_files(tmp_path))
    names: tuple[str, str] = ("train", "held_out")
    for name in names:
        split = open_split(workshop.store.path(manifest.key), name)
        expected = {
            document_id(Document(text=text))[:16]: [*text.encode(), 256]
            for text in TEXTS
            if is_held_out(document_id(Document(text=text)), Fraction(1, 4)) == (name == "held_out")
        }
        found = {
            f"{number:016x}": tokens
            for number, tokens in zip(split.ids.tolist(), documents(split), strict=True)
        }
        assert found == expected
        assert manifest.outputs[name] == {
            "documents": len(expected),
            "tokens": sum(map(len, expected.values())),
            "targets": sum(len(tokens) - 1 for tokens in expected.values()),
        }
    assert (manifest.outputs["vocab"], manifest.outputs["eos"]) == (257, 256)


def test_the_result_does_not_depend_on_where_files_lie(workshop: Workshop, tmp_path: Path) -> None:
    manifest = prepare(workshop, {"name": "text"}, text_files(tmp_path))
    before = {name: record.sha256 for name, record in manifest.files.items()}
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    moved = [file.rename(elsewhere / f"x{file.name}") for file in tmp_path.glob("*.txt")]
    workshop.store.quarantine(manifest.key)
    again = prepare(workshop, {"name": "text"}, moved)
    assert again.key == manifest.key
    assert {name: record.sha256 for name, record in again.files.items()} == before


def test_prompts_and_options_are_stored(workshop: Workshop, tmp_path: Path) -> None:
    file = tmp_path / "q.jsonl"
    rows = [{"q": "ab", "a": "ü", "o": ["x", "ü", "long"]}, {"q": "abc", "a": "y", "o": ["y", "z"]}]
    file.write_text("\n".join(json.dumps(row) for row in rows))
    args = {"prompt": "q", "completion": "a", "options": "o"}
    manifest = prepare(workshop, {"name": "jsonl", "args": args}, [file], held_out=Fraction(0))
    folder = workshop.store.path(manifest.key)
    split, options = open_split(folder, "train"), open_options(folder, "train")
    assert documents(split) == [[*b"ab", *"ü".encode(), 256], [*b"abcy", 256]]
    assert split.prompts.tolist() == [2, 3]
    assert manifest.outputs["train"]["targets"] == 5
    assert options is not None
    assert [[(bytes(t.tolist()), n) for t, n in options.of(d)] for d in (0, 1)] == [
        [(b"x", 1), ("ü".encode(), 2), (b"long", 4)],
        [(b"y", 1), (b"z", 1)],
    ]
    assert options.correct.tolist() == [1, 0]


def test_a_tokenizer_file_is_used_and_kept(workshop: Workshop, tmp_path: Path) -> None:
    tokenizer = Tokenizer(models.WordLevel({"?": 0, "a": 1, "b": 2}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    path = tmp_path / "tokenizer.json"
    tokenizer.save(str(path))
    file = tmp_path / "t.txt"
    file.write_text("b a c")
    manifest = prepare(
        workshop, {"name": "text"}, [file], tokenizer=file_digest(path), path=str(path), held_out=Fraction(0)
    )
    folder = workshop.store.path(manifest.key)
    assert documents(open_split(folder, "train")) == [[2, 1, 0, 3]]
    assert file_digest(folder / "tokenizer.json") == file_digest(path)
    with pytest.raises(DataError, match=r"tokenizer\.json has changed"):
        prepare(workshop, {"name": "text"}, [file], tokenizer="0" * 64, path=str(path))


def test_generated_corpora_need_no_files(workshop: Workshop) -> None:
    manifest = prepare(workshop, {"name": "facts", "args": {"count": 50}}, [], fingerprint="")
    counts = [manifest.outputs[split]["documents"] for split in ("train", "held_out")]
    assert sum(counts) == 50


def test_a_corpus_that_changed_is_refused(workshop: Workshop, tmp_path: Path) -> None:
    files = text_files(tmp_path)
    before = fingerprint(files)
    files[3].write_text("something else")
    with pytest.raises(DataError, match="changed since the recipe was compiled"):
        prepare(workshop, {"name": "text"}, files, fingerprint=before)
    assert not workshop.store.done()


def test_a_step_that_is_asked_to_stop_publishes_nothing(workshop: Workshop) -> None:
    reader = Component(name="facts", args={"count": 50})
    with pytest.raises(Interrupted):
        workshop.do(workshop.step("prepare", {"reader": reader}), stopping=lambda: True)
    assert not workshop.store.done()


@pytest.mark.parametrize("length", [0, 1, 1_000_000])
def test_an_array_written_in_pieces_is_the_array(tmp_path: Path, length: int) -> None:
    array = GrowingArray(tmp_path / "a.npy", np.uint32)
    expected = np.random.default_rng(0).integers(0, 1 << 32, length, dtype=np.uint32)
    for piece in np.array_split(expected, 7):
        array.extend(piece)
    array.close()
    assert (np.load(tmp_path / "a.npy") == expected).all()
    assert array.length == length


def test_token_files_are_kept_as_they_are_and_say_what_they_hold(workshop: Workshop, tmp_path: Path) -> None:
    file = tmp_path / "made.bin"
    file.write_bytes(np.array([3, 1, 9, 2, 9], dtype=np.uint32).tobytes())
    reader = {"name": "token_files", "args": {"dtype": "uint32", "vocab": 70_000, "eos": 9}}
    manifest = prepare(workshop, reader, [file], tokenizer="ids 70000 9", held_out=Fraction(0))
    folder = workshop.store.path(manifest.key)
    split = open_split(folder, "train")
    assert documents(split) == [[3, 1, 9], [2, 9]]
    assert split.tokens.dtype == np.uint32
    assert (manifest.outputs["vocab"], manifest.outputs["eos"]) == (70_000, 9)
    assert open_tokens(folder).identity == "ids 70000 9"
    params = {"component": {"name": "concat"}, "data": [{"corpus": "corpus0", "split": "train"}]}
    made = workshop.do(workshop.step("dataset", params, {"corpus0": manifest.key}))
    assert open_tokens(workshop.store.path(made.key)).identity == "ids 70000 9"
