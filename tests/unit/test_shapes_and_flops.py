"""Sizes and costs of models, against counts made by hand."""

from __future__ import annotations

from typing import Any

import pytest

from specc.flops import evaluation_flops_per_token, training_flops_per_token
from specc.shapes import config_shape, llama_shape
from specc.steps import Component

SMOLLM_135M = {
    "model_type": "llama",
    "num_hidden_layers": 30,
    "hidden_size": 576,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "intermediate_size": 1536,
    "vocab_size": 49152,
    "max_position_embeddings": 2048,
    "tie_word_embeddings": True,
}
"""https://huggingface.co/HuggingFaceTB/SmolLM-135M: 134,515,008 parameters."""


def test_parameters_are_those_of_a_published_model() -> None:
    shape = config_shape(SMOLLM_135M)
    assert shape.parameters == 134_515_008
    assert shape.non_embedding == 134_515_008 - 49152 * 576


def test_an_untied_embedding_counts_twice() -> None:
    untied = config_shape(SMOLLM_135M | {"tie_word_embeddings": False})
    assert untied.parameters == 134_515_008 + 49152 * 576


def test_defaults_of_the_recipe_are_filled_in() -> None:
    shape = llama_shape(
        Component(name="llama", args={"layers": 2, "width": 64, "heads": 2, "context": 32}), 257
    )
    assert (shape.mlp, shape.kv_heads, shape.head, shape.tied) == (176, 2, 32, True)
    # Two layers of four 64 x 64 projections, three 64 x 176 projections and two norms, and a norm.
    assert shape.non_embedding == 2 * (4 * 64 * 64 + 3 * 64 * 176 + 2 * 64) + 64


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        ({"heads": 3}, "must divide `width`"),
        ({"heads": 64}, "even"),
        ({"kv_heads": 3}, "must divide `heads`"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(args: dict[str, Any], complaint: str) -> None:
    sizes = {"layers": 1, "width": 64, "heads": 4, "context": 32} | args
    with pytest.raises(ValueError, match=complaint):
        llama_shape(Component(name="llama", args=sizes), 257)


def test_flops_are_those_of_the_formula_at_a_published_size() -> None:
    # 0.807 GFLOP of products and 0.212 GFLOP of attention a token at 1,024 tokens.
    flops = training_flops_per_token(config_shape(SMOLLM_135M), 1024)
    assert flops == pytest.approx(0.807e9 + 0.212e9, rel=1e-3)
    assert evaluation_flops_per_token(config_shape(SMOLLM_135M), 1024) == flops // 3


def test_frozen_weights_spare_a_third_of_the_products() -> None:
    flops = training_flops_per_token(config_shape(SMOLLM_135M), 1024, frozen=True)
    assert flops == pytest.approx(0.807e9 * 2 / 3 + 0.212e9, rel=1e-3)
