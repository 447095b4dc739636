"""Local checkpoints in the hub's format, read as plain data: JSON and safetensors headers.

Nothing in a checkpoint is executed. Of config.json only the keys in `specc.families` are used, and a
checkpoint that asks for code of its own, or stores its weights as pickles, is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from specc.canonical import digest
from specc.errors import DataError, reason
from specc.families import LEAKING, LLAMA_LIKE, MODEL_TYPES, TIED_BY_DEFAULT, config_keys
from specc.files import file_digest
from specc.shapes import ModelShape, config_shape, counted_shape
from specc.tensors import StoredTensor, common_type, read_header

OPTIMIZER = "optimizer.safetensors"
"""Optimizer state beside the weights, as training leaves it; no part of the model."""

BESIDE = frozenset({OPTIMIZER, "adapter_model.safetensors", "consolidated.safetensors"})
"""Safetensors files that hold no weights of the model, or hold them a second time."""

COMPANIONS = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
    "generation_config.json",
)
"""Files beside the weights that say how a model is spoken to; plain data, copied as they are."""

LARGEST_COMPANION = 64_000_000
"""Bytes; a larger file beside the weights is no tokenizer."""

HEADS = ("lm_head.weight", "embed_out.weight")
"""Names of the output head."""

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
            f"{path} can't be read: {reason(error)}",
            "name a folder that holds config.json and *.safetensors",
        ) from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is no JSON: {reason(error)}", "fetch the checkpoint again") from error
    if not isinstance(config, dict):
        raise DataError(f"{path} is no JSON object", "fetch the checkpoint again")
    return usable_config(config, str(path))


def usable_config(config: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The keys that describe a model, of the content of config.json.

    Raises:
        DataError: if the model is of a type that can't be trained, or asks for code of its own.
    """
    for key, what in REFUSED_KEYS.items():
        if config.get(key):
            raise DataError(
                f"{where} {what} (`{key}`)", "use a checkpoint that transformers can load by itself"
            )
    model_type = config.get("model_type")
    if model_type in LEAKING:
        raise DataError(
            f"{where} describes a model of type {model_type!r}, whose attention mixes packed documents",
            f"use a checkpoint of one of these types: {', '.join(MODEL_TYPES)}",
        )
    if model_type not in MODEL_TYPES:
        raise DataError(
            f"{where} describes a model of type {model_type!r}",
            f"use a checkpoint of one of these types: {', '.join(MODEL_TYPES)}",
        )
    known = config_keys(str(model_type))
    return {key: value for key, value in config.items() if key in known}


def weight_files(folder: Path) -> tuple[Path, ...]:
    """The safetensors files that hold a checkpoint's weights, by name.

    Raises:
        DataError: if there is none.
    """
    found = (path for path in folder.glob("*.safetensors") if path.name not in BESIDE and path.is_file())
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


def checkpoint_fingerprint(folder: Path, weights: Sequence[Path] | None = None) -> str:
    """Digest of what a checkpoint is: the used part of its configuration and all its weights.

    Args:
        weights: the files that hold them; None for all that are there.
    Raises:
        DataError: as `read_config` and `weight_files`.
    """
    files = weight_files(folder) if weights is None else weights
    return _fingerprint(read_config(folder), {path.name: file_digest(path) for path in files})


def _fingerprint(config: Mapping[str, Any], weights: Mapping[str, str]) -> str:
    return digest({"config": dict(config), "weights": dict(weights)})


def pinned_checkpoint(
    config: Mapping[str, Any], files: Mapping[str, str], parameters: int, where: str
) -> tuple[ModelShape, str, dict[str, str]]:
    """Shape, fingerprint and companions of a checkpoint whose files are not at hand.

    Args:
        config: content of config.json. files: SHA-256 of its files, by name. parameters: number of weights.
        where: what it is described by, for people.
    Raises:
        DataError: as `read_config`, or if what is known is incomplete.
    """
    known = usable_config(config, where)
    weights = {name: sha for name, sha in files.items() if name.endswith(".safetensors")}
    try:
        shape = config_shape(known) if known["model_type"] in LLAMA_LIKE else counted_shape(known, parameters)
        if shape.parameters != parameters or not weights:
            raise ValueError(f"it has {parameters:,} weights, its configuration says {shape.parameters:,}")
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{where} does not describe a model: {reason(error)}", "lock it anew") from error
    beside = {name: sha for name, sha in files.items() if name in COMPANIONS}
    return shape, _fingerprint(known, weights), beside


def companions(folder: Path) -> dict[str, str]:
    """SHA-256 of the tokenizer's files and others that lie beside the weights, by name."""
    found = (folder / name for name in COMPANIONS)
    return {
        path.name: file_digest(path)
        for path in found
        if path.is_file() and path.stat().st_size <= LARGEST_COMPANION
    }


def stored_weights(folder: Path) -> dict[str, StoredTensor]:
    """The model's tensors by name, in order; masks and frequencies that old checkpoints store are left out.

    Raises:
        DataError: as `weight_files`, or if a file can't be read as safetensors.
    """
    tensors: dict[str, StoredTensor] = {}
    for path in weight_files(folder):
        tensors |= read_header(path)
    return {name: tensor for name, tensor in sorted(tensors.items()) if not _is_buffer(name, tensor)}


def _is_buffer(name: str, tensor: StoredTensor) -> bool:
    mask = len(tensor.shape) == 4 and name.endswith(".bias")
    return mask or name.endswith(("rotary_emb.inv_freq", ".masked_bias"))


def checkpoint_dtype(folder: Path) -> str:
    """The type that most weights of a checkpoint are stored in: "float32", "bfloat16" or "float16".

    Raises:
        DataError: as `stored_weights`.
    """
    return common_type(stored_weights(folder).values())


def checkpoint_shape(folder: Path) -> ModelShape:
    """Shape of a checkpoint's model, compared with the number of weights it holds.

    Of types like Llama the configuration says how many there are; of others they are counted.

    Raises:
        DataError: if a size is missing, or the weights are not those of the configuration.
    """
    config = read_config(folder)
    weights = stored_weights(folder)
    stored = sum(tensor.elements for tensor in weights.values())
    try:
        if config["model_type"] not in LLAMA_LIKE:
            twice = [weights[name].elements for name in HEADS if name in weights and is_tied(config)]
            return counted_shape(config, stored - sum(twice))
        shape = config_shape(config)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{folder / 'config.json'} does not say the size of the model: {reason(error)}",
            "use a complete configuration",
        ) from error
    embedding = shape.vocab * shape.width
    if stored not in (shape.parameters, shape.parameters + embedding * shape.tied):
        raise DataError(
            f"the weights in {folder} have {stored:,} elements, its config.json says {shape.parameters:,}",
            "check that config.json belongs to these weights",
        )
    return shape


def is_tied(config: Mapping[str, Any]) -> bool:
    """Whether a model's output head is its embedding."""
    told = config.get("tie_word_embeddings")
    return config.get("model_type") in TIED_BY_DEFAULT if told is None else bool(told)
