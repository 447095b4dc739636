"""Models in the hub's format: build, load, save, and a forward pass that keeps documents apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForCausalLM, LlamaConfig

from specc.checkpoints import BESIDE, checkpoint_shape
from specc.components import arguments
from specc.errors import DataError, reason
from specc.families import EAGER_ONLY
from specc.shapes import ModelShape, llama_shape
from specc.steps import Component


def llama_config(architecture: Component, vocab: int) -> LlamaConfig:
    """Configuration of the `llama` component.

    Raises:
        ValueError: if the sizes do not fit together.
    """
    shape = llama_shape(architecture, vocab)
    given: dict[str, Any] = arguments(architecture)
    return LlamaConfig(
        architectures=["LlamaForCausalLM"],
        vocab_size=vocab,
        hidden_size=shape.width,
        intermediate_size=shape.mlp,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        max_position_embeddings=shape.context,
        rope_parameters={"rope_type": "default", "rope_theta": given["rope_base"]},
        tie_word_embeddings=shape.tied,
        rms_norm_eps=given["norm_eps"],
        initializer_range=given["init_std"],
        bos_token_id=None,
        eos_token_id=None,
    )


def build(config: Any, attention: str = "sdpa") -> nn.Module:
    """A causal language model with float32 weights that still have to be filled.

    Dropout that its configuration asks for is turned off: a recipe says how much there is.
    """
    for name, value in vars(config).items():
        if "drop" in name and isinstance(value, float):
            setattr(config, name, 0.0)
    if config.model_type in EAGER_ONLY:
        attention = "eager"
    make: Callable[..., nn.Module] = AutoModelForCausalLM.from_config
    return make(config, dtype=torch.float32, attn_implementation=attention)


def attention_kernel(device: torch.device, dtype: str) -> str:
    """Which attention of transformers to use.

    The backward pass of torch's fused attention in bfloat16 is about five times slower on a CPU
    than the plain products are.
    """
    return "eager" if device.type == "cpu" and dtype == "bfloat16" else "sdpa"


def load(folder: Path, device: torch.device, attention: str = "sdpa") -> nn.Module:
    """A model from config.json and *.safetensors, with float32 weights, in evaluation mode.

    Raises:
        DataError: if the weights are not those of the configuration.
    """
    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    model = build(config, attention)
    fill(model, read_weights(folder), folder)
    return model.to(device).eval()


_cached: tuple[tuple[str, ...], nn.Module] | None = None


def load_cached(folder: Path, device: torch.device, attention: str = "sdpa") -> nn.Module:
    """As `load`, but keeps the last model, so that evaluations of one checkpoint load it once.

    The caller must not change its weights.
    """
    global _cached
    wanted = (str(folder), str(device), attention)
    if _cached is None or _cached[0] != wanted:
        _cached = None
        _cached = (wanted, load(folder, device, attention))
    return _cached[1]


def read_weights(folder: Path) -> dict[str, Tensor]:
    """All tensors of a folder's safetensors files, by name.

    Raises:
        DataError: if a file can't be read.
    """
    found: dict[str, Tensor] = {}
    for path in sorted(folder.glob("*.safetensors")):
        if path.name not in BESIDE:
            try:
                found.update(load_file(path))
            except SafetensorError as error:
                raise DataError(
                    f"{path} can't be read as safetensors: {reason(error)}", "fetch the checkpoint again"
                ) from error
    return found


def fill(model: nn.Module, weights: Mapping[str, Tensor], where: Path) -> None:
    """Copy weights into a model, whatever precision they are stored in.

    Raises:
        DataError: if a parameter is missing or has another shape.
    """
    check_fit(model, weights, where)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(weights[name])


def check_fit(model: nn.Module, weights: Mapping[str, Tensor], where: Path) -> None:
    """Refuse weights that are not those of a model.

    Raises:
        DataError: if a parameter is missing or has another shape.
    """
    check_shapes({name: tuple(value.shape) for name, value in model.named_parameters()}, weights, where)


def check_shapes(shapes: Mapping[str, tuple[int, ...]], weights: Mapping[str, Tensor], where: Path) -> None:
    """Refuse weights that have not these shapes.

    Raises:
        DataError: if one is missing or has another shape.
    """
    for name, shape in shapes.items():
        stored = weights.get(name)
        if stored is None or tuple(stored.shape) != shape:
            found = "is missing" if stored is None else f"has the shape {tuple(stored.shape)}"
            raise DataError(
                f"`{name}` {found} in {where}, the configuration says {shape}",
                "check that config.json belongs to these weights",
            )


def weights(model: nn.Module) -> dict[str, Tensor]:
    """The weights by name; a tied embedding once."""
    return {name: parameter.detach().contiguous() for name, parameter in model.named_parameters()}


def save(model: nn.Module, folder: Path) -> None:
    """Write the weights of a model as model.safetensors."""
    save_weights(weights(model), folder)


def save_weights(tensors: Mapping[str, Tensor], folder: Path) -> None:
    """Write weights, by the hub's names, as model.safetensors."""
    save_file(dict(tensors), folder / "model.safetensors", metadata={"format": "pt"})


def read_shape(folder: Path) -> ModelShape:
    """Shape of the model that lies in a folder."""
    return checkpoint_shape(folder)


def logits(model: nn.Module, tokens: Tensor, positions: Tensor | None) -> Tensor:
    """Next-token logits [B, T, V] of rows of packed documents, or of whole rows if no positions.

    With an attention mask of ones, or with the cache that is on by default, transformers 5.23 lets
    attention cross from one packed document into the next without a word.
    """
    result: Tensor = model(input_ids=tokens, position_ids=positions, use_cache=False).logits
    return result
