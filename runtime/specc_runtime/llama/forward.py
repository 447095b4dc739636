"""The forward pass of a Llama, as functions of weights, tokens and positions.

Every function also takes K models at once: weights with a leading K, tokens and positions [K, B, T];
logits are then [K, B, T, V], and summed losses [K].
"""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import pad

from specc_runtime.llama.architecture import Architecture
from specc_runtime.llama.attention import (
    Drop,
    attend_fused,
    attend_products,
    attention_bias,
    uses_products,
)
from specc_runtime.llama.blocks import embed, project, rms_norm, rotate, summed_cross_entropy, swiglu
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
    """Next-token logits [B, T, V], in the dtype of the weights.

    Args:
        positions_BT: restarting at 0 with each document, which attention then keeps apart; None if
            every row is one document.
        drop: applied at the sites that `specc_runtime.dropout` names, in their order. With K models,
            the first dimension of what it gets is K or a multiple of it.
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
    targets = pad(labels_BT[..., 1:], (0, 1), value=IGNORED).flatten(-2)
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
    rows = make_rows(architecture, length, positions_BT, weights.embedding)
    bias = None
    if uses_products(weights.embedding, drop):
        count = tokens_BT.numel() // length
        bias = attention_bias(
            rows.allowed, count, length, architecture.heads, architecture.kv_heads, weights.embedding
        )
    x = embed(tokens_BT, weights.embedding)
    if drop is not None:
        x = drop(x)
    for layer in weights.layers:
        x = x + _attention(architecture, layer, x, rows, bias, drop)
        x = x + _mlp(architecture, layer, x, drop)
    return rms_norm(x, weights.norm, architecture.norm_eps)


def _attention(
    a: Architecture, layer: LayerWeights, x: Tensor, rows: Rows, bias: Tensor | None, drop: Drop | None
) -> Tensor:
    """The attention branch of a layer, [N, d]."""
    normed = rms_norm(x, layer.attention_norm, a.norm_eps)
    qkv = project(normed, layer.qkv, layer.qkv_bias)
    length = rows.cosine.shape[-2]
    heads = qkv.reshape(-1, length, a.heads + 2 * a.kv_heads, a.head)
    query, key = heads[:, :, : a.heads], heads[:, :, a.heads : -a.kv_heads]
    value = heads[:, :, -a.kv_heads :]
    if layer.query_norm is not None and layer.key_norm is not None:
        query, key = _head_norm(query, layer.query_norm, a), _head_norm(key, layer.key_norm, a)
    query, key = rotate(query, rows.cosine, rows.sine), rotate(key, rows.cosine, rows.sine)
    value = value.transpose(1, 2)
    if bias is None:
        mixed = attend_fused(query, key, value, rows.allowed)
    else:
        mixed = attend_products(query, key, value, bias, drop)
    branch = project(mixed.transpose(1, 2).reshape(*x.shape[:-1], a.heads * a.head), layer.out)
    return branch if drop is None else drop(branch)


def _head_norm(x_BTHD: Tensor, weight: Tensor, a: Architecture) -> Tensor:
    """RMSNorm over each head; with K models, B holds the rows of each in turn."""
    models = weight.shape[0] if weight.ndim == 2 else 1
    apart = x_BTHD.reshape(models, -1, *x_BTHD.shape[1:])
    return rms_norm(apart, weight.view(models, -1), a.norm_eps).reshape(x_BTHD.shape)


def _mlp(a: Architecture, layer: LayerWeights, x: Tensor, drop: Drop | None) -> Tensor:
    """The MLP branch of a layer, [N, d]."""
    inner = swiglu(project(rms_norm(x, layer.mlp_norm, a.norm_eps), layer.gate_up))
    if drop is not None:
        inner = drop(inner)
    branch = project(inner, layer.down)
    return branch if drop is None else drop(branch)
