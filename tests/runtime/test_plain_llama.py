"""The plain Llama computes what transformers' models compute: logits, losses, gradients, dropout."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, dropout
from transformers import LlamaConfig, MistralConfig, Qwen2Config, Qwen3Config

from specc_runtime import model as models
from specc_runtime.dropout import add_dropout
from specc_runtime.llama import Architecture, Layout, PlainLlama, architecture_of, forward

SIZES: dict[str, Any] = {
    "vocab_size": 61,
    "hidden_size": 24,
    "intermediate_size": 40,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 64,
}
CONFIGS: dict[str, Any] = {
    "tied": LlamaConfig(**SIZES, num_key_value_heads=4, tie_word_embeddings=True),
    "untied": LlamaConfig(**SIZES, num_key_value_heads=4, rope_parameters={"rope_theta": 500.0}),
    "grouped": LlamaConfig(**SIZES, num_key_value_heads=2, rms_norm_eps=1e-3),
    "mistral": MistralConfig(**SIZES, num_key_value_heads=1, sliding_window=32),
    "qwen2": Qwen2Config(**SIZES, num_key_value_heads=2, tie_word_embeddings=True),
    "qwen3": Qwen3Config(**SIZES, num_key_value_heads=2, head_dim=10),
}
TOKENS = torch.randint(61, (3, 16), generator=torch.Generator().manual_seed(1))
LABELS = TOKENS.masked_fill(torch.rand((3, 16), generator=torch.Generator().manual_seed(2)) < 0.2, -100)
POSITIONS = torch.stack(
    [
        torch.cat([torch.arange(5), torch.arange(1), torch.arange(10)]),
        torch.arange(16),
        torch.cat([torch.arange(8), torch.arange(8)]),
    ]
)


def peer(config: Any, attention: str = "sdpa", seed: int = 0) -> nn.Module:
    """A model of transformers with large random weights, norms and biases included."""
    model = models.build(config, attention)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(1.0 if parameter.ndim == 1 else 0.0, 0.3, generator=generator)
    return model.eval()


def architecture(config: Any) -> Architecture:
    found = architecture_of(config)
    assert found is not None
    return found


def plain(config: Any, model: nn.Module, dtype: torch.dtype = torch.float32) -> PlainLlama:
    return PlainLlama(architecture(config), models.weights(model), dtype)


def peer_loss(model: nn.Module, positions: Tensor | None) -> Tensor:
    logits = models.logits(model, TOKENS, positions)[:, :-1].float()
    return cross_entropy(logits.flatten(0, 1), LABELS[:, 1:].flatten(), reduction="sum")


def gradients(
    model: PlainLlama, positions: Tensor | None, drop: Any = None
) -> tuple[Tensor, dict[str, Tensor]]:
    model.flat.requires_grad_(True)
    weights = model.layout.merged(model.flat)
    loss = forward.summed_loss(model.architecture, weights, TOKENS, LABELS, positions, drop)
    (flat,) = torch.autograd.grad(loss, model.flat)
    return loss, model.layout.named(flat)


@pytest.mark.parametrize("positions", [None, POSITIONS], ids=["whole", "packed"])
@pytest.mark.parametrize("name", CONFIGS)
def test_logits_loss_and_gradients_equal_those_of_transformers(name: str, positions: Tensor | None) -> None:
    model = peer(CONFIGS[name])
    ours = plain(CONFIGS[name], model)
    with torch.no_grad():
        expected = models.logits(model, TOKENS, positions)
        torch.testing.assert_close(ours.logits(TOKENS, positions), expected, rtol=1e-5, atol=1e-5)
    loss = peer_loss(model, positions)
    torch.autograd.backward(loss)
    mine, grads = gradients(ours, positions)
    torch.testing.assert_close(mine, loss, rtol=1e-6, atol=0)
    parameters = dict(model.named_parameters())
    assert set(grads) == set(parameters)
    for weight, parameter in parameters.items():
        assert parameter.grad is not None
        scale = parameter.grad.abs().max().item()
        torch.testing.assert_close(grads[weight], parameter.grad, rtol=1e-5, atol=1e-5 * scale, msg=weight)


@pytest.mark.parametrize("positions", [None, POSITIONS], ids=["whole", "packed"])
def test_bfloat16_errs_no_more_than_transformers_in_bfloat16(positions: Tensor | None) -> None:
    """Mean error of the logits against float32, as transformers' autocast has it too."""
    config = CONFIGS["grouped"]
    model = peer(config, "eager")
    with torch.no_grad():
        exact = models.logits(model, TOKENS, positions)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            theirs = models.logits(model, TOKENS, positions).float()
        ours = plain(config, model, torch.bfloat16).logits(TOKENS, positions).float()
    error, allowed = (ours - exact).abs().mean(), (theirs - exact).abs().mean()
    assert 0 < error < 1.5 * allowed


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_dropout_draws_what_it_draws_in_transformers(attention: str) -> None:
    """The same sites in the same order: from one seed both get the same loss."""
    config = CONFIGS["grouped"]
    model = peer(config, attention)
    ours = plain(config, model)
    add_dropout(model, 0.3)
    model.train()
    torch.manual_seed(5)
    loss = peer_loss(model, POSITIONS)
    torch.manual_seed(5)
    mine, _ = gradients(ours, POSITIONS, lambda x: dropout(x, 0.3))
    torch.testing.assert_close(mine, loss, rtol=1e-5, atol=0)
    torch.manual_seed(6)
    other, _ = gradients(ours, POSITIONS, lambda x: dropout(x, 0.3))
    assert abs(other - mine) > 1e-3


