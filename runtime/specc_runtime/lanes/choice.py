"""Which models can be stacked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers import AutoConfig

from specc.families import plain_llama
from specc_runtime.llama import Architecture, architecture_of


def read_architecture(folder: Path) -> Architecture | None:
    """The model in a folder; None if it is none that can be stacked."""
    return stackable(json.loads((folder / "config.json").read_text()))


def stackable(config: Mapping[str, Any]) -> Architecture | None:
    """A model by the content of its config.json; None if it is no plain Llama."""
    return architecture_of(AutoConfig.for_model(**config)) if plain_llama(config) else None
