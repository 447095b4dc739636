"""Floating-point operations of training and evaluation, one formula for plan and record.

Matrix products only, two operations for a multiply and an add, the backward pass twice the
forward; attention is counted in full, without the half that the causal mask leaves out (Chowdhery
et al. 2022, arXiv 2204.02311, appendix B). Norms, rotary positions, softmax and the optimizer are
left out.
"""

from __future__ import annotations

from specc.shapes import ModelShape


def training_flops_per_token(shape: ModelShape, sequence: int, frozen: bool = False) -> int:
    """Operations to train on one token, forward and backward.

    6 N + 6 V d + 12 L a T: N parameters outside of the embeddings, V tokens in the vocabulary, d
    the width, L layers, a the width of all heads together, T tokens in a sequence. Where the weights
    are frozen and an adapter is trained, 4 N + 4 V d + 12 L a T: weights get no gradients, and the
    thin matrices are left out.
    """
    each = 4 if frozen else 6
    products = each * (shape.non_embedding + shape.vocab * shape.width)
    return products + 12 * shape.layers * shape.heads * shape.head * sequence


def evaluation_flops_per_token(shape: ModelShape, sequence: int) -> int:
    """Operations of one token's forward pass: a third of training on it."""
    return training_flops_per_token(shape, sequence) // 3