@pytest.mark.parametrize("name", ["tied", "grouped", "qwen2", "qwen3"])
def test_stacked_models_compute_what_each_computes_alone(name: str) -> None:
    """Three models with their own tokens, labels and positions, along a leading axis."""
    config = CONFIGS[name]
    alone = [plain(config, peer(config, seed=seed)) for seed in range(3)]
    stacked = torch.stack([model.flat for model in alone]).requires_grad_(True)
    layout = Layout(architecture(config))
    tokens = torch.stack([TOKENS, TOKENS.flip(0), TOKENS.flip(1)])
    labels = torch.stack([LABELS, LABELS.flip(0), tokens[2]])
    positions = torch.stack([POSITIONS, POSITIONS.flip(0), POSITIONS[[1, 1, 0]]])
    weights = layout.merged(stacked)
    losses = forward.summed_loss(layout.architecture, weights, tokens, labels, positions)
    logits = forward.logits(layout.architecture, weights, tokens, positions)
    (grads,) = torch.autograd.grad(losses.sum(), stacked)
    for number, model in enumerate(alone):
        model.flat.requires_grad_(True)
        one = layout.merged(model.flat)
        batch = tokens[number], labels[number], positions[number]
        loss = forward.summed_loss(layout.architecture, one, *batch)
        (grad,) = torch.autograd.grad(loss, model.flat)
        torch.testing.assert_close(losses[number], loss, rtol=1e-6, atol=0)
        torch.testing.assert_close(grads[number], grad, rtol=1e-4, atol=1e-5 * grad.abs().max().item())
        with torch.no_grad():
            expected = forward.logits(layout.architecture, one, tokens[number], positions[number])
        torch.testing.assert_close(logits[number], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "config",
    [
        LlamaConfig(**SIZES, attention_bias=True),
        LlamaConfig(**SIZES, hidden_act="gelu"),
        LlamaConfig(**SIZES, rope_parameters={"rope_type": "linear", "rope_theta": 1e4, "factor": 2.0}),
        Qwen2Config(**SIZES, use_sliding_window=True, sliding_window=8, max_window_layers=1),
    ],
    ids=["biases", "gelu", "scaled positions", "two kinds of layers"],
)
def test_what_differs_from_llama_is_not_covered(config: Any) -> None:
    assert architecture_of(config) is None


def test_rows_longer_than_the_window_are_refused() -> None:
    model = plain(CONFIGS["mistral"], peer(CONFIGS["mistral"]))
    with pytest.raises(ValueError, match="window of 32"):
        model.logits(torch.zeros(1, 33, dtype=torch.long))
