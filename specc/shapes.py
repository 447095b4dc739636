"""Sizes of a decoder-only transformer, from a recipe's component or from a hub configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from specc.components import arguments
from specc.families import TIED_BY_DEFAULT
from specc.steps import Component, Frozen


class ModelShape(Frozen):
    """Dimensions of a Llama-type decoder.

    Attributes:
        head: size of an attention head. mlp: inner size of the SwiGLU block.
        vocab: tokens in the vocabulary. context: longest sequence, in tokens.
        tied: whether the output projection is the input embedding.
        biases: number of bias parameters and further norms in a layer, beyond the plain Llama layer.
        counted: number of all parameters, where the layers are not those of Llama; None where they are.
    """

    layers: int
    width: int
    heads: int
    kv_heads: int
    head: int
    mlp: int
    vocab: int
    context: int
    tied: bool
    biases: int = 0
    counted: int | None = None

    @property
    def embedding(self) -> int:
        """Parameters of the input and output embeddings; a tied embedding counts once."""
        return self.vocab * self.width * (1 if self.tied else 2)

    @property
    def non_embedding(self) -> int:
        """Parameters outside of the input and output embeddings, norms included."""
        if self.counted is not None:
            return self.counted - self.embedding
        attention = self.width * self.head * (2 * self.heads + 2 * self.kv_heads)
        layer = attention + 3 * self.width * self.mlp + 2 * self.width + self.biases
        return self.layers * layer + self.width

    @property
    def parameters(self) -> int:
        """All parameters; a tied embedding counts once."""
        return self.non_embedding + self.embedding


def llama_shape(architecture: Component, vocab: int) -> ModelShape:
    """Shape of the `llama` component over a vocabulary of `vocab` tokens.

    Raises:
        ValueError: if `heads` does not divide `width` into even sizes, or `kv_heads` not `heads`.
    """
    given: dict[str, Any] = arguments(architecture)
    width, heads = given["width"], given["heads"]
    kv_heads = given["kv_heads"] or heads
    if width % heads or (width // heads) % 2:
        raise ValueError(f"`heads` must divide `width` into even head sizes: {width} / {heads} does not")
    if heads % kv_heads:
        raise ValueError(f"`kv_heads` must divide `heads`: {heads} / {kv_heads} does not")
    return ModelShape(
        layers=given["layers"],
        width=width,
        heads=heads,
        kv_heads=kv_heads,
        head=width // heads,
        mlp=given["mlp"] or -(-8 * width // (3 * 8)) * 8,
        vocab=vocab,
        context=given["context"],
        tied=given["tied"],
    )


def config_shape(config: Mapping[str, Any]) -> ModelShape:
    """Shape that a hub configuration (the content of config.json) describes.

    Raises:
        KeyError, TypeError: if a size is missing or no number.
    """
    layers, width, heads = (
        int(config[name]) for name in ("num_hidden_layers", "hidden_size", "num_attention_heads")
    )
    kv_heads = int(config.get("num_key_value_heads") or heads)
    head = int(config.get("head_dim") or width // heads)
    mlp = int(config["intermediate_size"])
    biases = 0
    if config.get("model_type") == "qwen2":
        biases += head * (heads + 2 * kv_heads)
    elif config.get("attention_bias"):
        biases += head * (heads + 2 * kv_heads) + width
    if config.get("model_type") == "qwen3":
        biases += 2 * head
    if config.get("mlp_bias"):
        biases += 2 * mlp + width
    return ModelShape(
        layers=layers,
        width=width,
        heads=heads,
        kv_heads=kv_heads,
        head=head,
        mlp=mlp,
        vocab=int(config["vocab_size"]),
        context=int(config.get("max_position_embeddings") or 2048),
        tied=bool(config.get("tie_word_embeddings", False)),
        biases=biases,
    )


NAMES = {
    "num_hidden_layers": ("n_layer", "num_layers"),
    "hidden_size": ("n_embd",),
    "num_attention_heads": ("n_head", "num_heads"),
    "max_position_embeddings": ("n_positions",),
    "intermediate_size": ("n_inner",),
}
"""Sizes by their usual name in config.json, and what some families call them."""


def counted_shape(config: Mapping[str, Any], parameters: int) -> ModelShape:
    """Shape of a model whose layers are not those of Llama, from its configuration and its weights.

    Args:
        parameters: number of all weights.
    Raises:
        KeyError, TypeError, ValueError: if a size is missing or no number, or the weights are too few.
    """
    given = dict(config)
    for name, others in NAMES.items():
        given[name] = next((config[each] for each in (name, *others) if config.get(each) is not None), None)
    if given["intermediate_size"] is None:
        given["intermediate_size"] = 4 * int(given["hidden_size"])
    if given.get("tie_word_embeddings") is None:
        given["tie_word_embeddings"] = given.get("model_type") in TIED_BY_DEFAULT
    shape = config_shape(given).model_copy(update={"biases": 0, "counted": parameters})
    if shape.non_embedding <= 0:
        raise ValueError(f"{parameters:,} weights are fewer than its embeddings have")
    return shape
