"""The loss of a Llama as one function for the compiler: no branches on values, no host, fixed shapes.

Numbers are those of transformers under autocast: matrices are multiplied in bfloat16 and give it;
the residual stream, norms, rotary positions and the loss are float32.

Shape suffixes: B rows, T tokens, V vocabulary, d width, H query heads, G key heads, D size of a head.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, flex_attention
from torch.nn.functional import (
    cross_entropy,
    embedding,
    linear,
    pad,
    scaled_dot_product_attention,
    silu,
)
from torch.utils.checkpoint import checkpoint

from specc_runtime.llama import Architecture, LayerWeights, LlamaWeights
from specc_runtime.packing import IGNORED

Mask = BlockMask | Tensor | None
"""Within documents, by blocks or densely; None for rows that are one document each."""


def rotary_tables(architecture: Architecture, length: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Cosine and sine of each position's angles, [T, D], in float32 (Su et al. 2021, arXiv 2104.09864)."""
    exponents = torch.arange(0, architecture.head, 2, dtype=torch.int64).float() / architecture.head
    frequencies = 1.0 / (architecture.rotary_base**exponents)
    angles = torch.outer(torch.arange(length).float(), frequencies)
    angles = torch.cat([angles, angles], -1)
    return angles.cos().to(device), angles.sin().to(device)


def summed_loss(
    architecture: Architecture,
    weights: LlamaWeights,
    tokens_BT: Tensor,
    labels_BT: Tensor,
    cosine: Tensor,
    sine: Tensor,
    mask: Mask,
    checkpointed: bool = False,
) -> Tensor:
    """Cross-entropy of the next tokens, summed over labels that are not `IGNORED`, in nats.

    Args:
        cosine, sine: of each token's position, [B, T, 1, D] or [T, 1, D].
        checkpointed: whether a layer's activations are computed again in the backward pass.
    """
    x_BTd = embedding(tokens_BT, weights.embedding).float()
    for layer in weights.layers:
        step: Callable[..., Any] = partial(_layer, architecture, layer, mask=mask)
        if checkpointed:
            x_BTd = checkpoint(step, x_BTd, cosine, sine, use_reentrant=False)
        else:
            x_BTd = step(x_BTd, cosine, sine)
    normed = _rms_norm(x_BTd, weights.norm, architecture.norm_eps)
    logits_BTV = linear(normed.to(weights.head.dtype), weights.head)
    targets = pad(labels_BT[:, 1:], (0, 1), value=IGNORED).flatten()
    return cross_entropy(logits_BTV.float().flatten(0, 1), targets, ignore_index=IGNORED, reduction="sum")


def _layer(
    a: Architecture, layer: LayerWeights, x_BTd: Tensor, cosine: Tensor, sine: Tensor, mask: Mask
) -> Tensor:
    """The residual stream behind a layer."""
    dtype = layer.qkv.dtype
    normed = _rms_norm(x_BTd, layer.attention_norm, a.norm_eps).to(dtype)
    bias = None if layer.qkv_bias is None else layer.qkv_bias.to(dtype)
    heads = torch.unflatten(linear(normed, layer.qkv, bias), -1, (-1, a.head))
    query, key, value = torch.split(heads, [a.heads, a.kv_heads, a.kv_heads], dim=-2)
    if layer.query_norm is not None and layer.key_norm is not None:
        query = _rms_norm(query, layer.query_norm, a.norm_eps)
        key = _rms_norm(key, layer.key_norm, a.norm_eps)
    query, key = (_turned(part, cosine, sine).to(dtype) for part in (query, key))
    mixed = _attend(query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2), mask)
    x_BTd = x_BTd + linear(mixed.transpose(1, 2).flatten(-2), layer.out)
    normed = _rms_norm(x_BTd, layer.mlp_norm, a.norm_eps).to(dtype)
    gate, up = linear(normed, layer.gate_up).chunk(2, dim=-1)
    return x_BTd + linear(silu(gate) * up, layer.down)


def _rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    x = x.float()
    return weight * (x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps))


def _turned(x_BTHD: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Rotary positions, the two halves of a head turned against each other."""
    x = x_BTHD.float()
    first, second = x.chunk(2, dim=-1)
    return x * cosine + torch.cat([-second, first], -1) * sine


def _attend(query_BHTD: Tensor, key_BGTD: Tensor, value_BGTD: Tensor, mask: Mask) -> Tensor:
    """Attention, [B, H, T, D]: flex by blocks, else torch's fused kernel."""
    grouped = query_BHTD.shape[1] != key_BGTD.shape[1]
    if isinstance(mask, BlockMask):
        # What the compiler fuses into the inputs comes in strides that its kernel reads wrongly on a CPU.
        query, key, value = query_BHTD.contiguous(), key_BGTD.contiguous(), value_BGTD.contiguous()
        mixed: Any = flex_attention(query, key, value, block_mask=mask, enable_gqa=grouped)
        return mixed  # type: ignore[no-any-return]  # without auxiliary results it is the tensor
    if grouped and (mask is not None or query_BHTD.dtype == torch.float32):
        # Of the fused kernels only flash attention knows shared heads, and that neither masks nor float32.
        shared = query_BHTD.shape[1] // key_BGTD.shape[1]
        key_BGTD, value_BGTD = (part.repeat_interleave(shared, dim=1) for part in (key_BGTD, value_BGTD))
        grouped = False
    return scaled_dot_product_attention(
        query_BHTD, key_BGTD, value_BGTD, attn_mask=mask, is_causal=mask is None, enable_gqa=grouped
    )
