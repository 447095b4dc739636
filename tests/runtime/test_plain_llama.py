"""The plain Llama computes what transformers' models compute: logits, losses, gradients, dropout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, dropout
from transformers import LlamaConfig, MistralConfig, Qwen2Config, Qwen3Config

from specc_runtime import model as models
from specc_runtime.dropout import add_dropout
from specc_runtime.llama import Architecture, LlamaWeights, PlainLlama, architecture_of, forward
from specc_runtime.llama.compiled import compiled_loss

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


Graph = Callable[[LlamaWeights], Tensor]


@pytest.fixture
def as_traced(monkeypatch: pytest.MonkeyPatch) -> Callable[[Architecture, float], Graph]:
    """The loss that torch's compiler is given, uncompiled, over the packed rows of these tests."""
    monkeypatch.setattr(torch, "compile", lambda function, **settings: function)

    def graph(architecture: Architecture, probability: float) -> Graph:
        loss = compiled_loss.__wrapped__(architecture, probability)
        return lambda weights: loss(weights, TOKENS, LABELS, POSITIONS)

    return graph


def slopes(model: PlainLlama, dtype: torch.dtype, graph: Graph) -> tuple[Tensor, Tensor]:
    """A loss and its gradients, one after another in one vector."""
    halved = None if dtype == torch.float32 else model.flat[: model.layout.matrices].to(dtype)
    weights = model.layout.merged(model.flat.detach(), halved)
    leaves = [leaf.requires_grad_(True) for leaf in weights.leaves()]
    torch.manual_seed(5)
    loss = graph(weights)
    grads = torch.autograd.grad(loss, leaves)
    return loss, torch.cat([grad.float().flatten() for grad in grads])


@pytest.mark.parametrize("probability", [0.0, 0.3], ids=["", "dropout"])
@pytest.mark.parametrize("name", CONFIGS)
def test_what_the_compiler_is_given_computes_the_same(name: str, probability: float, as_traced: Any) -> None:
    model = plain(CONFIGS[name], peer(CONFIGS[name]))
    drop = (lambda x: dropout(x, probability)) if probability else None

    def plainly(weights: LlamaWeights) -> Tensor:
        return forward.summed_loss(model.architecture, weights, TOKENS, LABELS, POSITIONS, drop)

    loss, gradient = slopes(model, torch.float32, plainly)
    traced, mine = slopes(model, torch.float32, as_traced(model.architecture, probability))
    torch.testing.assert_close(traced, loss, rtol=1e-6, atol=0)
    torch.testing.assert_close(mine, gradient, rtol=1e-5, atol=1e-5 * gradient.abs().max().item())


@pytest.mark.parametrize("name", ["untied", "grouped"])
def test_what_the_compiler_is_given_errs_no_more_in_bfloat16(name: str, as_traced: Any) -> None:
    """The gradient's distance from that in float32, for the plain functions and for what is compiled."""
    model = plain(CONFIGS[name], peer(CONFIGS[name]))

    def plainly(weights: LlamaWeights) -> Tensor:
        return forward.summed_loss(model.architecture, weights, TOKENS, LABELS, POSITIONS)

    _, exact = slopes(model, torch.float32, plainly)
    _, allowed = slopes(model, torch.bfloat16, plainly)
    _, found = slopes(model, torch.bfloat16, as_traced(model.architecture, 0.0))
    assert 0 < (found - exact).norm() < 1.3 * (allowed - exact).norm()


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
