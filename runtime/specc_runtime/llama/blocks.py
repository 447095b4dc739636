"""The parts of a layer, as functions of activations and weights.

Activations are [N, width] for N = B T tokens, or [K, N, width] for K models, whose weights then have
the leading K too. The residual stream, norms and the loss are float32; what matrices multiply has
their dtype.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, embedding, linear, silu

from specc_runtime.llama.passes import GatedProjection, NormAndPass, RotaryHeads, swap_halves


def project(x_NI: Tensor, weight_OI: Tensor, bias_O: Tensor | None = None) -> Tensor:
    """x times the transposed weight, plus the bias: [N, O], or [K, N, O]."""
    if weight_OI.ndim == 2:
        product = linear(x_NI, weight_OI)
    else:
        product = torch.bmm(x_NI, weight_OI.mT)
    if bias_O is None:
        return product
    return product + (bias_O if bias_O.ndim == 1 else bias_O[:, None]).to(product.dtype)


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
    if weight.ndim == 2:
        weight = weight.view(weight.shape[0], *([1] * (x.ndim - 2)), -1)
    return weight * (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + eps))


def norm_and_pass(x: Tensor, weight: Tensor, eps: float, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """`rms_norm` of a residual stream in a dtype, and the stream to add the branch to."""
    if torch.compiler.is_compiling():
        return rms_norm(x, weight, eps).to(dtype), x
    apply: Any = NormAndPass.apply
    both: tuple[Tensor, Tensor] = apply(x, weight, eps, dtype)
    return both


def rotary_heads(heads_RTHD: Tensor, cosine: Tensor, sine: Tensor, rotated: int) -> tuple[Tensor, Tensor]:
    """Heads first: the `rotated` first with rotary positions, and the others, both [H, R, T, D].

    Args:
        heads_RTHD: R rows (of all models, one after another) of T tokens. cosine, sine: see `Rows`.
    """
    if torch.compiler.is_compiling():
        turned = heads_RTHD[:, :, :rotated].permute(2, 0, 1, 3)
        return turned * cosine + swap_halves(turned) * sine, heads_RTHD[:, :, rotated:].permute(2, 0, 1, 3)
    apply: Any = RotaryHeads.apply
    both: tuple[Tensor, Tensor] = apply(heads_RTHD, cosine, sine, rotated)
    return both


def gated(x_ND: Tensor, gate_up_MD: Tensor) -> Tensor:
    """silu(gate) times up of two projections in one matrix: [N, m] (Shazeer 2020, arXiv 2002.05202)."""
    if torch.compiler.is_compiling():
        gate, up = project(x_ND, gate_up_MD).chunk(2, -1)
        return silu(gate) * up
    apply: Any = GatedProjection.apply
    opened: Tensor = apply(x_ND, gate_up_MD)
    return opened


def summed_cross_entropy(logits_NV: Tensor, targets_N: Tensor, ignored: int) -> Tensor:
    """Cross-entropy summed over the targets, in nats; for K models one sum each."""
    if logits_NV.ndim == 2:
        return cross_entropy(logits_NV.float(), targets_N, ignore_index=ignored, reduction="sum")
    losses = cross_entropy(
        logits_NV.float().flatten(0, 1), targets_N.flatten(), ignore_index=ignored, reduction="none"
    )
    return losses.view(targets_N.shape).sum(-1)
