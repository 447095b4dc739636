"""A corpus, an optimizer, an evaluation and two transforms of another package.

This module is imported by the compiler, so it imports no torch, nor does `specc_shelf.documents`, which
reads and counts documents; training and measuring is done in `specc_shelf.work`.
"""

from specc.components import Kind, Parameter, Signature, Type
from specc.components.plugins import Plugin

SUMS = Plugin(
    Signature(
        "sums",
        Kind.CORPUS,
        "Sums of two whole numbers: the prompt is `7+5=`, the completion `12`.",
        (Parameter("largest", Type.INT, "largest summand", 9, low=1, high=999),),
        traits=frozenset({"prompts"}),
    ),
    "specc_shelf.documents:read_sums",
)
SIGN_SGD = Plugin(
    Signature(
        "sign_sgd",
        Kind.OPTIMIZER,
        "Moves every weight by the learning rate, against the sign of its momentum.",
        (Parameter("momentum", Type.FLOAT, "decay of the gradient's mean", 0.9, low=0, high=1),),
        source="Bernstein et al. 2018, arXiv 1802.04434",
    ),
    "specc_shelf.work:build_sign_sgd",
)
ENTROPY = Plugin(
    Signature(
        "entropy",
        Kind.EVALUATION,
        "Mean entropy of the prediction of the first token, in nats; `n` counts documents.",
        metric="entropy",
    ),
    "specc_shelf.work:measure_entropy",
)
SHRINK = Plugin(
    Signature(
        "shrink",
        Kind.CHECKPOINT,
        "All weights times a number.",
        (Parameter("by", Type.FLOAT, "the number", low=0, high=1),),
    ),
    "specc_shelf.work:shrink",
)
LONG_DOCUMENTS = Plugin(
    Signature(
        "long_documents",
        Kind.DATA,
        "Documents of at least so many tokens.",
        (Parameter("tokens", Type.TOKENS, "the fewest tokens of a document", low=1),),
    ),
    "specc_shelf.documents:long_documents",
)
