"""Local checkpoints in the hub's format, read as plain data: JSON and safetensors headers.

Nothing in a checkpoint is executed. Of config.json only the keys in `CONFIG_KEYS` are used, and a
checkpoint that asks for code of its own, or stores its weights as pickles, is refused.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from specc.canonical import digest
from specc.errors import DataError
from specc.files import file_digest
from specc.shapes import ModelShape, config_shape

MODEL_TYPES = ("llama", "mistral", "qwen2", "qwen3")
"""Architectures built like Llama: their layers have the parts that training and dropout rely on."""

CONFIG_KEYS = frozenset(
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
"""What of config.json describes the model; everything else is left out."""

OPTIMIZER = "optimizer.safetensors"
"""Optimizer state beside the weights, as training leaves it; no part of the model."""

REFUSED_KEYS = {
    "auto_map": "asks for code of its own to be run",
    "trust_remote_code": "asks for code of its own to be run",
    "quantization_config": "holds quantised weights",
}


def read_config(folder: Path) -> dict[str, Any]:
    """The keys of a checkpoint's config.json that describe the model.

    Raises:
        DataError: if it is missing, unreadable, of an unknown architecture, or asks for code.
    """
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(
            f"{path} can't be read: {(error.strerror or str(error)).lower()}",
            "name a folder that holds config.json and *.safetensors",
        ) from error
    except ValueError as error:
        raise DataError(f"{path} is no JSON: {error}", "fetch the checkpoint again") from error
    if not isinstance(config, dict):
        raise DataError(f"{path} is no JSON object", "fetch the checkpoint again")
    for key, what in REFUSED_KEYS.items():
        if config.get(key):
            raise DataError(
                f"{path} {what} (`{key}`)", "use a checkpoint that transformers can load by itself"
            )
    if config.get("model_type") not in MODEL_TYPES:
        raise DataError(
            f"{path} describes a model of type {config.get('model_type')!r}",
            f"use a checkpoint of one of these types: {', '.join(MODEL_TYPES)}",
        )
    return {key: value for key, value in config.items() if key in CONFIG_KEYS}


def weight_files(folder: Path) -> tuple[Path, ...]:
    """The safetensors files that hold a checkpoint's weights, by name.

    Raises:
        DataError: if there is none.
    """
    found = (path for path in folder.glob("*.safetensors") if path.name != OPTIMIZER and path.is_file())
    files = tuple(sorted(found))
    if not files:
        pickles = [*folder.glob("*.bin"), *folder.glob("*.pt"), *folder.glob("*.pth")]
        help = (
            f"convert {pickles[0].name} to safetensors: loading it would run code"
            if pickles
            else "name a folder that holds config.json and *.safetensors"
        )
        raise DataError(f"{folder} holds no *.safetensors file", help)
    return files


def checkpoint_fingerprint(folder: Path) -> str:
    """Digest of what a checkpoint is: the used part of its configuration and all its weights.

    Raises:
        DataError: as `read_config` and `weight_files`.
    """
    weights = {path.name: file_digest(path) for path in weight_files(folder)}
    return digest({"config": read_config(folder), "weights": weights})


def checkpoint_shape(folder: Path) -> ModelShape:
    """Shape of a checkpoint's model, compared with the number of weights it holds.

    Raises:
        DataError: if a size is missing, or the weights are not those of the configuration.
    """
    try:
        shape = config_shape(read_config(folder))
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{folder / 'config.json'} does not say the size of the model: {error}",
            "use a complete configuration",
        ) from error
    stored = sum(_elements(path) for path in weight_files(folder))
    embedding = shape.vocab * shape.width
    if stored not in (shape.parameters, shape.parameters + embedding * shape.tied):
        raise DataError(
            f"the weights in {folder} have {stored:,} elements, its config.json says {shape.parameters:,}",
            "check that config.json belongs to these weights",
        )
    return shape


def _elements(path: Path) -> int:
    """Elements of all tensors in a safetensors file, from its header.

    The file begins with the header's size as 8 bytes, little-endian, and the header in JSON:
    https://github.com/huggingface/safetensors#format.
    """
    try:
        with open(path, "rb") as file:
            size = int.from_bytes(file.read(8), "little")
            if size > path.stat().st_size:
                raise ValueError("it is cut off")
            header = json.loads(file.read(size))
        return sum(
            math.prod(tensor["shape"])
            for name, tensor in header.items()
            if name != "__metadata__" and not name.endswith("rotary_emb.inv_freq")
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path} can't be read as safetensors: {error}", "fetch the checkpoint again"
        ) from error
