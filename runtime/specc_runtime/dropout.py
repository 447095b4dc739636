"""Dropout on a transformers model that has none of its own, without touching its weights' names.

Sites: the embedding's output, the attention weights, the output of both residual branches, and the
inner activations of the MLP. All are inactive in evaluation.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn.functional import dropout

from specc.errors import SpeccError
from specc.families import DROPOUT_TYPES


def add_dropout(model: nn.Module, probability: float) -> None:
    """Attach dropout at every site.

    Raises:
        SpeccError: if the model is not built like Llama.
    """
    if probability == 0:
        return
    family = getattr(getattr(model, "config", None), "model_type", "")
    if family not in DROPOUT_TYPES:
        raise SpeccError(
            "dropout is known for models built like Llama only",
            "leave `dropout` out of this stage",
        )

    def on_output(module: nn.Module, _: Any, output: Tensor) -> Tensor:
        return dropout(output, probability, model.training)

    def on_input(module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (dropout(inputs[0], probability, model.training), *inputs[1:])

    try:
        decoder: Any = model.get_submodule("model")
        decoder.embed_tokens.register_forward_hook(on_output)
        for layer in decoder.layers:
            layer.self_attn.attention_dropout = probability
            layer.self_attn.o_proj.register_forward_hook(on_output)
            layer.mlp.down_proj.register_forward_pre_hook(on_input)
            layer.mlp.down_proj.register_forward_hook(on_output)
    except AttributeError as error:
        raise SpeccError(
            "dropout is known for models built like Llama only", "leave `dropout` out of this stage"
        ) from error
