"""Dropout sits where it says, in training only, and leaves names alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from specc.errors import SpeccError
from specc_runtime import model as models
from specc_runtime.dropout import add_dropout
from workshop import TINY, Workshop

CPU = torch.device("cpu")
TOKENS = torch.tensor([[1, 2, 3, 4, 5, 6, 7, 8]])


def loaded(workshop: Workshop, attention: str = "sdpa") -> Any:
    return models.load(workshop.store.path(workshop.init(TINY)), CPU, attention)


def test_evaluation_and_weight_names_are_untouched(workshop: Workshop) -> None:
    plain, dropped = loaded(workshop), loaded(workshop)
    add_dropout(dropped, 0.5)
    assert list(plain.state_dict()) == list(dropped.state_dict())
    with torch.no_grad():
        assert torch.equal(models.logits(plain, TOKENS, None), models.logits(dropped, TOKENS, None))


def test_every_site_drops_its_share_in_training(workshop: Workshop) -> None:
    """Zeros at the embedding, both branches, and the inner activations; survivors are doubled."""
    model = loaded(workshop)
    add_dropout(model, 0.5)
    seen: dict[str, Tensor] = {}

    def keep(name: str) -> Any:
        return lambda module, inputs, output: seen.__setitem__(name, output.detach())

    decoder = model.model
    decoder.embed_tokens.register_forward_hook(keep("embedding"))
    decoder.layers[0].self_attn.o_proj.register_forward_hook(keep("attention"))
    decoder.layers[0].mlp.down_proj.register_forward_hook(keep("mlp"))
    decoder.layers[0].mlp.down_proj.register_forward_hook(
        lambda module, inputs, output: seen.__setitem__("inner", inputs[0].detach())
    )
    model.train()
    torch.manual_seed(0)
    tokens = torch.arange(1, 65)[None]
    models.logits(model, tokens, None)
    assert set(seen) == {"embedding", "attention", "mlp", "inner"}
    for values in seen.values():
        assert (values == 0).float().mean().item() == pytest.approx(0.5, abs=0.06)
    kept = seen["embedding"] != 0
    original = decoder.embed_tokens.weight[tokens].detach()
    assert torch.equal(seen["embedding"][kept], 2 * original[kept])


def test_attention_weights_are_dropped(workshop: Workshop) -> None:
    model = loaded(workshop, "eager")
    add_dropout(model, 0.5)
    model.train()
    torch.manual_seed(0)
    weights = model(input_ids=TOKENS, use_cache=False, output_attentions=True).attentions[0]
    visible = torch.tril(torch.ones(8, 8)).expand_as(weights) == 1
    assert (weights[visible] == 0).float().mean().item() == pytest.approx(0.5, abs=0.15)


def test_a_model_of_another_build_is_refused() -> None:
    with pytest.raises(SpeccError, match="built like Llama"):
        add_dropout(nn.Sequential(nn.Linear(2, 2)), 0.1)
