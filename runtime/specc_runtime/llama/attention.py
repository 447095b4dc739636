"""Attention within documents, by the kernel that is fastest where it runs.

Heads come first, [H, R, T, D], with R rows; then one copy brings queries, keys and values into the
order in which batched products want them. On a CPU in bfloat16 the backward pass of torch's fused
attention is five times slower than plain products; on other devices the fused one is right.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention, softmax

from specc_runtime.llama.passes import RotaryAttention, RotaryHeads
from specc_runtime.llama.rows import Rows

Drop = Callable[[Tensor], Tensor]
"""Dropout at a site; None stands for none."""


def uses_products(like: Tensor, drop: Drop | None) -> bool:
    """Whether attention is computed by plain products, with its weights in memory."""
    return drop is not None or (like.device.type == "cpu" and like.dtype == torch.bfloat16)


def attention_bias(allowed: Tensor | None, length: int, heads: int, groups: int, like: Tensor) -> Tensor:
    """What is added to the scores, 0 or minus infinity: [G R, (H / G) T, T], or with 1 for G R.

    It is made once for all layers.

    Args:
        allowed: [R, T, T], or None for the order alone. groups: heads of keys.
    """
    if allowed is None:
        allowed = torch.ones(1, length, length, dtype=torch.bool, device=like.device).tril()
    bias = torch.zeros(allowed.shape, dtype=like.dtype, device=like.device).masked_fill_(~allowed, -torch.inf)
    if heads > groups:
        bias = bias.repeat(1, heads // groups, 1)
    return bias if len(bias) == 1 else bias.repeat(groups, 1, 1)


def attend(
    heads_RTHD: Tensor, rows: Rows, groups: int, bias: Tensor | None = None, drop: Drop | None = None
) -> Tensor:
    """Attention of queries, keys and values that still lie together: [R, T, H + 2 G, D] -> [R, T, H D].

    Args:
        groups: heads of keys. bias: from `attention_bias`, to compute by products; None for torch's kernel.
    """
    cosine, sine = rows.cosine, rows.sine
    if bias is not None and drop is None:
        products: Any = RotaryAttention.apply
        by_products: Tensor = products(heads_RTHD, cosine, sine, bias, groups)
        return by_products
    placed: Any = RotaryHeads.apply
    query, key, value = placed(heads_RTHD, cosine, sine, groups)
    if bias is None or drop is None:
        mixed = _fused(query, key, value, rows.allowed)
    else:
        mixed = _dropping(query, key, value, bias, drop)
    return mixed.permute(1, 2, 0, 3).flatten(2)


def _dropping(query_HRTD: Tensor, key_GRTD: Tensor, value_GRTD: Tensor, bias: Tensor, drop: Drop) -> Tensor:
    """Attention by products whose weights are dropped, [H, R, T, D]."""
    heads, rows, length, size = query_HRTD.shape
    groups = len(key_GRTD)
    shared = heads // groups
    query = query_HRTD
    if shared > 1:
        query = query.reshape(groups, shared, rows, length, size).transpose(1, 2)
    query = query.reshape(groups * rows, shared * length, size)
    key, value = key_GRTD.reshape(-1, length, size), value_GRTD.reshape(-1, length, size)
    weights = softmax(torch.baddbmm(bias, query, key.mT, alpha=size**-0.5), -1)
    mixed = torch.bmm(_dropped(weights, (groups, rows, shared, length, length), drop), value)
    if shared > 1:
        mixed = mixed.view(groups, rows, shared, length, size).transpose(1, 2)
    return mixed.reshape(heads, rows, length, size)


def _dropped(weights: Tensor, shape: tuple[int, ...], drop: Drop) -> Tensor:
    """Dropout on attention weights in the order [R, H, T, T], in which others draw it."""
    rows_first = weights.view(shape).transpose(0, 1).contiguous()
    return drop(rows_first).transpose(0, 1).reshape(weights.shape)


def _fused(query_HRTD: Tensor, key_GRTD: Tensor, value_GRTD: Tensor, allowed: Tensor | None) -> Tensor:
    """Attention by torch's fused kernel, [H, R, T, D]."""
    mixed = scaled_dot_product_attention(
        query_HRTD.transpose(0, 1),
        key_GRTD.transpose(0, 1),
        value_GRTD.transpose(0, 1),
        attn_mask=None if allowed is None else allowed[:, None],
        is_causal=allowed is None,
        enable_gqa=len(query_HRTD) != len(key_GRTD),
    )
    return mixed.transpose(0, 1)
