"""The parts of a layer, as functions of activations and weights.

Activations are [N, width] for N = B T tokens, or [K, N, width] for K models, whose weights then have
the leading K too. Norms, softmax and the loss are computed in float32 inside, whatever the dtype.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, embedding, linear, silu


def project(x_NI: Tensor, weight_OI: Tensor, bias_O: Tensor | None = None) -> Tensor:
    """x times the transposed weight, plus the bias: [N, O], or [K, N, O]."""
    if weight_OI.ndim == 2:
        return linear(x_NI, weight_OI, bias_O)
    if bias_O is None:
        return torch.bmm(x_NI, weight_OI.mT)
    return torch.baddbmm(bias_O[:, None], x_NI, weight_OI.mT)


def embed(tokens_BT: Tensor, table_VD: Tensor) -> Tensor:
    """Embeddings of [B, T] tokens as [N, d]; of [K, B, T] tokens as [K, N, d]."""
    if table_VD.ndim == 2:
        return embedding(tokens_BT.flatten(), table_VD)
    models, vocab = table_VD.shape[:2]
    first = torch.arange(models, device=tokens_BT.device)[:, None] * vocab
    return embedding(tokens_BT.flatten(1) + first, table_VD.flatten(0, 1))


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """x / sqrt(mean(x^2) + eps) times the weight (Zhang & Sennrich 2019, arXiv 1910.07467).

    Args:
        weight: [d], or [K, d] where x is [K, ..., d].
    """
    wide = x.float()
    normed = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + eps)
    if weight.ndim == 2:
        weight = weight.view(weight.shape[0], *([1] * (x.ndim - 2)), -1)
    return weight * normed.to(x.dtype)


def rotate(x_BTHD: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Rotary positions on heads, as [B, H, T, D]; see `Rows` for the tables."""
    half = x_BTHD.shape[-1] // 2
    x_BHTD = x_BTHD.transpose(1, 2)
    if cosine.ndim == 3:
        cosine, sine = cosine[:, None], sine[:, None]
    swapped = torch.cat((x_BHTD[..., half:], x_BHTD[..., :half]), -1)
    return x_BHTD * cosine + swapped * sine


def swiglu(gate_up_NM: Tensor) -> Tensor:
    """silu(gate) times up, of the two side by side: [N, 2 m] -> [N, m] (Shazeer 2020, arXiv 2002.05202)."""
    gate, up = gate_up_NM.chunk(2, -1)
    return silu(gate) * up


def summed_cross_entropy(logits_NV: Tensor, targets_N: Tensor, ignored: int) -> Tensor:
    """Cross-entropy summed over the targets, in nats; for K models one sum each."""
    if logits_NV.ndim == 2:
        return cross_entropy(logits_NV.float(), targets_N, ignore_index=ignored, reduction="sum")
    losses = cross_entropy(
        logits_NV.float().flatten(0, 1), targets_N.flatten(), ignore_index=ignored, reduction="none"
    )
    return losses.view(targets_N.shape).sum(-1)
