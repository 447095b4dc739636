"""The loss of a Llama as the GPU computes it: rotary tables, and attention within documents by its kernels.

Shape suffixes: B rows, T tokens, H query heads, G key heads, D size of a head.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, flex_attention
from torch.nn.functional import scaled_dot_product_attention

from specc_runtime.llama import Architecture, LlamaWeights, rows, traced

Mask = BlockMask | Tensor | None
"""Within documents, by blocks or densely; None for rows that are one document each."""


def rotary_tables(architecture: Architecture, length: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Cosine and sine of the angles of positions 0 to `length`, [T, D / 2], in float32."""
    cosine, sine = rows.rotary_tables(architecture, torch.arange(length))
    return cosine.to(device), sine.to(device)


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
    """Summed loss in nats; see `specc_runtime.llama.traced`.

    Args:
        cosine, sine: of each token's position, [B, T, 1, D / 2] or [T, 1, D / 2].
        checkpointed: whether a layer's activations are computed again in the backward pass.
    """
    how = traced.Traced(architecture, partial(_attend, mask=mask), checkpointed=checkpointed)
    return traced.summed_loss(how, weights, tokens_BT, labels_BT, cosine, sine)


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
