"""A plain and fast Llama in PyTorch: functions over weights, held by the hub's names.

    >>> architecture = architecture_of(config)          # None: not covered, use transformers
    >>> model = PlainLlama(architecture, weights)       # weights by the hub's names
    >>> model.logits(tokens_BT, positions_BT)           # [B, T, V]; positions restart with documents

`architecture` says which configurations are covered, `layout` where each weight lies in the flat
buffer, `rows` what positions mean, `blocks` and `attention` are the parts, `forward` puts them
together, and `traced` is the same for torch's compiler. Logits, losses and gradients equal those of
transformers to rounding. Models that are trained together are `specc_runtime.lanes`.

Shape suffixes: B rows, T tokens in a row, N = B T tokens, V vocabulary, d or D width,
H heads of queries, G heads of keys and values.
"""

from specc_runtime.llama.architecture import Architecture, architecture_of
from specc_runtime.llama.forward import hidden_states, logits, summed_loss
from specc_runtime.llama.layout import LayerWeights, Layout, LlamaWeights
from specc_runtime.llama.plain import PlainLlama

__all__ = [
    "Architecture",
    "LayerWeights",
    "Layout",
    "LlamaWeights",
    "PlainLlama",
    "architecture_of",
    "hidden_states",
    "logits",
    "summed_loss",
]
