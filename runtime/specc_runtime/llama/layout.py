"""Where each weight lies in one flat buffer, and the merged matrices that are views of it.

Matrices come first and vectors last, so that an optimizer that decays matrices only sees two
stretches of memory. What is multiplied with the same input lies together: the query, key and value
projections are one matrix, and so are the gate and up projections. Both parts are filled up to whole
cache lines, so that buffers that lie side by side are aligned alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import NamedTuple

from torch import Tensor

from specc_runtime.llama.architecture import Architecture

Shape = tuple[int, ...]

EMBEDDING = "model.embed_tokens.weight"
HEAD = "lm_head.weight"
NORM = "model.norm.weight"

LINE = 16
"""Numbers of four bytes in a cache line."""


class LayerWeights(NamedTuple):
    """Weights of a layer; matrices are [out, in], as the hub has them.

    Attributes:
        qkv: queries, keys and values, [(H + 2 G) D, d] for H query heads and G key heads of size D.
        out: [d, H D]. gate_up: [2 m, d]. down: [d, m].
        attention_norm, mlp_norm: [d]. qkv_bias: [(H + 2 G) D]. query_norm, key_norm: [D].
    """

    qkv: Tensor
    out: Tensor
    gate_up: Tensor
    down: Tensor
    attention_norm: Tensor
    mlp_norm: Tensor
    qkv_bias: Tensor | None = None
    query_norm: Tensor | None = None
    key_norm: Tensor | None = None


class LlamaWeights(NamedTuple):
    """Weights of a model; `head` is `embedding` itself where they are tied.

    Attributes:
        embedding, head: [V, d]. norm: [d].
    """

    embedding: Tensor
    head: Tensor
    norm: Tensor
    layers: tuple[LayerWeights, ...]

    def leaves(self) -> list[Tensor]:
        """Every tensor once, in the order in which they lie in the buffer."""
        tied = self.head is self.embedding
        matrices = [self.embedding] if tied else [self.embedding, self.head]
        matrices += [matrix for layer in self.layers for matrix in layer[:4]]
        vectors = [vector for layer in self.layers for vector in layer[4:] if vector is not None]
        return [*matrices, *vectors, self.norm]


@dataclass(frozen=True)
class Layout:
    """The order of a model's weights in a flat buffer."""

    architecture: Architecture

    @cached_property
    def shapes(self) -> dict[str, Shape]:
        """Shape of each weight by its name on the hub, in the order in which they lie."""
        return dict(_shapes(self.architecture))

    @cached_property
    def offsets(self) -> dict[str, int]:
        """Where each weight begins in the buffer."""
        found, start = {}, 0
        for name, shape in self.shapes.items():
            if len(shape) == 1 and start < self.matrices:
                start = self.matrices
            found[name] = start
            start += prod(shape)
        return found

    @cached_property
    def matrices(self) -> int:
        """Numbers of the buffer that hold matrices, with what fills their last line."""
        return _lines(prod(shape) for shape in self.shapes.values() if len(shape) == 2)

    @cached_property
    def size(self) -> int:
        """Numbers in the buffer; what fills it up belongs to no weight."""
        return self.matrices + _lines(prod(shape) for shape in self.shapes.values() if len(shape) == 1)

    def named(self, flat: Tensor) -> dict[str, Tensor]:
        """Views of a buffer by the hub's names."""
        return {
            name: flat[start : start + prod(self.shapes[name])].view(self.shapes[name])
            for name, start in self.offsets.items()
        }

    def merged(self, flat: Tensor, halved: Tensor | None = None) -> LlamaWeights:
        """Views of a buffer as the forward pass uses them.

        Args:
            halved: the matrices of the buffer in a smaller dtype, [matrices], to multiply with; norms,
                biases and the lookup of embeddings stay with the buffer itself.
        """
        a = self.architecture
        reader = _Reader(flat if halved is None else halved)
        d, inner = a.width, a.heads * a.head
        qkv = (a.heads + 2 * a.kv_heads) * a.head
        embedding = reader.take(a.vocab, d)
        head = embedding if a.tied else reader.take(a.vocab, d)
        if halved is not None:
            embedding = _Reader(flat).take(a.vocab, d)
        matrices = [
            (reader.take(qkv, d), reader.take(d, inner), reader.take(2 * a.mlp, d), reader.take(d, a.mlp))
            for _ in range(a.layers)
        ]
        reader = _Reader(flat, self.matrices)
        layers = tuple(
            LayerWeights(
                *four,
                attention_norm=reader.take(d),
                mlp_norm=reader.take(d),
                qkv_bias=reader.take(qkv) if a.biased else None,
                query_norm=reader.take(a.head) if a.head_norms else None,
                key_norm=reader.take(a.head) if a.head_norms else None,
            )
            for four in matrices
        )
        return LlamaWeights(embedding, head, reader.take(d), layers)

    def fill(self, flat: Tensor, weights: Mapping[str, Tensor]) -> None:
        """Copy weights by the hub's names into a buffer.

        Raises:
            KeyError: if one is missing. ValueError: if one has another shape.
        """
        for name, view in self.named(flat).items():
            if weights[name].shape != view.shape:
                raise ValueError(
                    f"{name} has the shape {tuple(weights[name].shape)}, not {tuple(view.shape)}"
                )
            view.copy_(weights[name])


class _Reader:
    """Takes one view after another from a buffer."""

    def __init__(self, flat: Tensor, start: int = 0) -> None:
        self._flat = flat
        self._next = start

    def take(self, *shape: int) -> Tensor:
        start, self._next = self._next, self._next + prod(shape)
        return self._flat[start : self._next].view(shape)


def _lines(counts: Iterable[int]) -> int:
    """Their sum, rounded up to whole lines."""
    return -(-sum(counts) // LINE) * LINE


def _shapes(a: Architecture) -> Iterator[tuple[str, Shape]]:
    """Names on the hub and shapes, in the order of the buffer."""
    d, inner, shared = a.width, a.heads * a.head, a.kv_heads * a.head
    yield EMBEDDING, (a.vocab, d)
    if not a.tied:
        yield HEAD, (a.vocab, d)
    for number in range(a.layers):
        attention, mlp = f"model.layers.{number}.self_attn", f"model.layers.{number}.mlp"
        yield f"{attention}.q_proj.weight", (inner, d)
        yield f"{attention}.k_proj.weight", (shared, d)
        yield f"{attention}.v_proj.weight", (shared, d)
        yield f"{attention}.o_proj.weight", (d, inner)
        yield f"{mlp}.gate_proj.weight", (a.mlp, d)
        yield f"{mlp}.up_proj.weight", (a.mlp, d)
        yield f"{mlp}.down_proj.weight", (d, a.mlp)
    for number in range(a.layers):
        layer = f"model.layers.{number}"
        yield f"{layer}.input_layernorm.weight", (d,)
        yield f"{layer}.post_attention_layernorm.weight", (d,)
        if a.biased:
            yield f"{layer}.self_attn.q_proj.bias", (inner,)
            yield f"{layer}.self_attn.k_proj.bias", (shared,)
            yield f"{layer}.self_attn.v_proj.bias", (shared,)
        if a.head_norms:
            yield f"{layer}.self_attn.q_norm.weight", (a.head,)
            yield f"{layer}.self_attn.k_norm.weight", (a.head,)
    yield NORM, (d,)
