"""Which models can be stacked, and where the weights of one lie in its flat buffer.

Matrices come first, then vectors (the norms), because weight decay touches matrices alone. Weights
that are multiplied together are neighbours: queries, keys and values; gate and up.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any

from specc.families import plain_llama
from specc.shapes import ModelShape, config_shape

ALIGNED = 16
"""A lane's flat buffer holds a multiple of so many numbers (64 bytes), so that lanes are aligned alike."""

EMBEDDING = "model.embed_tokens.weight"
HEAD = "lm_head.weight"
NORM = "model.norm.weight"


@dataclass(frozen=True)
class Layout:
    """A Llama and the order of its weights.

    Attributes:
        shape: its dimensions. eps: of the norms. rope_base: of the rotary positions.
    """

    shape: ModelShape
    eps: float
    rope_base: float

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each weight by its name in the hub's format, in the order of the buffer."""
        model = self.shape
        queries, keys = model.heads * model.head, model.kv_heads * model.head
        matrices: dict[str, tuple[int, ...]] = {EMBEDDING: (model.vocab, model.width)}
        vectors: dict[str, tuple[int, ...]] = {}
        for number in range(model.layers):
            layer = f"model.layers.{number}"
            matrices |= {
                f"{layer}.self_attn.q_proj.weight": (queries, model.width),
                f"{layer}.self_attn.k_proj.weight": (keys, model.width),
                f"{layer}.self_attn.v_proj.weight": (keys, model.width),
                f"{layer}.self_attn.o_proj.weight": (model.width, queries),
                f"{layer}.mlp.gate_proj.weight": (model.mlp, model.width),
                f"{layer}.mlp.up_proj.weight": (model.mlp, model.width),
                f"{layer}.mlp.down_proj.weight": (model.width, model.mlp),
            }
            vectors |= {
                f"{layer}.input_layernorm.weight": (model.width,),
                f"{layer}.post_attention_layernorm.weight": (model.width,),
            }
        if not model.tied:
            matrices[HEAD] = (model.vocab, model.width)
        return matrices | vectors | {NORM: (model.width,)}

    @cached_property
    def offsets(self) -> dict[str, int]:
        """Where each weight begins in the buffer."""
        found, at = {}, 0
        for name, shape in self.shapes.items():
            if len(shape) == 1 and at < self.matrices:
                at = self.matrices
            found[name] = at
            at += prod(shape)
        return found

    @cached_property
    def matrices(self) -> int:
        """Numbers of the buffer that hold matrices, filling included."""
        return aligned(sum(prod(shape) for shape in self.shapes.values() if len(shape) > 1))

    @cached_property
    def size(self) -> int:
        """Numbers in the buffer of a lane; what fills it up stays zero."""
        return self.matrices + aligned(sum(prod(s) for s in self.shapes.values() if len(s) == 1))


def aligned(count: int) -> int:
    return -(-count // ALIGNED) * ALIGNED


def read_layout(folder: Path) -> Layout | None:
    """Layout of the model in a folder; None if it is none that can be stacked."""
    return layout_of(json.loads((folder / "config.json").read_text()))


def layout_of(config: Mapping[str, Any]) -> Layout | None:
    """Layout of a model by the content of its config.json; None if it is no plain Llama."""
    if not plain_llama(config):
        return None
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    base = rope.get("rope_theta", config.get("rope_theta", 10_000.0))
    return Layout(config_shape(config), float(config.get("rms_norm_eps", 1e-6)), float(base))
