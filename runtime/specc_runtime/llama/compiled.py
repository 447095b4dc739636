"""The forward and backward pass compiled by torch, where a run asks for it.

Compiling takes a C++ compiler and ten to thirty seconds of a core, and about seven where its files are
still in the user's cache. What is compiled adds in another order, so it changes rounding; dropout
draws what it draws without.

It pays in long trainings of small models: the products of larger ones are as fast without. CPU time of
an update without it divided by that with it, 16 x 128 tokens in bfloat16 on a busy core of Zen 5: 1.2 at
0.3M parameters, 1.1 at 1M, 1.03 at 4M. On an idle core products take less of the time, and it gains
more. Only the length of a training could decide whether it pays, and must not: a stage that is cut into
segments, or goes on under a longer budget, has the same bits as one that is not. So `auto` does not
compile.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor
from torch.nn.functional import dropout

from specc.corpora.measure import cache_folder
from specc_runtime.llama.architecture import Architecture
from specc_runtime.llama.forward import summed_loss
from specc_runtime.llama.layout import LlamaWeights

LossFunction = Callable[[LlamaWeights, Tensor, Tensor, Tensor], Tensor]
"""(weights, tokens [B, T], labels [B, T], positions [B, T]) -> summed loss."""

SHAPES = 64
"""Models and shapes of batches that one process compiles; torch's limit of 8 is for accidents."""


@cache
def compiled_loss(architecture: Architecture, probability: float) -> LossFunction:
    """`summed_loss` of a model, compiled when it is first called with tensors of a shape.

    Args:
        probability: of dropout.
    """
    _prepare()

    def drop(x: Tensor) -> Tensor:
        return dropout(x, probability)

    def loss(weights: LlamaWeights, tokens: Tensor, labels: Tensor, positions: Tensor) -> Tensor:
        return summed_loss(
            architecture, weights, tokens, labels, positions, drop if probability > 0 else None
        )

    compiled: LossFunction = torch.compile(loss, dynamic=False, fullgraph=True)
    return compiled


def why_not_compiled(error: Exception) -> str:
    """A line on what went wrong: torch's own says in its first line only which of its parts met it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return next((line for line in lines if not line.endswith("raised:")), type(error).__name__)


@cache
def _prepare() -> None:
    """Settings of the compiler: this process alone, its files in the user's cache, dropout as without it."""
    folder = cache_folder("compiled")
    if folder is not None:
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(folder))
    import torch._dynamo.config as tracing
    import torch._functorch.config as differentiating
    import torch._inductor.config as lowering

    tracing.recompile_limit = SHAPES
    lowering.compile_threads = 1
    lowering.fallback_random = True
    # These caches are read by pickle; those of compiled C++, which take most of the time, are not.
    lowering.fx_graph_cache = False
    differentiating.enable_autograd_cache = False
