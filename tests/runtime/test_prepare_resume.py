"""A prepare step that is taken up again writes the bytes of one that nothing disturbed."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from specc.corpora import encode
from specc.corpora.contents import fingerprint
from specc.errors import DataError
from specc.files import file_digest, write_atomic
from specc.steps import Step
from specc.store import Store
from specc_runtime import prepare as preparing
from specc_runtime.run import Interrupted
from workshop import Workshop

DOCUMENTS = 60
BATCH = 15


class Killed(BaseException):
    """Ends an attempt where it stands, as a signal would: nothing is put in order."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("resume")
    rows = [{"q": f"question {n}", "a": f"ü{n}", "o": [f"ü{n}", "none"]} for n in range(DOCUMENTS)]
    (folder / "data.jsonl").write_text("\n".join(map(json.dumps, rows)))
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(vocab_size=280, special_tokens=["</s>"], show_progress=False)
    tokenizer.train_from_iterator([row["q"] for row in rows], trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encode, "BATCH_DOCUMENTS", BATCH)
    monkeypatch.setattr(preparing, "CHECKPOINT_SECONDS", 0.0)


def step_of(workshop: Workshop, folder: Path, threads: int = 1) -> Step:
    path = folder / "tokenizer.json"
    params = {
        "reader": {"name": "jsonl", "args": {"prompt": "q", "completion": "a", "options": "o"}},
        "fingerprint": fingerprint([folder / "data.jsonl"]),
        "held_out": Fraction(1, 4),
        "splits": [{"name": "probe", "share": Fraction(1, 5)}],
        "tokenizer": file_digest(path),
    }
    execution = {
        "files": [str(folder / "data.jsonl")],
        "tokenizer_path": str(path),
        "threads": threads,
    }
    return workshop.step("prepare", params, execution=execution)


def digests(workshop: Workshop, folder: Path, **settings: Any) -> dict[str, str]:
    manifest = workshop.do(step_of(workshop, folder, **settings))
    return {name: record.sha256 for name, record in manifest.files.items()}


def elsewhere(workshop: Workshop, name: str) -> Workshop:
    return Workshop(Store(workshop.store.workspace / name))


def kill_in_record(monkeypatch: pytest.MonkeyPatch, number: int, before: bool) -> None:
    """Kill the attempt at the n-th record of progress: before it is written, or behind the next batch."""
    real = write_atomic
    left = itertools.count(1)

    def write(path: Path, data: bytes | str) -> None:
        count = next(left)
        if count == number + (0 if before else 1):
            raise Killed
        real(path, data)

    monkeypatch.setattr(preparing, "write_atomic", write)


