"""A model whose weights, gradients and optimizer state are spread over the ranks: FSDP2.

`torch.distributed.fsdp.fully_shard` (Zhao et al. 2023, arXiv:2304.11277; per parameter since torch
2.4) gathers the weights of one layer at a time, so a rank holds 1/W of everything and one layer. The
weights stay float32 and are gathered so: `bfloat16` is autocast, as everywhere, and the results are
those of one process.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from specc.errors import SpeccError
from specc.steps import TrainExecution, TrainParams
from specc_runtime import model as models
from specc_runtime.dropout import add_dropout
from specc_runtime.learner import Learner
from specc_runtime.optimizer import build_optimizer, restore_state, state_tensors
from specc_runtime.packing import Batch
from specc_runtime.ranks import Ranks
from specc_runtime.update import Updater

SHARDED_FROM = 1_000_000_000
"""Parameters from which a model is sharded by itself; below, copies are faster."""

ELEMENTWISE = ("adamw", "sam", "sgd")
"""Optimizers that update each element by itself, and so any part of a parameter."""


def shards(execution: TrainExecution, folder: Path) -> bool:
    """Whether the model of a folder is to be spread over the ranks."""
    if execution.sharding == "auto":
        return models.read_shape(folder).parameters >= SHARDED_FROM
    return execution.sharding == "shard"


class ShardedRanks:
    """The ranks of a group among which gradients are summed in the backward pass already.

    All ranks gather weights together, so all make equally many passes: one without rows of its own
    makes the first pass of the batch once more, which counts nothing.
    """

    def __init__(self, group: Ranks) -> None:
        self.group = group
        self.rank = group.rank
        self.size = group.size

    def passes(self, micro_batches: Sequence[slice]) -> Sequence[tuple[slice, float]]:
        mine = list(self.group.passes(micro_batches))
        longest = -(-len(micro_batches) // self.size)
        return mine + [(micro_batches[0], 0.0)] * (longest - len(mine))

    def add(self, tensors: Sequence[Tensor]) -> None:
        self.group.add([tensor for tensor in tensors if not isinstance(tensor, DTensor)])

    def whole(self, tensor: Tensor) -> Tensor:
        return whole(tensor)

    def least(self, value: int) -> int:
        return self.group.least(value)

    def led(self, learner: Learner) -> Learner:
        return self.group.led(learner)


class Gathered:
    """Tensors that are spread over the ranks, whole on rank 0 and on the CPU, one after the other.

    On other ranks they are empty; see `specc_runtime.learner.Gathering`.
    """

    def __init__(self, tensors: Iterable[tuple[str, Tensor]], rank: int) -> None:
        self._tensors = dict(tensors)
        self._rank = rank
        self.shapes = {name: tuple(tensor.shape) for name, tensor in self._tensors.items()}

    def items(self) -> Iterator[tuple[str, Tensor]]:
        for name, tensor in self._tensors.items():
            value = whole(tensor.detach())
            yield name, value.cpu().contiguous() if self._rank == 0 else value.new_empty(0)


class ShardedLearner:
    """Trains a model of transformers that is spread over the ranks of a group.

    Args:
        model: the whole model, on the CPU, with its weights.
    """

    def __init__(
        self,
        model: nn.Module,
        params: TrainParams,
        micro_batch: int | None,
        group: Ranks,
        device: torch.device,
    ) -> None:
        self.device = device
        self._rank = group.rank
        self._mesh = DeviceMesh(device.type, torch.arange(group.size))
        shard(model, self._mesh)
        self.model = model.to(device)
        self._optimizer = build_optimizer(model, params.optimizer)
        for settings in self._optimizer.param_groups:
            settings["fused"] = settings["fused"] and not isinstance(self._optimizer, torch.optim.SGD)
        self._updater = Updater(model, self._optimizer, params, micro_batch, ShardedRanks(group))
        self._measured: nn.Module | None = None

    def update(self, batch: Batch, rate: float, lineage_step: int) -> tuple[float, float]:
        self.model.train()
        return self._updater.update(batch, rate, lineage_step)

    def weights(self) -> dict[str, Tensor]:
        return dict(self.gather_weights().items())

    def optimizer_state(self) -> dict[str, Tensor]:
        return dict(self.gather_state().items())

    def gather_weights(self) -> Gathered:
        return Gathered(self.model.named_parameters(), self._rank)

    def gather_state(self) -> Gathered:
        return Gathered(state_tensors(self.model, self._optimizer).items(), self._rank)

    def restore(self, weights: Mapping[str, Tensor], state: Mapping[str, Tensor] | None, where: Path) -> None:
        models.check_fit(self.model, weights, where)
        with torch.no_grad():
            for name, parameter in self.model.named_parameters():
                parameter.copy_(self._part(weights[name], parameter))
        if state is not None:
            parameters = dict(self.model.named_parameters())
            parts = {}
            for name, value in state.items():
                like = parameters.get(name.partition("/")[2])
                spread = like is not None and like.shape == value.shape
                parts[name] = self._part(value, like) if spread else value
            restore_state(self.model, self._optimizer, parts)

    def _part(self, value: Tensor, like: Tensor | None) -> Tensor:
        """This rank's part of a whole tensor; every rank has read the whole one, so nothing is sent."""
        assert isinstance(like, DTensor)
        return distribute_tensor(
            value.to(self.device, like.dtype), self._mesh, like.placements, src_data_rank=None
        )

    def module(self) -> nn.Module:
        """On rank 0 a whole model with the weights of this moment."""
        weights = self.weights()
        if self._rank != 0:
            return self.model
        if self._measured is None:
            config: Any = self.model.config
            self._measured = models.build(config, config._attn_implementation).to(self.device).eval()
        models.fill(self._measured, weights, Path("memory"))
        return self._measured

    def provenance(self) -> dict[str, Any]:
        config: Any = self.model.config
        return {
            "implementation": "transformers",
            "attention": config._attn_implementation,
            "sharding": "shard",
        }


def open_sharded(
    params: TrainParams, execution: TrainExecution, folder: Path, group: Ranks, device: torch.device
) -> ShardedLearner:
    """What trains the model of a folder, spread over the ranks; with a fresh optimizer.

    Raises:
        SpeccError: if its optimizer looks at more than one element at a time, or may.
    """
    if params.optimizer.name not in ELEMENTWISE:
        raise SpeccError(
            f"the optimizer `{params.optimizer.name}` can't train a model that is sharded",
            "train whole copies with `--sharding replicate`",
        )
    cpu = torch.device("cpu")
    model = models.load(folder, cpu, models.attention_kernel(device, params.dtype))
    add_dropout(model, params.dropout)
    return ShardedLearner(model, params, execution.micro_batch, group, device)


def shard(model: nn.Module, mesh: DeviceMesh) -> None:
    """Spread the parameters of each layer, and of what is around the layers, over a mesh.

    Raises:
        SpeccError: if the model is not built of layers as Llama is.
    """
    try:
        decoder: Any = model.get_submodule("model")
        units = [*decoder.layers, model]
    except AttributeError as error:
        raise SpeccError(
            "sharding is known for models built like Llama only", "train it with copies, or by one process"
        ) from error
    for unit in units:
        fully_shard(unit, mesh=mesh)
    for module in model.modules():
        if isinstance(module, FSDPModule):
            # The loss is divided by the targets of the global batch: the sum is the gradient.
            module.set_gradient_divide_factor(1.0)
            module.set_force_sum_reduction_for_comms(True)


def whole(tensor: Tensor) -> Tensor:
    """The value of a tensor that may be spread over the ranks; all of them call this."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
