"""The loss of a Llama as one function for torch's compiler: fixed shapes, no branches on values, no host.

Numbers are those of transformers under autocast: matrices are multiplied in the dtype that they have
and give it; the residual stream, norms, rotary positions and the loss are float32. What does not
depend on weights, rotary tables and masks, is made outside: inside, the compiler would compute it
again wherever it is used, layer for layer and once more in the backward pass.

Shape suffixes: B rows, T tokens, V vocabulary, d width, H query heads, G key heads, D size of a head.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, embedding, linear, pad, silu
from torch.utils.checkpoint import checkpoint

from specc_runtime.llama.architecture import Architecture
from specc_runtime.llama.attention import Drop
from specc_runtime.llama.layout import LayerWeights, LlamaWeights
from specc_runtime.packing import IGNORED

Attend = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Attention of queries [B, H, T, D], and keys and values [B, G, T, D], within documents: [B, H, T, D]."""


@dataclass(frozen=True, slots=True)
class Traced:
    """How a model is traced.

    Attributes:
        attend: the kernel of attention. drop: dropout at the sites that `specc_runtime.dropout` names.
        apart: whether what is multiplied with the same input is multiplied by itself. On a GPU one
            large product is faster; on a CPU the products take as long, and what the compiler makes of
            slices of their rows, forward and backward, takes several times as long as of whole tensors.
        checkpointed: whether a layer's activations are computed again in the backward pass.
    """

    architecture: Architecture
    attend: Attend
    drop: Drop | None = None
    apart: bool = False
    checkpointed: bool = False


def summed_loss(
    traced: Traced, weights: LlamaWeights, tokens_BT: Tensor, labels_BT: Tensor, cosine: Tensor, sine: Tensor
) -> Tensor:
    """Cross-entropy of the next tokens, summed over labels that are not `IGNORED`, in nats.

    Args:
        cosine, sine: of each token's position, [B, T, 1, D / 2] or [T, 1, D / 2].
    """
    x_BTd = embedding(tokens_BT, weights.embedding).float()
    if traced.drop is not None:
        x_BTd = traced.drop(x_BTd)
    for layer in weights.layers:
        step: Callable[..., Any] = partial(_layer, traced, layer)
        if traced.checkpointed:
            x_BTd = checkpoint(step, x_BTd, cosine, sine, use_reentrant=False)
        else:
            x_BTd = step(x_BTd, cosine, sine)
    normed = _rms_norm(x_BTd, weights.norm, traced.architecture.norm_eps)
    logits_BTV = linear(normed.to(weights.head.dtype), weights.head)
    targets = pad(labels_BT[:, 1:], (0, 1), value=IGNORED).flatten()
    return cross_entropy(logits_BTV.float().flatten(0, 1), targets, ignore_index=IGNORED, reduction="sum")


def _layer(traced: Traced, layer: LayerWeights, x_BTd: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """The residual stream behind a layer."""
    a, drop, dtype = traced.architecture, traced.drop, layer.qkv.dtype
    normed = _rms_norm(x_BTd, layer.attention_norm, a.norm_eps).to(dtype)
    sizes = [a.heads * a.head, a.kv_heads * a.head, a.kv_heads * a.head]
    bias = None if layer.qkv_bias is None else layer.qkv_bias.to(dtype)
    parts = _projected(traced, normed, layer.qkv, sizes, bias)
    query, key, value = (torch.unflatten(part, -1, (-1, a.head)) for part in parts)
    if layer.query_norm is not None and layer.key_norm is not None:
        query = _rms_norm(query, layer.query_norm, a.norm_eps)
        key = _rms_norm(key, layer.key_norm, a.norm_eps)
    query, key = (_turned(part, cosine, sine).to(dtype) for part in (query, key))
    mixed = traced.attend(query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2))
    branch = linear(mixed.transpose(1, 2).flatten(-2), layer.out)
    x_BTd = x_BTd + (branch if drop is None else drop(branch))
    normed = _rms_norm(x_BTd, layer.mlp_norm, a.norm_eps).to(dtype)
    gate, up = _projected(traced, normed, layer.gate_up, [a.mlp, a.mlp])
    inner = silu(gate) * up
    branch = linear(inner if drop is None else drop(inner), layer.down)
    return x_BTd + (branch if drop is None else drop(branch))


def _projected(
    traced: Traced, x: Tensor, weight: Tensor, sizes: list[int], bias: Tensor | None = None
) -> tuple[Tensor, ...]:
    """x times each of the matrices of `sizes` rows that lie in `weight`, plus the biases."""
    if not traced.apart:
        return torch.split(linear(x, weight, bias), sizes, -1)
    biases = [None] * len(sizes) if bias is None else torch.split(bias, sizes)
    return tuple(linear(x, *both) for both in zip(torch.split(weight, sizes), biases, strict=True))


def _rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    x = x.float()
    return weight * (x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps))


def _turned(x_BTHD: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Rotary positions, the two halves of a head turned against each other."""
    first, second = x_BTHD.float().chunk(2, dim=-1)
    return torch.cat([first * cosine - second * sine, second * cosine + first * sine], -1)
