"""Everything a recipe may name, with typed and documented parameters."""

from __future__ import annotations

from specc.components.builtin import BUILTIN
from specc.components.plugins import Registry
from specc.components.signature import REQUIRED, Kind, Parameter, Signature, Type
from specc.steps import Component

__all__ = ["COMPONENTS", "REQUIRED", "Kind", "Parameter", "Signature", "Type", "arguments", "gradient_passes"]

COMPONENTS = Registry(BUILTIN)
"""Signatures by name, those of installed packages included; a name has one meaning in all kinds."""


def arguments(component: Component) -> dict[str, object]:
    """All identity arguments of a component, defaults filled in.

    >>> arguments(Component(name="adamw", args={"beta2": 0.99}))
    {'beta1': 0.9, 'beta2': 0.99, 'eps': 1e-08, 'weight_decay': 0.1}
    """
    return COMPONENTS[component.name].filled(component.args)


def gradient_passes(optimizer: Component) -> int:
    """How often an optimizer goes through each batch for one update.

    >>> gradient_passes(Component(name="sam"))
    2
    """
    return 2 if "two_passes" in COMPONENTS[optimizer.name].traits else 1
