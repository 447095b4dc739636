"""Which models the plain implementation covers, and the numbers that it needs of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

MODEL_TYPES = ("llama", "mistral", "qwen2", "qwen3")
"""Model types of the hub that differ from Llama in what `Architecture` says at most."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """A decoder of Llama's kind (Touvron et al. 2023, arXiv 2302.13971).

    Attributes:
        width: of the residual stream. head: size of an attention head. mlp: inner size of SwiGLU.
        kv_heads: heads of keys and values, each shared by `heads // kv_heads` query heads.
        vocab: tokens in the vocabulary. tied: whether the output projection is the input embedding.
        norm_eps: added to the mean square in RMSNorm. rotary_base: of the rotary frequencies.
        biased: whether the query, key and value projections have biases (Qwen 2).
        head_norms: whether queries and keys are normalised per head (Qwen 3).
        window: farthest that attention looks back, in tokens; None for all of the row.
    """

    layers: int
    width: int
    heads: int
    kv_heads: int
    head: int
    mlp: int
    vocab: int
    tied: bool
    norm_eps: float = 1e-6
    rotary_base: float = 10_000.0
    biased: bool = False
    head_norms: bool = False
    window: int | None = None


def architecture_of(config: Any) -> Architecture | None:
    """What a configuration of transformers describes; None if the plain implementation can't do it.

    Not covered are scaled rotary positions, biases beyond Qwen 2's, other activations than SiLU, and
    layers that differ in kind. Attention over a sliding window is covered for rows that fit into it.
    """
    rotary = config.rope_parameters if hasattr(config, "rope_parameters") else None
    if (
        config.model_type not in MODEL_TYPES
        or getattr(config, "hidden_act", None) != "silu"
        or getattr(config, "attention_bias", False)
        or getattr(config, "mlp_bias", False)
        or rotary is None
        or rotary.get("rope_type", "default") != "default"
        or rotary.get("partial_rotary_factor", 1.0) != 1.0
        or any(kind != "full_attention" for kind in getattr(config, "layer_types", None) or ())
    ):
        return None
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return Architecture(
        layers=config.num_hidden_layers,
        width=config.hidden_size,
        heads=config.num_attention_heads,
        kv_heads=config.num_key_value_heads,
        head=head,
        mlp=config.intermediate_size,
        vocab=config.vocab_size,
        tied=bool(config.tie_word_embeddings),
        norm_eps=config.rms_norm_eps,
        rotary_base=rotary["rope_theta"],
        biased=config.model_type == "qwen2",
        head_norms=config.model_type == "qwen3",
        window=config.sliding_window if config.model_type == "mistral" else None,
    )
