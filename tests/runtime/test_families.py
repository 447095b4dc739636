"""Models of other families than Llama: imported, trained on packed documents, and loaded again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, PreTrainedConfig
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from specc.analysis.compile import compile_file
from specc.checkpoints import checkpoint_fingerprint, checkpoint_shape
from specc.errors import SpeccError
from specc.families import (
    DROPOUT_TYPES,
    EAGER_ONLY,
    LEAKING,
    LLAMA_LIKE,
    MODEL_TYPES,
    TIED_BY_DEFAULT,
    config_keys,
)
from specc_runtime import model as models
from specc_runtime.dropout import add_dropout
from tiny_models import VOCAB, save_tiny, tiny_config
from workshop import EOS, Workshop, random_documents

CPU = torch.device("cpu")
TRIED = ("gpt2", "gpt_neox", "olmo2", "gemma", "phi")
"""Families that are tried every time; the others in the second tier."""

LENGTHS = (5, 1, 8)


def marked(family: str) -> Any:
    return pytest.param(family, marks=pytest.mark.conformance)


FAMILIES = [family if family in TRIED else marked(family) for family in MODEL_TYPES]


def imported(workshop: Workshop, folder: Path) -> Path:
    params = {"fingerprint": checkpoint_fingerprint(folder)}
    step = workshop.step("import", params, execution={"path": str(folder)})
    workshop.do(step)
    return workshop.store.path(step.key)


def documents() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randint(0, VOCAB, (1, length), generator=generator) for length in LENGTHS]


def packed_and_separate(logits: Callable[[torch.Tensor, torch.Tensor | None], torch.Tensor]) -> Any:
    """Logits of documents in one row, and of each by itself."""
    positions = torch.cat([torch.arange(length) for length in LENGTHS])[None]
    with torch.no_grad():
        packed = logits(torch.cat(documents(), 1), positions)
        separate = torch.cat([logits(document, None) for document in documents()], 1)
    return packed, separate


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_is_imported_trained_packed_and_loaded_again(
    workshop: Workshop, tmp_path: Path, family: str
) -> None:
    original = save_tiny(tmp_path / "hub", family)
    folder = imported(workshop, tmp_path / "hub")
    model = models.load(folder, CPU)
    tokens = torch.cat(documents(), 1)
    with torch.no_grad():
        ours = models.logits(model, tokens, None)
        # The plain attention of some families rounds otherwise than the fused one.
        torch.testing.assert_close(ours, original(tokens).logits, atol=1e-5, rtol=1e-5)
    assert checkpoint_shape(tmp_path / "hub").parameters == original.num_parameters()
    assert checkpoint_shape(folder).parameters == original.num_parameters()

    packed, separate = packed_and_separate(lambda tokens, at: models.logits(model, tokens, at))
    torch.testing.assert_close(packed, separate, atol=1e-5, rtol=1e-5)
    assert (ours - separate).abs().max() > 1e-2

    step = workshop.train(folder.name, [workshop.corpus(random_documents(30, 1))], steps=3)
    outputs = workshop.do(step).outputs
    assert outputs["parameters"] == original.num_parameters()
    trained = workshop.store.path(step.key)
    loaded: Any = AutoModelForCausalLM.from_pretrained(trained, attn_implementation="eager")
    again = models.load(trained, CPU, "eager")
    with torch.no_grad():
        assert torch.equal(loaded(tokens).logits, models.logits(again, tokens, None))
        assert not torch.equal(loaded(tokens).logits, ours)


def test_dropout_of_the_configuration_is_off_in_training(workshop: Workshop, tmp_path: Path) -> None:
    assert tiny_config("gpt2").resid_pdrop > 0
    save_tiny(tmp_path / "hub", "gpt2")
    model = models.load(imported(workshop, tmp_path / "hub"), CPU)
    tokens = torch.cat(documents(), 1)
    with torch.no_grad():
        still = models.logits(model, tokens, None)
        assert torch.equal(models.logits(model.train(), tokens, None), still)


def test_what_type_the_weights_are_stored_in_stays(workshop: Workshop, tmp_path: Path) -> None:
    original = save_tiny(tmp_path / "hub", "gpt_neox", torch.bfloat16)
    folder = imported(workshop, tmp_path / "hub")
    stored = models.read_weights(folder)
    assert {tensor.dtype for tensor in stored.values()} == {torch.bfloat16}
    for name, parameter in original.named_parameters():
        assert torch.equal(stored[name].float(), parameter)


def test_a_checkpoint_in_pieces_needs_no_index(workshop: Workshop, tmp_path: Path) -> None:
    original = save_tiny(tmp_path / "hub", "gpt2")
    original.save_pretrained(tmp_path / "hub", max_shard_size="8KB")
    (tmp_path / "hub" / "model.safetensors").unlink()
    (tmp_path / "hub" / "model.safetensors.index.json").unlink()
    assert len(list((tmp_path / "hub").glob("*.safetensors"))) > 2
    stored = models.read_weights(imported(workshop, tmp_path / "hub"))
    for name, parameter in original.named_parameters():
        assert torch.equal(stored[name], parameter)


def test_every_key_that_describes_a_family_is_known() -> None:
    ignored = {
        *PreTrainedConfig().to_dict(),
        *("use_cache", "pretraining_tp", "is_decoder", "add_cross_attention", "eod_token_id"),
        *("summary_type", "summary_use_proj", "summary_activation", "summary_proj_to_labels"),
        "_sliding_window_pattern",  # `layer_types` says the same
    }
    for family in MODEL_TYPES:
        assert family in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
        config = CONFIG_MAPPING[family]()
        described = {name for name in config.to_dict() if "drop" not in name} - ignored
        assert described <= config_keys(family) | {"model_type"}
        assert config.tie_word_embeddings == (family in TIED_BY_DEFAULT)


@pytest.mark.conformance
@pytest.mark.parametrize("family", ["bloom", "opt"])
def test_what_is_refused_does_mix_packed_documents(tmp_path: Path, family: str) -> None:
    assert family in LEAKING
    model = save_tiny(tmp_path / "hub", family)
    packed, separate = packed_and_separate(lambda tokens, at: models.logits(model, tokens, at))
    assert (packed - separate).abs().max() > 1e-2


@pytest.mark.conformance
@pytest.mark.parametrize("family", [each for each in MODEL_TYPES if each not in LLAMA_LIKE])
def test_dropout_is_known_where_the_places_of_it_are(tmp_path: Path, family: str) -> None:
    model = models.build(tiny_config(family))
    model.train()
    tokens = torch.cat(documents(), 1)
    if family in DROPOUT_TYPES:
        add_dropout(model, 0.5)
        with torch.no_grad():
            one, other = (models.logits(model, tokens, None) for _ in range(2))
        assert not torch.equal(one, other)
    else:
        with pytest.raises(SpeccError, match="dropout is known"):
            add_dropout(model, 0.5)


def test_what_has_only_plain_attention_gets_it() -> None:
    for family in EAGER_ONLY:
        model: Any = models.build(tiny_config(family))
        assert model.config._attn_implementation == "eager"


@pytest.mark.parametrize("family", [family if family == "gpt2" else marked(family) for family in MODEL_TYPES])
def test_a_family_is_evaluated_as_transformers_computes_it(
    workshop: Workshop, tmp_path: Path, family: str
) -> None:
    original = save_tiny(tmp_path / "hub", family)
    checkpoint = imported(workshop, tmp_path / "hub").name
    held_out = [tokens for tokens in random_documents(12, 9, 20) if len(tokens) > 3]
    corpus = workshop.corpus([[1]], held_out, 2)
    values = {}
    for name in ("loss", "exact_match"):
        params = {
            "evaluator": {"name": name},
            "data": {"corpus": "corpus0", "split": "held_out"},
            "sequence": 64,
        }
        inputs = {"checkpoint": checkpoint, "corpus0": corpus}
        values[name] = workshop.do(workshop.step("eval", params, inputs)).outputs["value"]
    losses, right = [], []
    for document in held_out:
        tokens = torch.tensor([[*document, EOS]])
        with torch.no_grad():
            logits = original(tokens).logits[0]
        log_p = logits.log_softmax(-1)
        losses += [-log_p[place - 1, tokens[0, place]].item() for place in range(2, tokens.shape[1])]
        right.append(bool((logits[1:-1].argmax(-1) == tokens[0, 2:]).all()))
    assert values["loss"] == pytest.approx(sum(losses) / len(losses), rel=1e-4)
    assert values["exact_match"] == sum(right) / len(right)


def test_dropout_in_a_family_without_its_places_is_told_before_anything_runs(tmp_path: Path) -> None:
    save_tiny(tmp_path / "base", "gpt2")
    spec = tmp_path / "small.spec"
    spec.write_text(
        """experiment small {
          corpus web = markov(tokens = 4K tokens)
          allocate { web 512 tokens { adapt: 100% } }
          stage adapt from checkpoint("base") {
            optimizer = adamw()
            schedule  = constant(peak = 1e-3)
            batch     = 4 sequences
            sequence  = 32 tokens
            dropout   = 0.1
          }
        }
        """
    )
    (found,) = compile_file(spec).report.diagnostics
    assert (found.code, found.help) == ("E0303", "write `dropout = 0`, or leave it out")
    assert "not for those of type `gpt2`" in found.title
    spec.write_text(spec.read_text().replace("0.1", "0"))
    assert not compile_file(spec).report.failed


def _mask() -> torch.Tensor:
    return torch.ones(64, 64).tril().view(1, 1, 64, 64)


OLD: dict[str, tuple[str, dict[str, torch.Tensor], dict[str, Any]]] = {
    "gpt2": (
        "transformer.",
        {f"h.{layer}.attn.bias": _mask() for layer in range(2)},
        {"n_ctx": 64, "torch_dtype": "float32", "tie_word_embeddings": None},
    ),
    "gpt_neox": (
        "",
        {f"gpt_neox.layers.{layer}.attention.bias": _mask() for layer in range(2)}
        | {f"gpt_neox.layers.{layer}.attention.masked_bias": torch.tensor(-1e9) for layer in range(2)}
        | {f"gpt_neox.layers.{layer}.attention.rotary_emb.inv_freq": torch.ones(1) for layer in range(2)},
        {"rope_parameters": None, "rotary_pct": 0.25, "rotary_emb_base": 1000},
    ),
}
"""What checkpoints of early days had: other names, masks among the weights, other keys."""


@pytest.mark.conformance
@pytest.mark.parametrize("family", OLD)
def test_a_checkpoint_of_early_days_computes_what_it_did(
    workshop: Workshop, tmp_path: Path, family: str
) -> None:
    prefix, masks, keys = OLD[family]
    hub = tmp_path / "hub"
    parameters = save_tiny(hub, family).num_parameters()
    stored = load_file(hub / "model.safetensors")
    weights = {name.removeprefix(prefix): tensor for name, tensor in stored.items()}
    save_file(weights | masks, hub / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((hub / "config.json").read_text()) | keys
    (hub / "config.json").write_text(
        json.dumps({name: each for name, each in config.items() if each is not None})
    )
    theirs: Any = AutoModelForCausalLM.from_pretrained(hub)
    assert checkpoint_shape(hub).parameters == parameters
    ours = models.load(imported(workshop, hub), CPU)
    tokens = torch.cat(documents(), 1)
    with torch.no_grad():
        assert torch.equal(models.logits(ours, tokens, None), theirs.eval()(tokens).logits)


@pytest.mark.conformance
@pytest.mark.parametrize("family", ["gpt2", "gpt_neox", "gemma"])
def test_weights_of_a_family_are_averaged_and_rounded(
    workshop: Workshop, tmp_path: Path, family: str
) -> None:
    save_tiny(tmp_path / "hub", family)
    key = imported(workshop, tmp_path / "hub").name
    before = models.read_weights(workshop.store.path(key))
    combined = workshop.step("combine", {"weights": ["1/2", "1/2"]}, {"checkpoint0": key, "checkpoint1": key})
    workshop.do(combined)
    rounded = workshop.step(
        "transform", {"component": {"name": "quantize", "args": {"bits": 3}}}, {"checkpoint": combined.key}
    )
    workshop.do(rounded)
    mean, coarse = (models.read_weights(workshop.store.path(each.key)) for each in (combined, rounded))
    assert all(torch.equal(before[name], mean[name]) for name in before)
    for name, value in before.items():
        embeds = any(part in name for part in ("embed", "wte", "wpe", "lm_head"))
        assert torch.equal(coarse[name], value) == (value.ndim < 2 or embeds), name
