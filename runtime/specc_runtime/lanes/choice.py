"""Which models can be stacked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from specc.families import plain_llama
from specc.shapes import config_shape
from specc_runtime.llama import Architecture


def read_architecture(folder: Path) -> Architecture | None:
    """The model in a folder; None if it is none that can be stacked."""
    return stackable(json.loads((folder / "config.json").read_text()))


def stackable(config: Mapping[str, Any]) -> Architecture | None:
    """A model by the content of its config.json; None if it is no plain Llama."""
    if not plain_llama(config):
        return None
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    shape = config_shape(config)
    return Architecture(
        layers=shape.layers,
        width=shape.width,
        heads=shape.heads,
        kv_heads=shape.kv_heads,
        head=shape.head,
        mlp=shape.mlp,
        vocab=shape.vocab,
        tied=shape.tied,
        norm_eps=float(config.get("rms_norm_eps", 1e-6)),
        rotary_base=float(rope.get("rope_theta", config.get("rope_theta", 10_000.0))),
    )
