"""Adapters: the merged weights are the checkpoint, and a stage goes on from the adapter to the bit."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from specc.checkpoints import checkpoint_fingerprint
from specc.errors import SpeccError
from specc.flops import training_flops_per_token
from specc.steps import RESUME, Component, TrainExecution, identity
from specc_runtime import model as models
from specc_runtime.adapter import add_adapter, open_adapter, target_names
from specc_runtime.attempt import Interrupted
from tiny_models import save_tiny, tiny_config
from workshop import Workshop, random_documents

CPU = torch.device("cpu")
TOKENS = torch.tensor([[1, 5, 7, 200, 3]])
LORA = {"name": "lora", "args": {"rank": 2, "alpha": 8.0}}
SCALE = 8.0 / 2


@pytest.fixture
def base(workshop: Workshop) -> str:
    return workshop.init()


def training(workshop: Workshop, parent: str, steps: int = 6, **changes: Any) -> Any:
    corpus = workshop.corpus(random_documents(30, 1))
    return workshop.train(parent, [corpus], steps=steps, adapter=changes.pop("adapter", LORA), **changes)


def test_a_checkpoint_holds_the_weights_with_the_adapter_added(workshop: Workshop, base: str) -> None:
    step = training(workshop, base)
    manifest = workshop.do(step)
    folder = workshop.store.path(step.key)
    each = training_flops_per_token(models.read_shape(folder), 16, frozen=True)
    assert manifest.provenance.flops == 6 * 64 * each
    before, after = (models.read_weights(workshop.store.path(key)) for key in (base, step.key))
    adapter = load_file(folder / "adapter_model.safetensors")
    assert before.keys() == after.keys()
    changed = set()
    for name, value in before.items():
        place = f"base_model.model.{name.removesuffix('.weight')}"
        if f"{place}.lora_A.weight" in adapter:
            a, b = (adapter[f"{place}.lora_{which}.weight"] for which in "AB")
            torch.testing.assert_close(after[name], value + SCALE * b @ a, atol=1e-6, rtol=1e-5)
            assert not torch.equal(after[name], value)
            changed.add(name.split(".")[-2])
        else:
            assert torch.equal(after[name], value)
    assert changed == {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}


def test_peft_loads_the_adapter_on_what_the_stage_began_with(workshop: Workshop, base: str) -> None:
    from peft import PeftModel

    step = training(workshop, base)
    workshop.do(step)
    folder = workshop.store.path(step.key)
    merged = models.load(folder, CPU)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        theirs = PeftModel.from_pretrained(
            AutoModelForCausalLM.from_pretrained(workshop.store.path(base)), str(folder)
        )
    with torch.no_grad():
        expected = models.logits(merged, TOKENS, None)
        torch.testing.assert_close(theirs(input_ids=TOKENS).logits, expected, atol=1e-5, rtol=1e-5)


def test_a_stage_goes_on_from_an_earlier_state_to_the_bit(workshop: Workshop, base: str) -> None:
    whole, first = training(workshop, base, dropout=0.1), training(workshop, base, steps=3, dropout=0.1)
    workshop.do(whole)
    expected = workshop.weights(whole.key)
    workshop.do(first)
    _forget(workshop, whole.key)
    workshop.do(whole.model_copy(update={"inputs": {**whole.inputs, RESUME: first.key}}))
    assert workshop.weights(whole.key) == expected


def test_a_stage_that_was_interrupted_ends_with_the_same_bits(workshop: Workshop, base: str) -> None:
    step = training(workshop, base)
    workshop.do(step)
    expected = {path.name: path.read_bytes() for path in _tensors(workshop, step.key)}
    _forget(workshop, step.key)
    asked = iter([False, True])
    with pytest.raises(Interrupted):
        workshop.do(step, lambda: next(asked, True))
    manifest = workshop.do(step)
    assert manifest.provenance.resumed == 1
    assert {path.name: path.read_bytes() for path in _tensors(workshop, step.key)} == expected
    assert set(expected) == {"model.safetensors", "optimizer.safetensors", "adapter_model.safetensors"}


def _tensors(workshop: Workshop, key: str) -> list[Path]:
    return sorted(workshop.store.path(key).glob("*.safetensors"))


def _forget(workshop: Workshop, key: str) -> None:
    folder = workshop.store.path(key)
    folder.rename(workshop.store.workspace / f"done.{key}")


@pytest.mark.parametrize("family", ["gpt2", "gpt_neox"])
def test_other_families_are_adapted(workshop: Workshop, tmp_path: Path, family: str) -> None:
    save_tiny(tmp_path / "hub", family)
    params = {"fingerprint": checkpoint_fingerprint(tmp_path / "hub")}
    imported = workshop.step("import", params, execution={"path": str(tmp_path / "hub")})
    workshop.do(imported)
    step = training(workshop, imported.key, steps=2)
    workshop.do(step)
    before, after = (models.read_weights(workshop.store.path(key)) for key in (imported.key, step.key))
    assert before.keys() == after.keys()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    config = json.loads((workshop.store.path(step.key) / "adapter_config.json").read_text())
    assert changed == {f"{name}.weight" for name in config["target_modules"]}
    assert config["fan_in_fan_out"] == (family == "gpt2")


def test_targets_are_the_matrices_of_the_layers_or_of_a_part_of_them() -> None:
    for family in ("llama", "gpt2", "phi", "gemma2"):
        model = models.build(tiny_config(family))
        every, attention, mlp = (target_names(model, each) for each in ("all", "attention", "mlp"))
        assert sorted(every) == sorted(attention + mlp)
        assert attention
        assert all("attn" in name for name in attention)
        assert all("mlp" in name for name in mlp)


def test_an_adapter_adds_nothing_at_first_and_depends_on_the_seed_alone() -> None:
    found: list[dict[str, Any]] = []
    for seed in (0, 0, 1):
        torch.manual_seed(0)
        model = models.build(tiny_config("llama")).eval()
        with torch.no_grad():
            plain = models.logits(model, TOKENS, None)
            torch.manual_seed(len(found))
            add_adapter(model, Component.model_validate(LORA), seed)
            assert torch.equal(models.logits(model, TOKENS, None), plain)
        trained = {name: each for name, each in model.named_parameters() if each.requires_grad}
        assert all(".lora_" in name for name in trained)
        found.append(trained)
    for name, value in found[0].items():
        assert torch.equal(value, found[1][name])
        assert torch.equal(value, found[2][name]) == (".lora_B." in name)


def test_several_processes_are_refused(workshop: Workshop, base: str) -> None:
    params, _ = training(workshop, base).parsed()
    with pytest.raises(SpeccError, match="trained by one process"):
        open_adapter(params, TrainExecution(replicas=2), workshop.store.path(base), CPU)


def test_a_stage_without_an_adapter_has_the_key_that_it_had(workshop: Workshop, base: str) -> None:
    with_none, _ = training(workshop, base, adapter=None).parsed()
    assert "adapter" not in identity(with_none)
    keys = {
        training(workshop, base, adapter=each).key for each in (None, LORA, {**LORA, "args": {"rank": 4}})
    }
    assert len(keys) == 3
