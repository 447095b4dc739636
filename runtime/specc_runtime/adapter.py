"""Low-rank adapters by peft: the weights stay, and what is added to them is trained.

A checkpoint of such a stage holds the merged weights, as any other: weight arithmetic, evaluations
and later stages need not know. The adapter lies beside the optimizer's state, from which the stage goes
on bit for bit, and in peft's own format in adapter_model.safetensors.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from specc.checkpoints import OPTIMIZER
from specc.components import arguments
from specc.errors import SpeccError
from specc.files import operation, write_file
from specc.steps import Component, TrainExecution, TrainParams
from specc_runtime import model as models
from specc_runtime.dropout import add_dropout
from specc_runtime.learner import TransformersLearner
from specc_runtime.optimizer import build_optimizer, restore_state, state_tensors
from specc_runtime.seeds import derive
from specc_runtime.update import Updater

STATE = "adapter/"
"""What begins the names of the adapter's tensors beside the optimizer's state."""

NAME = "default"
"""Name of the adapter in peft."""


def open_adapter(
    params: TrainParams, execution: TrainExecution, folder: Path, device: torch.device
) -> AdapterLearner:
    """A model with a fresh adapter, which adds nothing yet.

    Args:
        folder: holds the weights that the stage begins with, also where it goes on from a later state.
    Raises:
        SpeccError: if peft is not installed, or the model has nothing to adapt.
    """
    assert params.adapter is not None
    if execution.replicas > 1:
        raise SpeccError("an adapter is trained by one process", "leave `--replicas` out")
    model = models.load(folder, device, models.attention_kernel(device, params.dtype))
    config = add_adapter(model, params.adapter, params.seed)
    add_dropout(model, params.dropout)
    optimizer = build_optimizer(model, params.optimizer)
    updater = Updater(model, optimizer, params, execution.micro_batch)
    return AdapterLearner(model, optimizer, updater, config)


def add_adapter(model: nn.Module, component: Component, seed: int) -> Any:
    """Put adapters around the targeted matrices of a model, and freeze all else; peft's configuration.

    The first of the two matrices is uniform within 1 / sqrt(inputs), each from a stream of its own that
    is named after it; the second is 0.

    Raises:
        SpeccError: if peft is not installed, or the model has no such matrices.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it still asks transformers for names of before
            from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise SpeccError(
            "`lora` needs the package `peft`", "install it: `pip install 'specc[lora]'`"
        ) from error
    args: Any = arguments(component)
    names = target_names(model, args["targets"])
    if not names:
        raise SpeccError(
            f'the model has no matrices that `targets = "{args["targets"]}"` names', 'write `targets = "all"`'
        )
    config = LoraConfig(
        r=args["rank"],
        lora_alpha=args["alpha"],
        target_modules=names,
        lora_dropout=0.0,
        bias="none",
        fan_in_fan_out=type(model.get_submodule(names[0])).__name__ == "Conv1D",
        task_type="CAUSAL_LM",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        inject_adapter_in_model(config, model, NAME)
    generator = torch.Generator()
    with torch.no_grad():
        for name, parameter in adapted(model).items():
            values = torch.zeros(parameter.shape)
            if ".lora_A." in name:
                bound = 1 / math.sqrt(parameter.shape[1])
                generator.manual_seed(derive(seed, "adapter", name))
                values.uniform_(-bound, bound, generator=generator)
            parameter.copy_(values)
    return config


def target_names(model: nn.Module, targets: str) -> list[str]:
    """Names of the matrices that are adapted: those of the layers, or of their attention or MLP alone."""
    head: Any = getattr(model, "get_output_embeddings", lambda: None)()
    found = []
    for name, module in model.named_modules():
        matrix = isinstance(module, nn.Linear) or type(module).__name__ == "Conv1D"
        if matrix and module is not head:
            kind = "attention" if "attn" in name or "attention" in name else "mlp"
            if targets in ("all", kind):
                found.append(name)
    return found


def adapted(model: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters of the adapter by name."""
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


class AdapterLearner(TransformersLearner):
    """Trains an adapter; its weights are those of the model with the adapter added."""

    def __init__(
        self, model: nn.Module, optimizer: torch.optim.Optimizer, updater: Updater, config: Any
    ) -> None:
        super().__init__(model, optimizer, updater)
        self.config = config

    @torch.no_grad()
    def weights(self) -> dict[str, Tensor]:
        from peft.tuners.lora import LoraLayer

        own = adapted(self.model)
        merged = {
            name.replace(".base_layer.", "."): parameter.detach().contiguous()
            for name, parameter in self.model.named_parameters()
            if name not in own
        }
        layers: dict[str, Any] = dict(self.model.named_modules())
        for name, layer in layers.items():
            if isinstance(layer, LoraLayer):
                whole = merged[f"{name}.weight"]
                delta: Tensor = layers[name].get_delta_weight(NAME)
                merged[f"{name}.weight"] = (whole + delta.to(whole.dtype)).contiguous()
        return merged

    def optimizer_state(self) -> dict[str, Tensor]:
        adapter = {f"{STATE}{name}": each.detach().contiguous() for name, each in adapted(self.model).items()}
        return state_tensors(self.model, self.optimizer) | adapter

    @torch.no_grad()
    def restore(self, weights: Mapping[str, Tensor], state: Mapping[str, Tensor] | None, where: Path) -> None:
        """Take over the adapter and, unless None, the optimizer state; the weights beneath stay."""
        stored = load_file(where / OPTIMIZER) if state is None else state
        for name, parameter in adapted(self.model).items():
            if f"{STATE}{name}" not in stored:
                raise ValueError(f"the adapter's `{name}` is missing")
            parameter.copy_(stored[f"{STATE}{name}"])
        if state is not None:
            rest = {name: value for name, value in state.items() if not name.startswith(STATE)}
            restore_state(self.model, self.optimizer, rest)

    def provenance(self) -> dict[str, Any]:
        from peft import __version__

        return super().provenance() | {"adapter": f"peft {__version__}"}

    def write_adapter(self, folder: Path) -> None:
        """Write the adapter as peft does, for `PeftModel.from_pretrained` on the weights before the stage."""
        tensors = {
            f"base_model.model.{name.replace(f'.{NAME}.', '.')}": each.detach().contiguous()
            for name, each in adapted(self.model).items()
        }
        with operation("write", folder / "adapter_model.safetensors"):
            save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
        content = self.config.to_dict() | {"inference_mode": True}
        content = {name: sorted(each) if isinstance(each, set) else each for name, each in content.items()}
        text = json.dumps(content, indent=2, sort_keys=True, default=str) + "\n"
        write_file(folder / "adapter_config.json", text)