def test_the_bytes_do_not_depend_on_threads_or_batches(
    workshop: Workshop, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = digests(workshop, folder)
    assert digests(elsewhere(workshop, "two"), folder, threads=2) == expected
    monkeypatch.setattr(encode, "BATCH_DOCUMENTS", 4096)
    assert digests(elsewhere(workshop, "three"), folder, threads=3) == expected


@pytest.mark.parametrize("number", [1, 3])
@pytest.mark.parametrize("before", [True, False])
def test_a_killed_step_goes_on_where_it_was(
    workshop: Workshop, folder: Path, monkeypatch: pytest.MonkeyPatch, number: int, before: bool
) -> None:
    expected = digests(elsewhere(workshop, "undisturbed"), folder)
    step = step_of(workshop, folder)
    with monkeypatch.context() as patch:
        kill_in_record(patch, number, before)
        with pytest.raises(Killed):
            workshop.do(step)
    tokenised = []
    real = encode.block_of

    def block_of(batch: list[Any], *rest: Any) -> Any:
        tokenised.append(len(batch))
        return real(batch, *rest)

    monkeypatch.setattr(encode, "block_of", block_of)
    manifest = workshop.do(step)
    assert {name: record.sha256 for name, record in manifest.files.items()} == expected
    recorded = BATCH * (number - 1 if before else number)
    assert sum(tokenised) == DOCUMENTS - recorded
    assert manifest.provenance.resumed == (1 if recorded else 0)
    assert not workshop.store.work(step.key).exists()


def test_a_step_that_is_asked_to_stop_keeps_what_it_has(workshop: Workshop, folder: Path) -> None:
    expected = digests(elsewhere(workshop, "undisturbed"), folder)
    step = step_of(workshop, folder)
    attempts = 0
    while not workshop.store.has(step.key):
        attempts += 1
        asked: Iterator[int] = itertools.count()
        try:
            # Each attempt passes over what is there, and is stopped behind its second batch.
            workshop.do(step, stopping=lambda: next(asked) >= (2 if attempts > 1 else 1))  # noqa: B023
        except Interrupted:
            assert attempts < DOCUMENTS
    manifest = workshop.store.manifest(step.key)
    assert {name: record.sha256 for name, record in manifest.files.items()} == expected
    assert manifest.provenance.resumed == attempts - 1 > 1


@pytest.mark.parametrize("damage", ["progress", "array", "other version"])
def test_what_cannot_be_gone_on_with_is_made_anew(
    workshop: Workshop, folder: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    expected = digests(elsewhere(workshop, "undisturbed"), folder)
    step = step_of(workshop, folder)
    with monkeypatch.context() as patch:
        kill_in_record(patch, 2, before=False)
        with pytest.raises(Killed):
            workshop.do(step)
    unfinished = workshop.store.work(step.key) / preparing.UNFINISHED
    progress = unfinished / preparing.PROGRESS
    if damage == "progress":
        progress.write_bytes(progress.read_bytes()[:-9])
    elif damage == "array":
        (unfinished / "train.prompts.npy").write_bytes(b"")
    else:
        progress.write_text(progress.read_text().replace('"specc":"', '"specc":"9'))
    manifest = workshop.do(step)
    assert {name: record.sha256 for name, record in manifest.files.items()} == expected
    assert manifest.provenance.resumed == 0


def test_a_corpus_that_changed_on_the_way_begins_anew(
    workshop: Workshop, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data.jsonl"
    data.write_bytes((folder / "data.jsonl").read_bytes())
    (tmp_path / "tokenizer.json").write_bytes((folder / "tokenizer.json").read_bytes())
    step = step_of(workshop, tmp_path)
    with monkeypatch.context() as patch:
        kill_in_record(patch, 2, before=False)
        with pytest.raises(Killed):
            workshop.do(step)
    whole = data.read_bytes()
    data.write_bytes(whole.replace(b'question 1"', b'question x"'))
    with pytest.raises(DataError, match="has changed since"):
        workshop.do(step)
    data.write_bytes(whole)
    manifest = workshop.do(step)
    assert manifest.provenance.resumed == 0
    found = {name: record.sha256 for name, record in manifest.files.items()}
    assert found == digests(elsewhere(workshop, "undisturbed"), folder)


@pytest.mark.conformance
def test_a_process_that_is_killed_leaves_what_the_next_one_goes_on_with(
    workshop: Workshop, tmp_path: Path
) -> None:
    rows = [{"q": f"question {n} " * 40, "a": f"ü{n}"} for n in range(8_000)]
    (tmp_path / "data.jsonl").write_text("\n".join(map(json.dumps, rows)))
    params = {
        "reader": {"name": "jsonl", "args": {"prompt": "q", "completion": "a"}},
        "fingerprint": fingerprint([tmp_path / "data.jsonl"]),
        "held_out": Fraction(1, 4),
    }
    step = workshop.step("prepare", params, execution={"files": [str(tmp_path / "data.jsonl")]})
    undisturbed = elsewhere(workshop, "undisturbed").do(step).files
    script = (
        "import sys; from pathlib import Path\n"
        "from specc.corpora import encode; from specc.steps import Step; from specc.store import Store\n"
        "from specc_runtime import prepare; from specc_runtime.run import run_step\n"
        "encode.BATCH_DOCUMENTS = 1000; prepare.CHECKPOINT_SECONDS = 0.0\n"
        "step = Step.model_validate_json(sys.argv[2])\n"
        "run_step(step, Store(Path(sys.argv[1])), lambda message: None, lambda: False)\n"
    )
    command = [sys.executable, "-c", script, str(workshop.store.workspace), step.model_dump_json()]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    progress = workshop.store.work(step.key) / preparing.UNFINISHED / preparing.PROGRESS
    kept = 0
    for _ in range(2):
        with subprocess.Popen(command, env=environment) as process:
            while process.poll() is None and _documents(progress) < kept + 2_000:
                time.sleep(0.002)
            process.kill()
        assert process.returncode == -signal.SIGKILL
        assert _documents(progress) > kept
        kept = _documents(progress)
    manifest = workshop.do(step)
    assert manifest.files == undisturbed
    assert manifest.provenance.resumed == 2


def _documents(progress: Path) -> int:
    """How many documents a record of progress speaks of; 0 without one."""
    try:
        return int(json.loads(progress.read_bytes())["documents"])
    except FileNotFoundError:
        return 0
