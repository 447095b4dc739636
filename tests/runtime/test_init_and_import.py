"""Checkpoints in the hub's format: made, copied, and loaded by transformers itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

from specc.checkpoints import checkpoint_fingerprint, checkpoint_shape
from specc.errors import DataError, SpeccError
from specc.shapes import llama_shape
from specc.steps import Component
from specc_runtime import model as models
from workshop import TINY, VOCAB, Workshop, random_documents

CPU = torch.device("cpu")
TOKENS = torch.tensor([[1, 5, 7, 200, 3]])
SIZES: dict[str, Any] = {
    "vocab_size": VOCAB,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": 64,
}


def hub_checkpoint(folder: Path, **changes: Any) -> Any:
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(**SIZES | changes))
    model.save_pretrained(folder)
    return model


def imported(workshop: Workshop, folder: Path, fingerprint: str | None = None) -> Path:
    params = {"fingerprint": fingerprint or checkpoint_fingerprint(folder)}
    step = workshop.step("import", params, execution={"path": str(folder)})
    workshop.do(step)
    return workshop.store.path(step.key)


def test_an_initialised_model_loads_in_transformers_and_computes_the_same(workshop: Workshop) -> None:
    folder = workshop.store.path(workshop.init())
    theirs = AutoModelForCausalLM.from_pretrained(folder)
    assert theirs.config.architectures == ["LlamaForCausalLM"]
    ours = models.load(folder, CPU)
    with torch.no_grad():
        assert torch.equal(theirs(TOKENS).logits, models.logits(ours, TOKENS, None))


@pytest.mark.parametrize("args", [{}, {"tied": False}, {"kv_heads": 1}, {"mlp": 0, "layers": 3}])
def test_the_model_has_the_planned_number_of_parameters(workshop: Workshop, args: dict[str, Any]) -> None:
    architecture = Component(name="llama", args=TINY.args | args)
    key = workshop.init(architecture)
    model = AutoModelForCausalLM.from_pretrained(workshop.store.path(key))
    shape = llama_shape(architecture, VOCAB)
    assert model.num_parameters() == shape.parameters
    assert workshop.store.manifest(key).outputs["parameters"] == shape.parameters
    embeddings = VOCAB * 16 * (1 if args.get("tied", True) else 2)
    assert workshop.store.manifest(key).outputs["non_embedding"] == shape.parameters - embeddings


def test_initial_weights_are_normal_and_norms_are_one(workshop: Workshop) -> None:
    architecture = Component(name="llama", args=TINY.args | {"width": 128, "init_std": 0.05})
    weights = load_file(workshop.store.path(workshop.init(architecture)) / "model.safetensors")
    for name, values in weights.items():
        if "norm" in name:
            assert (values == 1).all()
        else:
            # Three standard errors of the mean and of the standard deviation.
            assert abs(values.mean()) < 3 * 0.05 / values.numel() ** 0.5
            assert values.std().item() == pytest.approx(0.05, rel=3 / (2 * values.numel()) ** 0.5)


def test_a_seed_is_a_stream_of_its_own_for_each_parameter(workshop: Workshop) -> None:
    deeper = Component(name="llama", args=TINY.args | {"layers": 3})
    shallow, same, deep, other = (
        load_file(workshop.store.path(key) / "model.safetensors")
        for key in (workshop.init(), workshop.init(), workshop.init(deeper), workshop.init(seed=1))
    )
    name = "model.layers.1.mlp.up_proj.weight"
    assert torch.equal(shallow[name], same[name])
    assert torch.equal(shallow[name], deep[name])
    assert not torch.equal(shallow[name], other[name])
    assert not torch.equal(shallow[name], shallow["model.layers.0.mlp.up_proj.weight"])


def test_sizes_that_do_not_fit_are_told(workshop: Workshop) -> None:
    with pytest.raises(SpeccError, match="`heads` must divide `width`"):
        workshop.init(Component(name="llama", args=TINY.args | {"heads": 3}))


@pytest.mark.parametrize("tied", [True, False])
def test_an_imported_checkpoint_computes_what_it_did(workshop: Workshop, tmp_path: Path, tied: bool) -> None:
    model = hub_checkpoint(tmp_path / "hub", tie_word_embeddings=tied, rope_theta=5e4)
    folder = imported(workshop, tmp_path / "hub")
    with torch.no_grad():
        expected = model.eval()(TOKENS).logits
        assert torch.equal(models.logits(models.load(folder, CPU), TOKENS, None), expected)
    assert checkpoint_shape(tmp_path / "hub").parameters == model.num_parameters()


def test_a_sharded_half_precision_checkpoint_is_trained_in_float32(
    workshop: Workshop, tmp_path: Path
) -> None:
    model = hub_checkpoint(tmp_path / "hub").to(torch.bfloat16)
    model.save_pretrained(tmp_path / "hub", max_shard_size="8KB")
    (tmp_path / "hub" / "model.safetensors").unlink()
    assert len(list((tmp_path / "hub").glob("*.safetensors"))) > 2
    folder = imported(workshop, tmp_path / "hub")
    step = workshop.train(folder.name, [workshop.corpus(random_documents(30, 1))])
    outputs = workshop.do(step).outputs
    assert outputs["lineage_tokens"] == 1280
    trained = AutoModelForCausalLM.from_pretrained(workshop.store.path(step.key))
    assert trained.dtype == torch.float32
    assert trained.num_parameters() == outputs["parameters"] == model.num_parameters()


def test_what_training_left_is_a_checkpoint_to_start_from(workshop: Workshop) -> None:
    step = workshop.train(workshop.init(), [workshop.corpus(random_documents(30, 1))])
    workshop.do(step)
    trained = workshop.store.path(step.key)
    assert (trained / "optimizer.safetensors").exists()
    folder = imported(workshop, trained)
    assert (folder / "model.safetensors").read_bytes() == workshop.weights(step.key)
    assert not (folder / "optimizer.safetensors").exists()


def test_another_llama_like_type_is_trained(workshop: Workshop, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model: Any = Qwen2ForCausalLM(Qwen2Config(**SIZES, num_key_value_heads=1, tie_word_embeddings=True))
    model.save_pretrained(tmp_path / "hub")
    folder = imported(workshop, tmp_path / "hub")
    with torch.no_grad():
        assert torch.equal(models.logits(models.load(folder, CPU), TOKENS, None), model.eval()(TOKENS).logits)
    assert checkpoint_shape(folder).parameters == model.num_parameters()
    corpus = workshop.corpus(random_documents(30, 1))
    workshop.do(workshop.train(folder.name, [corpus], dropout=0.1))


def test_only_what_describes_the_model_is_kept_of_the_configuration(
    workshop: Workshop, tmp_path: Path
) -> None:
    hub_checkpoint(tmp_path / "hub")
    before = checkpoint_fingerprint(tmp_path / "hub")
    path = tmp_path / "hub" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"transformers_version": "0", "_name": "x"}))
    assert checkpoint_fingerprint(tmp_path / "hub") == before
    kept = json.loads((imported(workshop, tmp_path / "hub") / "config.json").read_text())
    assert "_name" not in kept
    assert kept["hidden_size"] == 16
    path.write_text(json.dumps(json.loads(path.read_text()) | {"rms_norm_eps": 0.1}))
    assert checkpoint_fingerprint(tmp_path / "hub") != before


def test_a_checkpoint_that_changed_is_refused(workshop: Workshop, tmp_path: Path) -> None:
    hub_checkpoint(tmp_path / "hub")
    with pytest.raises(DataError, match="has changed since the recipe was compiled"):
        imported(workshop, tmp_path / "hub", "0" * 64)
    assert not workshop.store.done()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"auto_map": {"AutoModel": "evil.Model"}}, "asks for code of its own"),
        ({"quantization_config": {"bits": 4}}, "quantised"),
        ({"model_type": "mamba"}, "type 'mamba'"),
        ({"model_type": "bloom"}, "attention mixes packed documents"),
        ({"hidden_size": None}, "does not say the size"),
        ({"num_hidden_layers": 3}, "its config.json says"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_refused(
    tmp_path: Path, change: dict[str, Any], complaint: str
) -> None:
    hub_checkpoint(tmp_path / "hub")
    path = tmp_path / "hub" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(DataError, match=complaint):
        checkpoint_shape(tmp_path / "hub")


@pytest.mark.parametrize("content", ["{", "[1]", "[" * 100_000])
def test_a_configuration_that_is_no_object_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(DataError, match="is no JSON"):
        checkpoint_shape(tmp_path)


def test_a_folder_without_a_checkpoint_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"config\.json can't be read"):
        checkpoint_shape(tmp_path)


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    hub_checkpoint(tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(DataError, match=r"no \*\.safetensors") as error:
        checkpoint_fingerprint(tmp_path)
    assert "would run code" in str(error.value.help)


@pytest.mark.parametrize("content", [b"", b"\xff" * 8, b"\x02" + b"\x00" * 7 + b"[]"])
def test_a_damaged_weight_file_is_told(tmp_path: Path, content: bytes) -> None:
    hub_checkpoint(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(DataError, match="can't be read as safetensors"):
        checkpoint_shape(tmp_path)


def test_weights_of_other_names_are_told(workshop: Workshop, tmp_path: Path) -> None:
    hub_checkpoint(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    save_file({f"x.{name}": values for name, values in weights.items()}, tmp_path / "model.safetensors")
    with pytest.raises(DataError, match=r"`model\.embed_tokens\.weight` is missing"):
        models.load(imported(workshop, tmp_path), CPU)
