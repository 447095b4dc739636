"""Models of the hub, from a stand-in on the loopback: pinned once, then used without a network."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import constants

from fake_hub import FakeHub
from specc.analysis.compile import compile_file
from specc.checkpoints import checkpoint_fingerprint, checkpoint_shape, companions
from specc.errors import DataError
from specc.exporting import export_checkpoint
from specc.exporting.tokenizer import byte_tokenizer
from specc.files import file_digest
from specc.graph.cost import Rates
from specc.graph.expand import expand
from specc.hub.cache import cache_folder, snapshot_folder
from specc.hub.fetch import fetch, pin_model
from specc.hub.tokenizer import fetched
from specc.locking import (
    DatasetLock,
    DatasetWanted,
    Lock,
    ModelWanted,
    PartLock,
    SplitLock,
    listening,
    read_lock,
    write_lock,
)
from specc.steps import Step
from specc_runtime import model as models
from tiny_hub import NAME, SPEC, serving
from tiny_models import save_tiny
from workshop import Workshop


@pytest.fixture(scope="module")
def models_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    save_tiny(folder / "llama", "llama", torch.bfloat16)
    save_tiny(folder / "gpt2", "gpt2")
    (folder / "llama" / "chat_template.jinja").write_text("{{ messages }}")
    (folder / "llama" / "modeling_evil.py").write_text("raise SystemExit")
    return folder


@pytest.fixture
def hub(models_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with serving(models_folder / "llama", tmp_path / "hub", monkeypatch) as hub:
        yield hub


def imports(spec: Path) -> list[Any]:
    (experiment,) = compile_file(spec).experiments
    return [step for step in expand(experiment, Rates()).steps if step.op == "import"]


def test_the_cache_is_where_the_library_of_the_hub_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert cache_folder() == Path("~/.cache/huggingface/hub").expanduser()
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert cache_folder() == Path("/somewhere/huggingface/hub")
    monkeypatch.setenv("HF_HOME", "/elsewhere")
    assert cache_folder() == Path("/elsewhere/hub")
    assert Path(constants.HF_HUB_CACHE).name == "hub"


def test_a_model_is_pinned_with_what_a_plan_needs(hub: FakeHub, models_folder: Path) -> None:
    pinned = pin_model(NAME)
    assert pinned.revision == hub.commit(NAME)
    assert set(pinned.files) == {
        "config.json",
        "model.safetensors",
        "generation_config.json",
        "chat_template.jinja",
    }
    assert pinned.dtype == "bfloat16"
    assert pinned.parameters == checkpoint_shape(models_folder / "llama").parameters
    assert not any("evil" in path for path in hub.asked)
    hub.asked.clear()
    assert fetch(NAME, pinned.revision, pinned.files) == snapshot_folder(NAME, pinned.revision)
    assert hub.asked == []


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_a_pinned_model_is_planned_without_a_network_and_its_steps_are_those_of_a_copy(
    hub: FakeHub, models_folder: Path, workshop: Workshop, tmp_path: Path, family: str
) -> None:
    hub.folders[NAME] = models_folder / family
    spec = tmp_path / "adapted.spec"
    spec.write_text(SPEC)
    with listening() as wanted:
        compile_file(spec)
    assert list(wanted) == [ModelWanted(NAME)]
    lock = Lock(models={NAME: pin_model(NAME)})
    shutil.rmtree(cache_folder())
    write_lock(spec, lock)
    hub.asked.clear()
    (planned,) = imports(spec)
    assert hub.asked == []

    copy = tmp_path / "copy.spec"
    copy.write_text(SPEC.replace('hub("someone/tiny")', f'checkpoint("{models_folder / family}")'))
    (local,) = imports(copy)
    assert planned.key == local.key

    step = Step(**{name: getattr(planned, name) for name in ("key", "op", "params", "execution", "label")})
    manifest = workshop.do(step)
    assert manifest.outputs["origin"] == f"{NAME}@{lock.models[NAME].revision}"
    folder = workshop.store.path(step.key)
    loaded = models.read_weights(folder)
    for name, value in models.read_weights(models_folder / family).items():
        assert torch.equal(loaded[name], value)
    card = export_checkpoint(workshop.store, step.key, tmp_path / "out").folder / "README.md"
    assert f'base_model:\n- "{NAME}"\n' in card.read_text()


def test_files_that_are_not_those_pinned_are_refused(
    hub: FakeHub, models_folder: Path, workshop: Workshop, tmp_path: Path
) -> None:
    pinned = pin_model(NAME)
    folder = snapshot_folder(NAME, pinned.revision)
    weights = folder / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.unlink()
    weights.write_bytes(data)
    source = models_folder / "llama"
    params = {"fingerprint": checkpoint_fingerprint(source), "companions": companions(source)}
    execution = {"repository": NAME, "revision": pinned.revision, "files": tuple(pinned.files)}
    with pytest.raises(DataError, match="not those that the lock file pins"):
        workshop.do(workshop.step("import", params, execution=execution))


@pytest.mark.parametrize(
    ("name", "asked", "complaint"),
    [
        ("someone/other", "", "no model `someone/other`"),
        (NAME, "v9", "no such revision"),
        ("../etc", "", "is no model of the hub"),
        ("a/b/c", "", "is no model of the hub"),
    ],
)
def test_what_is_not_on_the_hub_is_told(hub: FakeHub, name: str, asked: str, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        pin_model(name, asked)


def test_a_hub_that_does_not_answer_is_told(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch, workshop: Workshop
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setattr(time, "sleep", lambda seconds: None)  # the library asks again, with growing waits
    with pytest.raises(DataError, match="can't be fetched"):
        pin_model(NAME)
    execution = {"repository": NAME, "revision": "0" * 40, "files": ("config.json",)}
    with pytest.raises(DataError, match="can't be fetched"):
        workshop.do(workshop.step("import", {"fingerprint": "0" * 64}, execution=execution))


def test_a_model_that_is_not_pinned_is_told(tmp_path: Path) -> None:
    spec = tmp_path / "adapted.spec"
    spec.write_text(SPEC)
    (found,) = compile_file(spec).report.diagnostics
    assert (found.code, found.help) == ("E0007", "run `specc lock FILE` once, where there is a network")
    assert read_lock(spec) == Lock()


def test_a_pinned_tokenizer_is_fetched_on_another_machine(hub: FakeHub, tmp_path: Path) -> None:
    folder = tmp_path / "published"
    save_tiny(folder, "llama")
    (folder / "tokenizer.json").write_text(json.dumps(byte_tokenizer()))
    hub.folders[NAME] = folder
    spec = tmp_path / "adapted.spec"
    reader = 'text("stdlib:json/*.py", tokenizer = base.tokenizer, held_out = 20%)'
    spec.write_text(SPEC.replace("markov(tokens = 2K tokens, held_out = 10%)", reader))
    pinned = pin_model(NAME)
    assert (pinned.tokenizer_vocab, pinned.tokenizer_eos) == (257, 256)
    write_lock(spec, Lock(models={NAME: pinned}))
    assert not compile_file(spec).report.failed
    shutil.rmtree(cache_folder())
    (found,) = compile_file(spec).report.diagnostics
    assert "was not fetched on this machine" in found.title
    assert list(cache_folder().parent.glob("hub/*")) == []
    with listening() as wanted:
        assert not compile_file(spec).report.failed
    assert not wanted
    assert not compile_file(spec).report.failed
    fetched = {path.name for path in snapshot_folder(NAME, pinned.revision).iterdir()}
    assert fetched == {"tokenizer.json", "generation_config.json"}


def test_a_data_set_that_is_pinned_is_planned_without_the_tokenizer_that_it_was_counted_with(
    hub: FakeHub, workshop: Workshop, tmp_path: Path
) -> None:
    folder = tmp_path / "published"
    save_tiny(folder, "llama")
    (folder / "tokenizer.json").write_text(json.dumps(byte_tokenizer()))
    hub.folders[NAME] = folder
    spec = tmp_path / "adapted.spec"
    reader = 'hf("someone/texts", text = "text", tokenizer = base.tokenizer)'
    spec.write_text(SPEC.replace("markov(tokens = 2K tokens, held_out = 10%)", reader))
    pinned = pin_model(NAME)
    lock = Lock(models={NAME: pinned})
    write_lock(spec, lock)
    with listening() as wanted:
        compile_file(spec)
    (missing,) = wanted
    assert isinstance(missing, DatasetWanted)
    counts = {"documents": 10, "tokens": 2_000, "bytes": 9_000}
    sha = pinned.files["tokenizer.json"]
    part = PartLock(
        what="texts",
        content="0" * 64,
        tokenizer=sha,
        vocab=257,
        splits={"train": SplitLock(**counts), "held_out": SplitLock(documents=0, tokens=0, bytes=0)},
    )
    data = DatasetLock(revision="1" * 40, parts={missing.key: part})
    write_lock(spec, lock.model_copy(update={"datasets": {"someone/texts": data}}))
    shutil.rmtree(cache_folder())
    hub.asked.clear()
    found = compile_file(spec)
    assert not found.report.failed, found.report.diagnostics
    (prepared,) = (step for step in expand(found.experiments[0], Rates()).steps if step.op == "prepare")
    assert prepared.params["tokenizer"] == sha
    assert hub.asked == []
    path = fetched(Path(prepared.execution["tokenizer_path"]))
    assert path is not None
    assert file_digest(path) == sha
