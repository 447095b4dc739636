"""Optimizers by name, and their state as plain named tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from specc.components import arguments
from specc.components.plugins import implementation
from specc.steps import Component


def _adamw(model: nn.Module, args: Mapping[str, Any]) -> torch.optim.Optimizer:
    return _adamw_of(list(model.parameters()), args)


def _adamw_of(parameters: Sequence[nn.Parameter], args: Mapping[str, Any]) -> torch.optim.Optimizer:
    matrices = [parameter for parameter in parameters if parameter.ndim >= 2]
    vectors = [parameter for parameter in parameters if parameter.ndim < 2]
    return torch.optim.AdamW(
        [
            {"params": matrices, "weight_decay": args["weight_decay"]},
            {"params": vectors, "weight_decay": 0.0},
        ],
        betas=(args["beta1"], args["beta2"]),
        eps=args["eps"],
        fused=True,
    )


class Joined(torch.optim.Optimizer):
    """Optimizers of different parameters of a model, as one: their groups and their state together."""

    def __init__(self, *parts: torch.optim.Optimizer) -> None:
        groups = [group for part in parts for group in part.param_groups]
        super().__init__([parameter for group in groups for parameter in group["params"]], {})
        self.parts = parts
        self.param_groups = groups
        for part in parts:
            part.state = self.state

    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # nobody wants the loss back
        for part in self.parts:
            part.step(closure)


def _muon(model: nn.Module, args: Mapping[str, Any]) -> torch.optim.Optimizer:
    edges: Any = model
    outside = {id(end.weight) for end in (edges.get_input_embeddings(), edges.get_output_embeddings()) if end}
    inner = [p for p in model.parameters() if p.ndim == 2 and id(p) not in outside]
    hidden = {id(p) for p in inner}
    others = [p for p in model.parameters() if id(p) not in hidden]
    first = torch.optim.Muon(
        inner,
        weight_decay=args["weight_decay"],
        momentum=args["momentum"],
        adjust_lr_fn="match_rms_adamw",
    )
    return Joined(first, _adamw_of(others, args))


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
    "muon": _muon,
    "sam": _adamw,
    "sgd": _sgd,
}


def build_optimizer(model: nn.Module, component: Component) -> torch.optim.Optimizer:
    """The optimizer of a stage, with fresh state; the loop sets its rate before every update."""
    build: Build = OPTIMIZERS.get(component.name) or implementation(component)
    return build(model, arguments(component))


def ascent_radius(component: Component) -> float | None:
    """How far SAM moves the weights before it takes the gradient that counts; None for other optimizers."""
    return float(arguments(component)["rho"]) if component.name == "sam" else None  # type: ignore[arg-type]  # declared a number


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
