"""Optimizers by name, and their state as plain named tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from specc.components import arguments
from specc.components.plugins import implementation
from specc.steps import Component


def _adamw(model: nn.Module, args: Mapping[str, Any]) -> torch.optim.Optimizer:
    matrices = [parameter for parameter in model.parameters() if parameter.ndim >= 2]
    vectors = [parameter for parameter in model.parameters() if parameter.ndim < 2]
    return torch.optim.AdamW(
        [
            {"params": matrices, "weight_decay": args["weight_decay"]},
            {"params": vectors, "weight_decay": 0.0},
        ],
        betas=(args["beta1"], args["beta2"]),
        eps=args["eps"],
        fused=True,
    )


def _sgd(model: nn.Module, args: Mapping[str, Any]) -> torch.optim.Optimizer:
    return torch.optim.SGD(
        model.parameters(),
        momentum=args["momentum"],
        weight_decay=args["weight_decay"],
        fused=True,
    )


Build = Callable[[nn.Module, Mapping[str, Any]], torch.optim.Optimizer]

OPTIMIZERS: dict[str, Build] = {
    "adamw": _adamw,
    "sam": _adamw,
    "sgd": _sgd,
}


def build_optimizer(model: nn.Module, component: Component) -> torch.optim.Optimizer:
    """The optimizer of a stage, with fresh state; the loop sets its rate before every update."""
    build: Build = OPTIMIZERS.get(component.name) or implementation(component)
    return build(model, arguments(component))


def ascent_radius(component: Component) -> float | None:
    """How far SAM moves the weights before it takes the gradient that counts; None for other optimizers."""
    return float(arguments(component)["rho"]) if component.name == "sam" else None  # type: ignore[arg-type]


def state_tensors(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The state as tensors named "<what>/<parameter>", for instance "exp_avg/model.norm.weight"."""
    return {
        f"{what}/{name}": value.contiguous()
        for name, parameter in model.named_parameters()
        for what, value in optimizer.state.get(parameter, {}).items()
        if isinstance(value, Tensor)
    }


def restore_state(model: nn.Module, optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Give an optimizer the state that `state_tensors` returned.

    Raises:
        ValueError: if a tensor belongs to no parameter of the model.
    """
    parameters = dict(model.named_parameters())
    for name, value in tensors.items():
        what, _, parameter = name.partition("/")
        if parameter not in parameters:
            raise ValueError(f"optimizer state for an unknown parameter {parameter}")
        optimizer.state[parameters[parameter]][what] = value.to(parameters[parameter].device)
