"""The parts of a layer, as functions of activations [N, width], for N = B T tokens, and of weights.

The residual stream, norms and the loss are float32; what matrices multiply has their dtype.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear

from specc_runtime.llama.passes import GatedProjection, NormAndPass, SummedCrossEntropy


def project(x_NI: Tensor, weight_OI: Tensor, bias_O: Tensor | None = None) -> Tensor:
    """x times the transposed weight, plus the bias: [N, O]."""
    product = linear(x_NI, weight_OI)
    return product if bias_O is None else product + bias_O.to(product.dtype)


def rms_norm(x: Tensor, weight_D: Tensor, eps: float) -> Tensor:
    """x / sqrt(mean(x^2) + eps) times the weight (Zhang & Sennrich 2019, arXiv 1910.07467)."""
    wide = x.float()
    return weight_D * (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + eps))


def norm_and_pass(x: Tensor, weight: Tensor, eps: float, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """`rms_norm` of a residual stream in a dtype, and the stream to add the branch to."""
    apply: Any = NormAndPass.apply
    both: tuple[Tensor, Tensor] = apply(x, weight, eps, dtype)
    return both


def gated(x_ND: Tensor, gate_up_MD: Tensor) -> Tensor:
    """silu(gate) times up of two projections in one matrix: [N, m] (Shazeer 2020, arXiv 2002.05202)."""
    apply: Any = GatedProjection.apply
    opened: Tensor = apply(x_ND, gate_up_MD)
    return opened


def summed_cross_entropy(logits_NV: Tensor, targets_N: Tensor, ignored: int) -> Tensor:
    """Cross-entropy summed over the targets, in nats."""
    apply: Any = SummedCrossEntropy.apply
    summed: Tensor = apply(logits_NV, targets_N, ignored)
    return summed
