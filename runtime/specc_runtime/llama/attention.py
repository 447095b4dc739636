"""Attention within documents, by the kernel that is fastest where it runs.

On a CPU in bfloat16 the backward pass of torch's fused attention is five times slower than plain
products; in float32, and on other devices, the fused one is right.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention, softmax

Drop = Callable[[Tensor], Tensor]
"""Dropout at a site; None stands for none."""


def uses_products(like: Tensor, drop: Drop | None) -> bool:
    """Whether attention is computed by plain products, with its weights in memory."""
    return drop is not None or (like.device.type == "cpu" and like.dtype == torch.bfloat16)


def attention_bias(
    allowed: Tensor | None, rows: int, length: int, heads: int, groups: int, like: Tensor
) -> Tensor:
    """What is added to the scores, 0 or minus infinity: [B G, (H / G) T, T], or [1, (H / G) T, T].

    It is made once for all layers.
    """
    if allowed is None:
        causal_TT = torch.ones(length, length, dtype=torch.bool, device=like.device).tril()
        allowed = causal_TT[None]
    bias = torch.zeros(allowed.shape, dtype=like.dtype, device=like.device).masked_fill_(~allowed, -torch.inf)
    shared = heads // groups
    if bias.shape[0] == 1:
        return bias.repeat(1, shared, 1)
    return (
        bias[:, None, None].expand(rows, groups, shared, length, length).reshape(-1, shared * length, length)
    )


def attend_products(
    query_BHTD: Tensor, key_BGTD: Tensor, value_BGTD: Tensor, bias: Tensor, drop: Drop | None
) -> Tensor:
    """Attention by matrix products, [B, H, T, D]; the heads of a group share one product."""
    rows, heads, length, size = query_BHTD.shape
    groups = key_BGTD.shape[1]
    query = query_BHTD.reshape(rows * groups, -1, size)
    key, value = key_BGTD.reshape(-1, length, size), value_BGTD.reshape(-1, length, size)
    weights = softmax(torch.baddbmm(bias, query, key.mT, alpha=size**-0.5), -1)
    if drop is not None:
        weights = drop(weights)
    return torch.bmm(weights, value).view(rows, heads, length, size)


def attend_fused(query_BHTD: Tensor, key_BGTD: Tensor, value_BGTD: Tensor, allowed: Tensor | None) -> Tensor:
    """Attention by torch's fused kernel, [B, H, T, D]."""
    return scaled_dot_product_attention(
        query_BHTD,
        key_BGTD,
        value_BGTD,
        attn_mask=None if allowed is None else allowed[:, None],
        is_causal=allowed is None,
        enable_gqa=query_BHTD.shape[1] != key_BGTD.shape[1],
    )
