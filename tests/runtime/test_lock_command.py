"""`specc lock`, with a stand-in for the hub on the loopback."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

from fake_hub import FakeHub
from specc.cli.main import specc
from specc.locking import lock_path, read_lock
from tiny_hub import NAME, SPEC, serving
from tiny_models import save_tiny


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny") / "model"
    save_tiny(folder, "llama", torch.bfloat16)
    return folder


@pytest.fixture
def hub(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    shutil.copytree(model, tmp_path / "model")
    with serving(tmp_path / "model", tmp_path / "hub", monkeypatch) as hub:
        yield hub


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "study.spec"
    path.write_text(SPEC)
    return path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(specc, [str(each) for each in arguments])


def test_what_is_pinned_lets_the_recipe_be_checked_without_the_hub(hub: FakeHub, spec: Path) -> None:
    refused = run("check", spec)
    assert refused.exit_code == 1
    assert "specc lock" in refused.stderr
    pinned = run("lock", spec)
    assert pinned.exit_code == 0, pinned.output
    assert f"model {NAME}  {hub.commit(NAME)[:12]}" in pinned.stdout
    hub.asked.clear()
    assert run("check", spec).exit_code == 0
    assert run("lock", spec).exit_code == 0
    assert hub.asked == []


def test_a_pin_stays_until_it_is_asked_anew(hub: FakeHub, spec: Path) -> None:
    before = json.loads(run("lock", spec, "--json").stdout)
    assert before["models"][NAME]["revision"] == hub.commit(NAME)
    (hub.folders[NAME] / "chat_template.jinja").write_text("{{ messages }}")
    assert json.loads(run("lock", spec, "--json").stdout) == before
    after = json.loads(run("lock", spec, "--update", "--json").stdout)
    assert after["models"][NAME]["revision"] == hub.commit(NAME) != before["models"][NAME]["revision"]


def test_a_failure_leaves_the_lock_as_it_was(hub: FakeHub, spec: Path) -> None:
    run("lock", spec)
    before = read_lock(spec)
    del hub.folders[NAME]
    failed = run("lock", spec, "--update")
    assert failed.exit_code == 4
    assert "the hub has no model" in failed.stderr
    assert read_lock(spec) == before


def test_a_wrong_recipe_leaves_the_lock_as_it_was(hub: FakeHub, spec: Path) -> None:
    run("lock", spec)
    before = read_lock(spec)
    spec.write_text(spec.read_text() + "experiment {\n")
    assert run("lock", spec, "--update").exit_code == 1
    assert read_lock(spec) == before


def test_a_recipe_that_takes_nothing_from_the_hub_gets_no_lock(hub: FakeHub, spec: Path) -> None:
    own = "llama(layers = 1, width = 16, heads = 2, context = 64 tokens)"
    spec.write_text(SPEC.replace('hub("someone/tiny")', own))
    assert "nothing to pin" in run("lock", spec).stdout
    assert not lock_path(spec).exists()
    assert hub.asked == []


def test_a_recipe_that_is_not_there_is_not_said_to_take_nothing(tmp_path: Path) -> None:
    told = run("lock", tmp_path / "none.spec")
    assert told.exit_code == 1
    assert "can't read" in told.stderr
    assert told.stdout == ""


def test_other_mistakes_of_the_recipe_are_told(hub: FakeHub, spec: Path) -> None:
    spec.write_text(SPEC.replace("peak = 1e-3", "peek = 1e-3"))
    told = run("lock", spec)
    assert told.exit_code == 1
    assert "E0204" in told.stderr
