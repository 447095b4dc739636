"""The step that makes a tokenizer, and corpora that are prepared with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from specc.corpora.bpe import Text, train
from specc.corpora.tokens import load_tokens
from specc.errors import DataError, SpeccError
from specc.steps import Component, Step
from specc_runtime import tokenizer as making
from specc_runtime.prepared import TOKENIZER, open_split, open_tokens
from workshop import Workshop

BPE = Component(name="bpe", args={"vocab": 280})
READER = Component(name="text")


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, ...]:
    paths = tuple(tmp_path / f"{number}.txt" for number in range(9))
    for number, path in enumerate(paths):
        path.write_text(f"{number} grüß Gott, the quick brown fox")
    return paths


def step_of(workshop: Workshop, files: tuple[Path, ...], made: Path | None = None, **changes: Any) -> Step:
    facts, data = train(BPE, [Text(READER, files)])
    if made is not None:
        made.write_bytes(data)
    text = {"reader": READER.model_dump(), "fingerprint": facts.fingerprints[0]}
    params = {"component": BPE.model_dump(), "texts": [text], "sha256": facts.sha256} | changes
    execution = {
        "files": [str(file) for file in files],
        "counts": [len(files)],
        "made": str(made) if made is not None else None,
    }
    return workshop.step("tokenizer", params, execution=execution, label="words/bpe(280)")


@pytest.mark.parametrize("found", ["nothing", "the tokenizer", "something else"])
def test_it_is_the_same_whether_it_was_kept_or_is_trained_again(
    workshop: Workshop, files: tuple[Path, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: str
) -> None:
    made = tmp_path / "kept.json"
    step = step_of(workshop, files, made)
    trainings = []

    def counted(*given: Any) -> Any:
        trainings.append(given)
        return train(*given)

    monkeypatch.setattr(making, "train", counted)
    if found == "nothing":
        made.unlink()
    elif found == "something else":
        made.write_text("{}")
    manifest = workshop.do(step)
    assert len(trainings) == (0 if found == "the tokenizer" else 1)
    assert manifest.files[TOKENIZER].sha256 == step.params["sha256"]
    assert manifest.outputs == {"vocab": 280, "eos": 0}


def test_corpora_are_prepared_with_it(workshop: Workshop, files: tuple[Path, ...]) -> None:
    made = workshop.do(step_of(workshop, files))
    params = {"reader": READER.model_dump(), "tokenizer": made.files[TOKENIZER].sha256}
    execution = {"files": [str(file) for file in files]}
    manifest = workshop.do(workshop.step("prepare", params, {"tokenizer": made.key}, execution))
    folder = workshop.store.path(manifest.key)
    tokens = load_tokens(workshop.store.path(made.key) / TOKENIZER)
    split = open_split(folder, "train")
    texts = {tokens.decode(split.tokens[a:b]) for a, b in zip(split.offsets, split.offsets[1:], strict=False)}
    assert texts == {file.read_text() for file in files}
    assert open_tokens(folder).identity == tokens.identity
    assert (manifest.outputs["vocab"], manifest.outputs["eos"]) == (280, 0)


@pytest.mark.parametrize("kept", [True, False])
def test_text_that_changed_is_refused(
    workshop: Workshop, files: tuple[Path, ...], tmp_path: Path, kept: bool
) -> None:
    step = step_of(workshop, files, tmp_path / "kept.json" if kept else None)
    files[2].write_text("something else, and long enough for all of the vocabulary, it is to be hoped")
    with pytest.raises(DataError, match=r"the text of words/bpe\(280\) has changed"):
        workshop.do(step)
    assert not workshop.store.done()


def test_another_result_than_the_plan_counted_with_is_refused(
    workshop: Workshop, files: tuple[Path, ...]
) -> None:
    with pytest.raises(SpeccError, match="not the one that the recipe was compiled with"):
        workshop.do(step_of(workshop, files, sha256="0" * 64))


def test_its_file_is_read_by_the_library_alone(workshop: Workshop, files: tuple[Path, ...]) -> None:
    made = workshop.do(step_of(workshop, files))
    content = json.loads((workshop.store.path(made.key) / TOKENIZER).read_bytes())
    assert len(content["model"]["vocab"]) == 280
    assert content["added_tokens"][0]["content"] == "<|endoftext|>"
