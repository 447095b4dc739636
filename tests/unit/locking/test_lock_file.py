"""The lock beside a recipe: what is written is read, and nothing else is."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from specc.analysis.compile import compile_file
from specc.errors import DataError, WorkspaceError
from specc.locking import (
    DatasetLock,
    Lock,
    ModelLock,
    ModelWanted,
    PartLock,
    SplitLock,
    current,
    listening,
    lock_path,
    locked,
    missing,
    read_lock,
    write_lock,
)

REVISION = "0123456789abcdef0123456789abcdef01234567"
LOCK = Lock(
    models={"a/model": ModelLock(revision=REVISION, files={"model.safetensors": "a" * 64})},
    datasets={
        "b/data@v1": DatasetLock(
            asked="v1",
            revision=REVISION,
            parts={
                "c" * 64: PartLock(
                    what="train",
                    content="d" * 64,
                    tokenizer="byte",
                    vocab=257,
                    splits={"train": SplitLock(documents=2, tokens=9, bytes=7)},
                )
            },
        )
    },
)


def test_what_is_written_is_read_and_found_by_what_was_asked(tmp_path: Path) -> None:
    spec = tmp_path / "study.spec"
    assert write_lock(spec, LOCK) == tmp_path / "study.lock" == lock_path(spec)
    lock = read_lock(spec)
    assert lock == LOCK
    assert lock.model("a/model") == LOCK.models["a/model"]
    assert lock.model("a/model", "main") is None
    assert lock.dataset("b/data", "v1") == LOCK.datasets["b/data@v1"]
    assert lock.dataset("b/data") is None


def test_a_recipe_without_a_lock_has_an_empty_one(tmp_path: Path) -> None:
    assert read_lock(tmp_path / "study.spec") == Lock()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "no lock file"),
        ("[]", "no lock file: input should be"),
        ('{"format": 2, "future": 1}', "newer specc"),
        ('{"models": {"a": {"revision": "main"}}}', r"models\.a\.revision"),
        ('{"unknown": 1}', "unknown"),
        ("[" * 100_000, "no lock file"),
    ],
)
def test_anything_else_is_refused_with_what_to_do(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "study.lock").write_text(text)
    with pytest.raises(DataError, match=reason) as refused:
        read_lock(tmp_path / "study.spec")
    assert refused.value.help
    spec = tmp_path / "study.spec"
    spec.write_text("experiment e { }\n")
    told = compile_file(spec).report.diagnostics
    assert [found.code for found in told] == ["E0001"]


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "../x.safetensors",
        "a/b.safetensors",
        "..",
        ".",
        "",
        "a\\b",
        "C:x",
        "a\0b",
        "a\nb",
        "é" * 128,
    ],
)
def test_a_pinned_file_has_a_plain_name(tmp_path: Path, name: str) -> None:
    entry = {"revision": REVISION, "files": {name: "a" * 64}}
    (tmp_path / "study.lock").write_text(json.dumps({"models": {"a/model": entry}}))
    with pytest.raises(DataError, match="a pinned file has a plain name, without folders") as refused:
        read_lock(tmp_path / "study.spec")
    assert len(refused.value.message) < 400


def test_names_of_files_that_a_model_has_are_plain() -> None:
    names = [
        "config.json",
        "model-00001-of-00002.safetensors",
        "model.safetensors.index.json",
        "ü b.safetensors",
    ]
    lock = ModelLock.model_validate({"revision": REVISION, "files": dict.fromkeys(names, "a" * 64)})
    assert list(lock.files) == names


def test_a_lock_that_can_not_be_written_says_where_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(source: object, target: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "replace", refused)
    with pytest.raises(WorkspaceError) as error:
        write_lock(tmp_path / "study.spec", LOCK)
    assert error.value.message == f"can't write to {tmp_path}: permission denied"
    assert error.value.help == "a lock lies beside its recipe: put the recipe where you may write"


def test_versions_of_a_lock_differ_in_the_lines_that_changed(tmp_path: Path) -> None:
    spec = tmp_path / "study.spec"
    before = write_lock(spec, LOCK).read_text().splitlines()
    moved = LOCK.model_copy(
        update={"models": {"a/model": LOCK.models["a/model"].model_copy(update={"revision": "f" * 40})}}
    )
    after = write_lock(spec, moved).read_text().splitlines()
    assert [line for line in after if line not in before] == [f'   "revision": "{"f" * 40}",']
    assert json.loads("".join(after))["format"] == 1


def test_what_is_missing_is_noted_only_where_somebody_listens() -> None:
    wanted = ModelWanted("a/model")
    assert not missing(wanted)
    with listening() as found:
        assert missing(wanted)
        assert missing(ModelWanted("a/model"))
    assert list(found) == [wanted]
    assert current() == Lock()
    with locked(LOCK):
        assert current() is LOCK
