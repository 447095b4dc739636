"""The store and the workspace around it, as files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from specc.errors import CorruptArtifact, WorkspaceError
from specc.steps import InitParams, Step, identity, step_key
from specc.store import FORMAT, Provenance, Store, open_workspace


def a_step(seed: int = 0) -> Step:
    params = InitParams.model_validate({"architecture": {"name": "llama"}, "vocab": 257, "seed": seed})
    return Step(key=step_key("init", identity(params), {}), op="init", params=params.model_dump(mode="json"))


def publish(store: Store, step: Step, text: str = "weights") -> None:
    folder = store.work(step.key) / "artifact"
    folder.mkdir(parents=True)
    (folder / "model").write_text(text)
    store.publish(step, folder, {"vocab": 257}, Provenance(versions={}))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(open_workspace(tmp_path / ".specc", create=True))


def test_a_published_step_is_done_and_whole(store: Store) -> None:
    step = a_step()
    assert not store.has(step.key)
    publish(store, step)
    assert store.has(step.key)
    assert store.done() == {step.key}
    assert store.verify(step.key).outputs == {"vocab": 257}


def test_the_first_to_publish_a_key_wins(store: Store) -> None:
    step = a_step()
    publish(store, step, "first")
    publish(store, step, "second")
    assert (store.path(step.key) / "model").read_text() == "first"
    assert not (store.work(step.key) / "artifact").exists()


@pytest.mark.parametrize(("text", "message"), [("weightz", "differs"), ("weight", "missing or cut off")])
def test_a_changed_file_is_found_and_can_be_set_aside(store: Store, text: str, message: str) -> None:
    step = a_step()
    publish(store, step)
    (store.path(step.key) / "model").write_text(text)
    with pytest.raises(CorruptArtifact, match=message):
        store.verify(step.key)
    store.quarantine(step.key)
    assert not store.has(step.key)
    publish(store, step)
    assert store.verify(step.key).key == step.key


def test_a_folder_that_lost_its_manifest_is_set_aside_by_the_next_that_is_published(store: Store) -> None:
    step = a_step()
    publish(store, step)
    (store.path(step.key) / "manifest.json").unlink()
    assert not store.has(step.key)
    publish(store, step, "again")
    assert (store.path(step.key) / "model").read_text() == "again"
    assert [path.name for path in (store.workspace / "quarantine").iterdir()] == [f"{step.key}.0"]


def test_a_workspace_leaves_the_ignore_list_of_a_folder_as_it_is(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("build/\n")
    open_workspace(tmp_path, create=True)
    assert (tmp_path / ".gitignore").read_text() == "build/\n"
    assert (open_workspace(tmp_path / "own", create=True) / ".gitignore").read_text() == "*\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (json.dumps({"version": FORMAT + 1}), "this specc knows up to"),
        ('{"version": "new"}', "can't be read as a workspace's format"),
        ('{"version": Infinity}', "can't be read as a workspace's format"),
        ("[]", "can't be read as a workspace's format"),
        ("{", "can't be read as a workspace's format"),
    ],
)
def test_a_workspace_of_another_kind_is_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "format.json").write_text(content)
    with pytest.raises(WorkspaceError, match=message):
        open_workspace(tmp_path, create=True)


@pytest.mark.parametrize("name", ["file", "file/inside"])
def test_a_file_in_the_place_of_a_workspace_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WorkspaceError, match="a file is in the way"):
        open_workspace(tmp_path / name, create=True)
    with pytest.raises(WorkspaceError, match="there is no workspace"):
        open_workspace(tmp_path / name)
