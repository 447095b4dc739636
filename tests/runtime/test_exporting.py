"""Exported checkpoints: transformers loads them, and computes what was trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from specc.checkpoints import COMPANIONS, checkpoint_fingerprint, companions
from specc.errors import CorruptArtifact, QueryError
from specc.exporting import export_checkpoint
from specc.store import Store
from specc.tensors import read_header, write_tensors
from specc_runtime import model as models
from tiny_models import save_tiny
from workshop import EOS, Workshop, random_documents

CPU = torch.device("cpu")
TOKENS = torch.tensor([[1, 5, 7, 200, 3]])


def load(folder: Path, **how: Any) -> Any:
    return AutoModelForCausalLM.from_pretrained(folder, **how)


@pytest.fixture
def trained(workshop: Workshop) -> str:
    step = workshop.train(workshop.init(), [workshop.corpus(random_documents(30, 1))], steps=3)
    workshop.do(step)
    return step.key


def test_an_exported_checkpoint_computes_what_was_trained(
    workshop: Workshop, trained: str, tmp_path: Path
) -> None:
    made = export_checkpoint(workshop.store, trained, tmp_path / "models" / "out", arms=["small/seed=0"])
    with torch.no_grad():
        ours = models.logits(models.load(workshop.store.path(trained), CPU), TOKENS, None)
        assert torch.equal(load(made.folder)(TOKENS).logits, ours)
    assert made.dtype == "float32"
    assert set(made.files) == {path.name for path in made.folder.iterdir()}
    assert made.bytes == sum(path.stat().st_size for path in made.folder.iterdir())
    assert load(made.folder).generation_config.eos_token_id == EOS
    assert list(tmp_path.glob("models/.*")) == []


def test_the_tokens_of_bytes_are_the_bytes(workshop: Workshop, trained: str, tmp_path: Path) -> None:
    folder = export_checkpoint(workshop.store, trained, tmp_path / "out").folder
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    text = "two words,  naïve 猫\n\t\x00'll 10 +1"
    assert tokenizer(text).input_ids == list(text.encode())
    assert tokenizer.decode(list(text.encode())) == text
    every = bytes(range(128)).decode()
    assert tokenizer(every).input_ids == list(range(128))
    assert tokenizer.eos_token_id == EOS
    assert len(tokenizer) == 257


def test_token_ids_made_elsewhere_have_no_tokenizer(workshop: Workshop, trained: str, tmp_path: Path) -> None:
    (corpus,) = (key for role, key in workshop.store.manifest(trained).inputs.items() if role == "corpus0")
    (workshop.store.path(corpus) / "token_ids.json").write_text('{"vocab": 257, "eos": 256}')
    made = export_checkpoint(workshop.store, trained, tmp_path / "out")
    assert "tokenizer.json" not in made.files
    assert load(made.folder).config.eos_token_id == EOS
    card = (made.folder / "README.md").read_text()
    assert "AutoTokenizer" not in card
    assert "made elsewhere" in card


def test_the_card_says_where_a_model_comes_from(workshop: Workshop, trained: str, tmp_path: Path) -> None:
    folder = export_checkpoint(
        workshop.store,
        trained,
        tmp_path / "out",
        arms=["study/early=50%/seed=1"],
        settings={"dropout": "0.1", "model": "a | b"},
        spec="study.spec",
    ).folder
    card = (folder / "README.md").read_text()
    assert card.startswith("---\nlibrary_name: transformers\n")
    for part in (trained, "study/early=50%/seed=1", "study.spec", "| dropout | 0.1 |", "a \\| b"):
        assert part in card
    tokens = workshop.store.manifest(trained).outputs["tokens"]["corpus0"]
    assert f"| train | corpus0 | {tokens:,} |" in card
    assert '"seed":0' in card


@pytest.mark.parametrize("dtype", [None, "float32", "float16"])
def test_weights_are_stored_as_the_lineage_began_or_as_asked(
    workshop: Workshop, tmp_path: Path, dtype: str | None
) -> None:
    save_tiny(tmp_path / "hub", "gpt_neox", torch.bfloat16)
    params = {"fingerprint": checkpoint_fingerprint(tmp_path / "hub")}
    imported = workshop.step("import", params, execution={"path": str(tmp_path / "hub")})
    workshop.do(imported)
    step = workshop.train(imported.key, [workshop.corpus(random_documents(30, 1))], steps=2)
    workshop.do(step)
    made = export_checkpoint(workshop.store, step.key, tmp_path / "out", dtype)
    wanted = getattr(torch, dtype or "bfloat16")
    model = load(made.folder, dtype="auto")
    assert model.dtype == wanted
    trained = models.read_weights(workshop.store.path(step.key))
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, trained[name].to(wanted))


def test_what_lies_beside_an_imported_checkpoint_goes_along(workshop: Workshop, tmp_path: Path) -> None:
    hub = tmp_path / "hub"
    save_tiny(hub, "llama")
    texts = dict.fromkeys(COMPANIONS, "{}") | {
        "chat_template.jinja": "{{ messages }}",
        "tokenizer_config.json": json.dumps({"eos_token": "</s>", "auto_map": {"AutoTokenizer": "evil.T"}}),
    }
    for name, text in texts.items():
        (hub / name).write_text(text)
    params = {"fingerprint": checkpoint_fingerprint(hub), "companions": companions(hub)}
    step = workshop.step("import", params, execution={"path": str(hub)})
    workshop.do(step)
    folder = export_checkpoint(workshop.store, step.key, tmp_path / "out").folder
    assert (folder / "chat_template.jinja").read_text() == "{{ messages }}"
    assert json.loads((folder / "tokenizer_config.json").read_text()) == {"eos_token": "</s>"}

    (hub / "chat_template.jinja").write_text("{{ other }}")
    changed = {"fingerprint": params["fingerprint"], "companions": companions(hub)}
    assert workshop.step("import", changed).key != step.key
    assert workshop.step("import", {"fingerprint": params["fingerprint"]}).key != step.key


def test_nothing_is_overwritten(workshop: Workshop, trained: str, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    (tmp_path / "file").touch()
    for taken in ("out", "file"):
        with pytest.raises(QueryError, match="nothing is overwritten"):
            export_checkpoint(workshop.store, trained, tmp_path / taken)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine"]


def test_a_folder_that_can_not_be_made_is_told(
    workshop: Workshop, trained: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    for place, message in (("file/inside", "can't be made"), ("long" * 100, "can't be made")):
        with pytest.raises(QueryError, match=message):
            export_checkpoint(workshop.store, trained, tmp_path / place)
    (tmp_path / "here").mkdir()
    store = Store(workshop.store.workspace.absolute())
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(QueryError, match="is the working folder"):
        export_checkpoint(store, trained, Path("."))
    assert list((tmp_path / "here").iterdir()) == []


def test_what_is_no_checkpoint_or_not_done_is_told(workshop: Workshop, tmp_path: Path) -> None:
    corpus = workshop.corpus(random_documents(3, 1))
    with pytest.raises(QueryError, match="makes no checkpoint"):
        export_checkpoint(workshop.store, corpus, tmp_path / "out")
    with pytest.raises(QueryError, match="is not here"):
        export_checkpoint(workshop.store, "0" * 64, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_damaged_checkpoint_leaves_nothing_behind(workshop: Workshop, trained: str, tmp_path: Path) -> None:
    path = workshop.store.path(trained) / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(CorruptArtifact):
        export_checkpoint(workshop.store, trained, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_weights_are_rounded_as_torch_rounds_them(tmp_path: Path) -> None:
    torch.manual_seed(0)
    bits = torch.randint(-(2**31), 2**31, (1001, 7), dtype=torch.int64).to(torch.int32)
    special = torch.tensor([0.0, -0.0, torch.inf, -torch.inf, torch.nan, 1e-45, 3.4e38, 65504.0, 65520.0])
    tensors = {
        "any": bits.view(torch.float32),
        "special": special,
        "ties": torch.arange(0x3F800000, 0x3F820000, 0x800, dtype=torch.int32).view(torch.float32),
        "half": torch.randn(5).half(),
        "brain": torch.randn(5).bfloat16(),
        "whole": torch.arange(5),
        "none": torch.empty(0),
        "one": torch.tensor(1.5),
    }
    save_file(tensors, tmp_path / "all.safetensors")
    header = read_header(tmp_path / "all.safetensors")
    for dtype in ("float32", "bfloat16", "float16"):
        write_tensors(tmp_path / "out.safetensors", header, dtype)
        found = load_file(tmp_path / "out.safetensors")
        assert found.keys() == tensors.keys()
        for name, tensor in tensors.items():
            expected = tensor.to(getattr(torch, dtype)) if tensor.is_floating_point() else tensor
            assert found[name].dtype == expected.dtype
            assert torch.equal(found[name].isnan(), expected.isnan())
            assert torch.equal(found[name].nan_to_num(0.0), expected.nan_to_num(0.0))


def test_what_a_selection_chose_is_exported_with_its_own_lineage(
    workshop: Workshop, trained: str, tmp_path: Path
) -> None:
    corpus = workshop.corpus(random_documents(30, 1), random_documents(5, 2), name="measured")
    inputs: dict[str, str] = {}
    for number, checkpoint in enumerate((workshop.init(), trained)):
        params = {
            "evaluator": {"name": "loss"},
            "data": {"corpus": "corpus0", "split": "held_out"},
            "sequence": 64,
        }
        step = workshop.step("eval", params, {"checkpoint": checkpoint, "corpus0": corpus})
        workshop.do(step)
        inputs |= {f"candidate{number}": checkpoint, f"result{number}": step.key}
    labels = {"labels": {"0": "untrained", "1": "trained"}}
    best = workshop.step("select", {"better": "lower"}, inputs, labels)
    assert workshop.do(best).outputs["chosen"] == trained
    folder = export_checkpoint(workshop.store, best.key, tmp_path / "out").folder
    with torch.no_grad():
        ours = models.logits(models.load(workshop.store.path(trained), CPU), TOKENS, None)
        assert torch.equal(load(folder)(TOKENS).logits, ours)
    assert "| train | corpus0 |" in (folder / "README.md").read_text()
