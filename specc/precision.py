"""In which numbers a stage computes where its recipe does not say."""

from __future__ import annotations

from typing import Literal

from specc.shapes import ModelShape

Dtype = Literal["float32", "bfloat16"]

HALVED_FROM = 100_000
"""Parameters outside of the embeddings from which `auto` means bfloat16."""


def automatic_dtype(shape: ModelShape) -> Dtype:
    """What `dtype = "auto"` means for a model that was initialised: bfloat16 from 100,000 parameters.

    Only the shape of the model counts: the same recipe has the same keys on every machine, and a sweep
    over batch sizes or sequence lengths compares like with like. Master weights and the optimizer
    are float32 either way. On one core of a CPU with bfloat16 instructions (Zen 5, torch 2.13), CPU time
    of an update in float32 divided by that in bfloat16, with sequences of 128 tokens:

        parameters (width, layers)    256 tokens    1,024    2,048 in an update
        0.1M (64, 2)                        0.98     1.36     1.48
        0.2M (64, 4)                        0.99     1.34     1.55
        0.4M (128, 2)                       1.28     1.62     1.79
        0.8M (128, 4)                       1.33     1.54     1.78

    Where lanes train models of 0.1M parameters together, four of them at 768 tokens each, it is 1.6.
    Below the threshold nothing was measured to gain by a fifth.
    """
    return "bfloat16" if shape.non_embedding >= HALVED_FROM else "float32"
