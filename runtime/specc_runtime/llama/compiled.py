"""The forward and backward pass compiled by torch, where a run asks for it.

Compiling takes a C++ compiler and ten to fifty seconds of a core, and less where its files are still in
the user's cache. What is compiled adds in another order, so it changes rounding; dropout draws what it
draws without.

It pays in long trainings. CPU time of an update without it divided by that with it, 16 x 128 tokens in
bfloat16 on Zen 5: 1.24 at 0.3M parameters, 1.25 at 1M (`tests/benchmarks/training_speed.py --compile`); it
makes up for a minute of compiling in about five. Only the length of a training could decide whether it
pays, and must not: a stage that is cut into segments, or goes on under a longer budget, has the same bits
as one that is not. So `auto` does not compile.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

import torch
from torch import Tensor
from torch.nn.functional import dropout, scaled_dot_product_attention, softmax

from specc_runtime import compiling
from specc_runtime.llama import rows, traced
from specc_runtime.llama.architecture import Architecture
from specc_runtime.llama.attention import Drop, uses_products
from specc_runtime.llama.layout import LlamaWeights

LossFunction = Callable[[LlamaWeights, Tensor, Tensor, Tensor], Tensor]
"""(weights, tokens [B, T], labels [B, T], positions [B, T]) -> summed loss."""


@cache
def compiled_loss(architecture: Architecture, probability: float) -> LossFunction:
    """`summed_loss` of a model, compiled when it is first called with tensors of a shape.

    One graph serves all batches, whether their rows hold several documents or not.

    Args:
        probability: of dropout.
    """
    compiling.in_this_process()

    def drop(x: Tensor) -> Tensor:
        return dropout(x, probability)

    def loss(
        weights: LlamaWeights, tokens: Tensor, labels: Tensor, cosine: Tensor, sine: Tensor, bias: Tensor
    ) -> Tensor:
        dropped = drop if probability > 0 else None
        how = traced.Traced(
            architecture, partial(_attend, bias_BTT=bias, drop=dropped), drop=dropped, apart=True
        )
        return traced.summed_loss(how, weights, tokens, labels, cosine, sine)

    compiled = compiling.compiled(loss)

    def whole(weights: LlamaWeights, tokens: Tensor, labels: Tensor, positions: Tensor) -> Tensor:
        cosine, sine = rows.rotary_tables(architecture, positions[..., None])
        forbidden = ~rows.same_document(positions)
        bias = torch.zeros(forbidden.shape, dtype=weights.head.dtype).masked_fill_(forbidden, -torch.inf)
        return compiled(weights, tokens, labels, cosine, sine, bias)

    return whole


def _attend(
    query_BHTD: Tensor, key_BGTD: Tensor, value_BGTD: Tensor, bias_BTT: Tensor, drop: Drop | None
) -> Tensor:
    """Attention, [B, H, T, D], by the kernel that is fastest on a CPU; heads of a group share a product.

    Args:
        bias_BTT: 0 where a token may be looked at, and minus infinity elsewhere.
    """
    batch, heads, length, size = query_BHTD.shape
    groups = key_BGTD.shape[1]
    if not uses_products(query_BHTD, drop):
        return scaled_dot_product_attention(
            query_BHTD, key_BGTD, value_BGTD, attn_mask=bias_BTT[:, None], enable_gqa=heads != groups
        )
    query = query_BHTD.reshape(batch * groups, -1, size)
    key, value = (part.reshape(-1, length, size) for part in (key_BGTD, value_BGTD))
    scores = torch.bmm(query, key.mT).view(batch, heads, length, length)
    weights = softmax(scores * size**-0.5 + bias_BTT[:, None], -1)
    if drop is not None:
        weights = drop(weights)
    mixed = torch.bmm(weights.view(batch * groups, -1, length), value)
    return mixed.view(batch, heads, length, size)


def why_not_compiled(error: Exception) -> str:
    """A line on what went wrong: torch's own says in its first line only which of its parts met it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return next((line for line in lines if not line.endswith("raised:")), type(error).__name__)
