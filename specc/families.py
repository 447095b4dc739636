"""The families of models that can be imported: their types in the hub's format, and what describes them.

Every type here is a class of transformers itself, a plain decoder without experts or recurrent state.
Each was tried: it computes what transformers computes from the original files, and packed documents
are kept apart by their positions (tests/runtime/test_families.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LLAMA_LIKE = ("llama", "mistral", "qwen2", "qwen3")
"""Types with the layers of Llama, whose number of weights follows from their configuration."""

MODEL_TYPES = (
    *LLAMA_LIKE,
    "arcee",
    "cohere",
    "cohere2",
    "ernie4_5",
    "exaone4",
    "gemma",
    "gemma2",
    "gemma3_text",
    "glm",
    "glm4",
    "gpt2",
    "gpt_bigcode",
    "gpt_neo",
    "gpt_neox",
    "gptj",
    "granite",
    "helium",
    "hunyuan_v1_dense",
    "ministral3",
    "nanochat",
    "nemotron",
    "olmo",
    "olmo2",
    "olmo3",
    "persimmon",
    "phi",
    "phi3",
    "seed_oss",
    "smollm3",
    "stablelm",
    "starcoder2",
)
"""Types that are imported."""

LEAKING = ("bloom", "falcon", "mpt", "opt")
"""Types whose attention crosses from one packed document into the next: refused."""

EAGER_ONLY = frozenset({"gemma2", "gpt_neo", "gptj"})
"""Types whose attention has only the plain implementation of transformers."""

DROPOUT_TYPES = (*LLAMA_LIKE, "arcee", "gemma", "granite", "ministral3", "smollm3")
"""Types with the five places of dropout, where Llama has them."""

TIED_BY_DEFAULT = frozenset(
    {
        "cohere",
        "cohere2",
        "ernie4_5",
        "gemma",
        "gemma2",
        "gemma3_text",
        "gpt2",
        "gpt_bigcode",
        "gpt_neo",
        "smollm3",
        "starcoder2",
    }
)
"""Types whose output head is their embedding unless config.json says otherwise."""

LLAMA_KEYS = frozenset(
    {
        "architectures",
        "attention_bias",
        "bos_token_id",
        "eos_token_id",
        "head_dim",
        "hidden_act",
        "hidden_size",
        "initializer_range",
        "intermediate_size",
        "layer_types",
        "max_position_embeddings",
        "max_window_layers",
        "mlp_bias",
        "model_type",
        "num_attention_heads",
        "num_hidden_layers",
        "num_key_value_heads",
        "pad_token_id",
        "rms_norm_eps",
        "rope_parameters",
        "rope_scaling",
        "rope_theta",
        "sliding_window",
        "tie_word_embeddings",
        "use_sliding_window",
        "vocab_size",
    }
)
"""What of config.json describes a model of the types like Llama; everything else is left out."""

CONFIG_KEYS = LLAMA_KEYS | {
    "activation_function",
    "attention_layers",
    "attention_multiplier",
    "attention_out_bias",
    "attention_softmax_in_fp32",
    "attention_types",
    "attn_logit_softcapping",
    "clip_qkv",
    "embedding_multiplier",
    "final_logit_softcapping",
    "hidden_activation",
    "layer_norm_eps",
    "layer_norm_epsilon",
    "logit_scale",
    "logits_scaling",
    "multi_query",
    "n_embd",
    "n_head",
    "n_inner",
    "n_layer",
    "n_positions",
    "no_rope_layer_interval",
    "no_rope_layers",
    "norm_eps",
    "norm_epsilon",
    "num_heads",
    "num_layers",
    "original_max_position_embeddings",
    "partial_rotary_factor",
    "qk_layernorm",
    "query_pre_attn_scalar",
    "reorder_and_upcast_attn",
    "residual_multiplier",
    "rope_local_base_freq",
    "rotary_dim",
    "rotary_emb_base",
    "rotary_pct",
    "scale_attention_softmax_in_fp32",
    "scale_attn_by_inverse_layer_idx",
    "scale_attn_weights",
    "sliding_window_pattern",
    "use_bias",
    "use_bidirectional_attention",
    "use_parallel_residual",
    "use_qk_norm",
    "use_qkv_bias",
    "window_size",
}
"""The same for all types. Dropout is not among it: how much there is says the recipe alone."""


def config_keys(model_type: str) -> frozenset[str]:
    """Keys of config.json that describe a model of a type."""
    return LLAMA_KEYS if model_type in LLAMA_LIKE else CONFIG_KEYS


def plain_llama(config: Mapping[str, Any]) -> bool:
    """Whether a model is a Llama without biases, scaled positions or other activations.

    Args:
        config: the content of its config.json.
    """
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    return (
        config.get("model_type") == "llama"
        and config.get("hidden_act", "silu") == "silu"
        and not config.get("attention_bias")
        and not config.get("mlp_bias")
        and not config.get("attention_dropout")
        and rope.get("rope_type", rope.get("type", "default")) == "default"
        and float(rope.get("partial_rotary_factor", config.get("partial_rotary_factor", 1.0))) == 1.0
    )
