"""The forward pass of a Llama, as functions of weights, tokens and positions."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import embedding, pad

from specc_runtime.llama.architecture import Architecture
from specc_runtime.llama.attention import (
    Drop,
    attend,
    attention_bias,
    uses_products,
)
from specc_runtime.llama.blocks import (
    gated,
    norm_and_pass,
    project,
    rms_norm,
    summed_cross_entropy,
)
from specc_runtime.llama.layout import LayerWeights, LlamaWeights
from specc_runtime.llama.rows import Rows, make_rows
from specc_runtime.packing import IGNORED


def logits(
    architecture: Architecture,
    weights: LlamaWeights,
    tokens_BT: Tensor,
    positions_BT: Tensor | None = None,
    drop: Drop | None = None,
) -> Tensor:
    """Next-token logits [B, T, V], in the dtype of the head.

    Args:
        positions_BT: restarting at 0 with each document, which attention then keeps apart; None if
            every row is one document.
        drop: applied at the sites that `specc_runtime.dropout` names, in their order.
    """
    hidden = hidden_states(architecture, weights, tokens_BT, positions_BT, drop)
    return project(hidden, weights.head).reshape(*tokens_BT.shape, architecture.vocab)


def summed_loss(
    architecture: Architecture,
    weights: LlamaWeights,
    tokens_BT: Tensor,
    labels_BT: Tensor,
    positions_BT: Tensor | None = None,
    drop: Drop | None = None,
) -> Tensor:
    """Cross-entropy of the next tokens, summed over labels that are not `IGNORED`, in nats.

    Args:
        labels_BT: the token itself where it is a target; that of a row's first token is not read.
    """
    hidden = hidden_states(architecture, weights, tokens_BT, positions_BT, drop)
    targets = pad(labels_BT[:, 1:], (0, 1), value=IGNORED).flatten()
    return summed_cross_entropy(project(hidden, weights.head), targets, IGNORED)


def hidden_states(
    architecture: Architecture,
    weights: LlamaWeights,
    tokens_BT: Tensor,
    positions_BT: Tensor | None = None,
    drop: Drop | None = None,
) -> Tensor:
    """What the output projection multiplies: [N, d] for N = B T, after the last norm."""
    length = tokens_BT.shape[-1]
    computed = weights.head
    rows = make_rows(architecture, length, positions_BT, computed)
    bias = None
    if uses_products(computed, drop):
        bias = attention_bias(rows.allowed, length, architecture.heads, architecture.kv_heads, computed)
    x = embedding(tokens_BT.flatten(), weights.embedding).float()
    if drop is not None:
        x = drop(x)
    for layer in weights.layers:
        x = _add_attention(architecture, layer, x, rows, bias, drop)
        x = _add_mlp(architecture, layer, x, drop)
    return norm_and_pass(x, weights.norm, architecture.norm_eps, computed.dtype)[0]


def _add_attention(
    a: Architecture, layer: LayerWeights, x: Tensor, rows: Rows, bias: Tensor | None, drop: Drop | None
) -> Tensor:
    """The residual stream [N, d] after the attention branch of a layer."""
    normed, x = norm_and_pass(x, layer.attention_norm, a.norm_eps, layer.qkv.dtype)
    qkv = project(normed, layer.qkv, layer.qkv_bias)
    heads = qkv.view(-1, rows.cosine.shape[-2], a.heads + 2 * a.kv_heads, a.head)
    if layer.query_norm is not None and layer.key_norm is not None:
        heads = _norm_heads(a, heads, layer.query_norm, layer.key_norm)
    mixed = attend(heads, rows, a.kv_heads, bias, drop)
    branch = project(mixed.flatten(0, 1), layer.out)
    return x + (branch if drop is None else drop(branch))


def _norm_heads(a: Architecture, heads_RTHD: Tensor, query_norm: Tensor, key_norm: Tensor) -> Tensor:
    """RMSNorm over each head of queries and keys."""
    query, key, value = torch.split(heads_RTHD, [a.heads, a.kv_heads, a.kv_heads], -2)
    query, key = rms_norm(query, query_norm, a.norm_eps), rms_norm(key, key_norm, a.norm_eps)
    return torch.cat([query.to(value.dtype), key.to(value.dtype), value], -2)


def _add_mlp(a: Architecture, layer: LayerWeights, x: Tensor, drop: Drop | None) -> Tensor:
    """The residual stream [N, d] after the MLP branch of a layer."""
    normed, x = norm_and_pass(x, layer.mlp_norm, a.norm_eps, layer.gate_up.dtype)
    inner = gated(normed, layer.gate_up)
    if drop is not None:
        inner = drop(inner)
    branch = project(inner, layer.down)
    return x + (branch if drop is None else drop(branch))
