"""A model that is trained in a stack, as a learner of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig

from specc.components import arguments
from specc.steps import TrainParams
from specc_runtime import model as models
from specc_runtime.lanes.choice import read_architecture
from specc_runtime.lanes.stack import Asked, LaneRule, LaneState, Stack
from specc_runtime.llama import Architecture, Layout
from specc_runtime.packing import Batch
from specc_runtime.seeds import derive

MOMENTS = {"exp_avg": "first", "exp_avg_sq": "second"}
"""AdamW's state by its name in a checkpoint, and where a lane holds it."""

STEP = "step"


class Lane:
    """A `Learner` whose model can be stacked with others; alone it is a stack of one.

    Args:
        folder: holds the model.
    """

    def __init__(
        self, architecture: Architecture, params: TrainParams, folder: Path, device: torch.device
    ) -> None:
        self.layout = layout = Layout(architecture)
        self.params = params
        self.folder = folder
        self.device = device
        values, first, second = (torch.zeros(layout.size, device=device) for _ in range(3))
        self.state = LaneState(values, first, second, updates=torch.zeros((), device=device))
        given: dict[str, Any] = arguments(params.optimizer)
        self.rule = LaneRule(
            beta1=given["beta1"],
            beta2=given["beta2"],
            eps=given["eps"],
            decay=given["weight_decay"],
            clip=params.clip,
            dropout=params.dropout,
        )
        self.together = 1
        self._stack: Stack | None = None
        self._fill(models.read_weights(folder), folder)

    @property
    def dtype(self) -> torch.dtype:
        return torch.bfloat16 if self.params.dtype == "bfloat16" else torch.float32

    def asked(self, batch: Batch, rate: float, lineage_step: int) -> Asked:
        """What the lane does in a training step, for its stack."""
        dropped = self.params.dropout > 0
        return Asked(batch, rate, derive(self.params.seed, "dropout", lineage_step) if dropped else 0)

    def update(self, batch: Batch, rate: float, lineage_step: int) -> tuple[float, float]:
        if self._stack is None or len(self._stack.states) > 1:
            self._stack = stacked([self])
        return self._stack.update([self.asked(batch, rate, lineage_step)])[0]

    def weights(self) -> dict[str, Tensor]:
        return self._named(self.state.values)

    def optimizer_state(self) -> dict[str, Tensor]:
        if self.state.updates == 0:
            return {}
        found = {
            f"{what}/{name}": tensor
            for what, where in MOMENTS.items()
            for name, tensor in self._named(getattr(self.state, where)).items()
        }
        return found | {f"{STEP}/{name}": self.state.updates.clone() for name in self.layout.shapes}

    def restore(self, weights: Mapping[str, Tensor], state: Mapping[str, Tensor] | None, where: Path) -> None:
        self._fill(weights, where)
        if state is None:
            return
        parts = {what: self.layout.named(getattr(self.state, where)) for what, where in MOMENTS.items()}
        for name, value in state.items():
            what, _, parameter = name.partition("/")
            if parameter not in self.layout.shapes:
                raise ValueError(f"optimizer state for an unknown parameter {parameter}")
            if what == STEP:
                self.state.updates.copy_(value)
            elif what in MOMENTS:
                parts[what][parameter].copy_(value)
            else:
                raise ValueError(f"`{what}` is no state of AdamW")

    def module(self) -> nn.Module:
        config = AutoConfig.from_pretrained(self.folder, local_files_only=True, trust_remote_code=False)
        model = models.build(config, models.attention_kernel(self.device, self.params.dtype))
        models.fill(model, self.weights(), self.folder)
        return model.to(self.device).eval()

    def provenance(self) -> dict[str, Any]:
        return {"implementation": "stacked", "attention": "products", "lanes": self.together}

    def _named(self, buffer_P: Tensor) -> dict[str, Tensor]:
        """Copies, for the buffer goes on to change, and tensors that share memory can't be saved."""
        return {name: part.clone() for name, part in self.layout.named(buffer_P).items()}

    def _fill(self, weights: Mapping[str, Tensor], where: Path) -> None:
        models.check_shapes(self.layout.shapes, weights, where)
        self.layout.fill(self.state.values, weights)


def stacked(lanes: Sequence[Lane]) -> Stack:
    """A stack of lanes; from now on their states lie in it."""
    first = lanes[0]
    for lane in lanes:
        lane.together = max(lane.together, len(lanes))
    return Stack(first.layout, [lane.state for lane in lanes], [lane.rule for lane in lanes], first.dtype)


def open_lane(params: TrainParams, folder: Path, device: torch.device) -> Lane | None:
    """The model of a folder as a lane; None if it can't be one."""
    architecture = read_architecture(folder)
    if architecture is None or params.optimizer.name != "adamw" or params.optimizer.plugin or params.adapter:
        return None
    return Lane(architecture, params, folder, device)
