"""torch's compiler as training uses it: one piece or nothing, fixed shapes, files in the user's cache."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

from specc.corpora.measure import cache_folder

SHAPES = 64
"""Models and shapes of batches that one process compiles; torch's limit of 8 is for accidents."""


def compiled(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A function compiled for each shape of its arguments, in one piece or not at all."""
    _prepare()
    made: Callable[..., Tensor] = torch.compile(function, fullgraph=True, dynamic=False)
    return made


@cache
def _prepare() -> None:
    """Keep compiled kernels in the user's cache, and random numbers those of uncompiled functions."""
    folder = cache_folder("compiled")
    if folder is not None:
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(folder))
    import torch._dynamo.config as tracing
    import torch._functorch.config as differentiating
    import torch._inductor.config as lowering

    tracing.recompile_limit = SHAPES
    lowering.fallback_random = True
    # These caches are read by pickle; those of kernels, which take most of the time, are not.
    lowering.fx_graph_cache = False
    differentiating.enable_autograd_cache = False


def in_this_process() -> None:
    """Compile without processes of the compiler's own, as a worker beside others should."""
    import torch._inductor.config as lowering

    lowering.compile_threads = 1
