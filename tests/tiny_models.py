"""Tiny models of any family, with random weights, as transformers itself saves them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

VOCAB = 257
SIZES = {
    "vocab_size": VOCAB,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "intermediate_size": 24,
    "head_dim": 8,
    "max_position_embeddings": 64,
    "n_embd": 16,
    "n_layer": 2,
    "n_head": 2,
    "n_positions": 64,
    "rotary_dim": 4,
    "num_heads": 2,
    "num_layers": 2,
    "sliding_window": 5,
    "window_size": 5,
    "bos_token_id": None,
    "eos_token_id": None,
    "pad_token_id": None,
}


def tiny_config(model_type: str, vocab: int = VOCAB) -> Any:
    config: Any = CONFIG_MAPPING[model_type]
    known = config().to_dict()
    sizes: dict[str, Any] = {name: value for name, value in SIZES.items() if name in known}
    if known.get("layer_types"):
        sizes["layer_types"] = [known["layer_types"][0], known["layer_types"][-1]]
    if "no_rope_layers" in known:
        sizes["no_rope_layers"] = [0, 1]
    if "attention_types" in known:
        sizes["attention_types"] = [[["global", "local"], 1]]
    return config(**sizes | {"vocab_size": vocab})


def save_tiny(folder: Path, model_type: str, dtype: torch.dtype = torch.float32, vocab: int = VOCAB) -> Any:
    """Save a model whose attention has an effect; returns it in float32, in evaluation mode."""
    torch.manual_seed(0)
    make: Any = AutoModelForCausalLM.from_config
    model = make(tiny_config(model_type, vocab), dtype=torch.float32)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim >= 2:
                parameter.normal_(0.0, 0.2)
    model.to(dtype).save_pretrained(folder)
    return model.float().eval()
