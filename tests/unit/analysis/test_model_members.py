"""`base.tokenizer`: the tokenizer that lies beside a model's weights."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from specc.analysis.compile import compile_file
from specc.exporting.tokenizer import byte_tokenizer
from specc.files import file_digest
from specc.graph.cost import Rates
from specc.graph.expand import expand
from specc.hub import snapshot_folder
from specc.locking import Lock, ModelLock, ModelWanted, listening, write_lock

SPEC = """
model tiny = llama(layers = 1, width = 16, heads = 2, context = 32 tokens)
model base = {model}

experiment example {{
  corpus web = text("stdlib:json/*.py", tokenizer = {tokenizer})
  allocate {{ web 1_024 tokens {{ pretrain: 100% }} }}
  stage pretrain from tiny {{
    optimizer = adamw()
    schedule  = constant(peak = 1e-3)
    batch     = 8 sequences
  }}
}}
"""
HUB = 'hub("a/b", revision = "v1")'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path


def written(folder: Path, model: str, tokenizer: str = "base.tokenizer") -> Path:
    spec = folder / "example.spec"
    spec.write_text(SPEC.format(model=model, tokenizer=tokenizer))
    return spec


def save_tokenizer(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "tokenizer.json").write_text(json.dumps(byte_tokenizer()))


def pin(spec: Path, files: dict[str, str]) -> None:
    write_lock(spec, Lock(models={"a/b@v1": ModelLock(asked="v1", revision="1" * 40, files=files)}))


def test_the_tokenizer_beside_a_checkpoint_is_that_of_its_file(folder: Path) -> None:
    save_tokenizer(folder / "model")
    studies = []
    for tokenizer in ("base.tokenizer", '"model/tokenizer.json"'):
        found = compile_file(written(folder, 'checkpoint("model")', tokenizer))
        assert not found.report.failed, found.report.diagnostics
        studies.append(expand(found.experiments[0], Rates()))
    first, second = ([step.key for step in study.steps] for study in studies)
    assert first == second
    (prepared,) = (step for step in studies[0].steps if step.op == "prepare")
    assert prepared.params["tokenizer"] == file_digest(folder / "model" / "tokenizer.json")


def test_the_tokenizer_of_a_pinned_model_is_read_where_it_was_fetched_to(folder: Path) -> None:
    spec = written(folder, HUB)
    pin(spec, {"tokenizer.json": "2" * 64})
    (found,) = compile_file(spec).report.diagnostics
    assert (found.code, found.title) == (
        "E0006",
        "corpus `web`: the tokenizer of the model `a/b` was not fetched on this machine",
    )
    save_tokenizer(snapshot_folder("a/b", "1" * 40))
    assert not compile_file(spec).report.failed


def test_a_tokenizer_of_the_hub_is_asked_for(folder: Path) -> None:
    spec = written(folder, HUB)
    assert [each.code for each in compile_file(spec).report.diagnostics] == ["E0007"]
    with listening() as wanted:
        compile_file(spec)
    assert list(wanted) == [ModelWanted("a/b", "v1")]


@pytest.mark.parametrize(
    ("model", "code", "complaint"),
    [
        ("llama(layers = 1, width = 16, heads = 2, context = 32 tokens)", "E0301", "it has no tokenizer"),
        ('checkpoint("nowhere")', "E0001", "there is no "),
        (HUB, "E0001", "the model `a/b` has no tokenizer.json"),
    ],
)
def test_a_model_without_a_tokenizer_is_told(folder: Path, model: str, code: str, complaint: str) -> None:
    spec = written(folder, model)
    pin(spec, {})
    (found,) = compile_file(spec).report.diagnostics
    assert found.code == code
    assert complaint in found.title
    assert found.primary is not None
    assert found.primary.span.text == "base.tokenizer"
