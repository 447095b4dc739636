"""The learner of a GPU: the plain implementation, compiled, with values that are read later."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import AutoConfig

from specc.steps import TrainExecution, TrainParams
from specc_runtime.gpu.micro_batch import Fit, Memory, case_of, find_fit, least_bytes
from specc_runtime.gpu.updater import DeviceUpdater, make_room
from specc_runtime.learner import Reading
from specc_runtime.llama import Architecture, architecture_of
from specc_runtime.llama.learner import PlainLearner
from specc_runtime.packing import Batch
from specc_runtime.ranks import ALONE, Ranks

LAG = 4
"""Updates that may be under way: enough that the device never waits for the host."""


class DeviceLearner(PlainLearner):
    """Trains a model of Llama's kind on a GPU; see `specc_runtime.learner.Lagging`."""

    lag = LAG

    def __init__(
        self,
        architecture: Architecture,
        params: TrainParams,
        execution: TrainExecution,
        folder: Path,
        device: torch.device,
        ranks: Ranks = ALONE,
        memory: Memory | None = None,
    ) -> None:
        eager = execution.model_copy(update={"compiled": "off"})  # what is compiled here is another function
        super().__init__(architecture, params, eager, folder, device, ranks)
        on_gpu = device.type == "cuda"
        rows = math.ceil(params.batch / ranks.size)
        self._device_updater = DeviceUpdater(
            self._model,
            self._optimizer,
            params,
            Fit(min(rows, execution.micro_batch or rows)),
            ranks,
            execution.compiled,
            blocks=on_gpu,
        )
        self._memory = memory or Memory()
        self._case = case_of(device, architecture, rows, params.sequence, params.dtype)
        self._searched = execution.micro_batch is None
        if self._searched:
            fit = self._found_fit(rows, architecture)
            self._device_updater.use(Fit(ranks.least(fit.rows), ranks.least(not fit.checkpointed) == 0))

    def _found_fit(self, rows: int, architecture: Architecture) -> Fit:
        """Rows that fit, remembered or found by trying."""
        params = self._params
        known = self._memory.recall(self._case)
        if known is not None:
            return Fit(min(rows, known.rows), known.checkpointed)
        room = math.inf
        if self.device.type == "cuda":
            room, _ = torch.cuda.mem_get_info(self.device)
        fit = find_fit(
            rows,
            self._try,
            lambda count: least_bytes(architecture, count * params.sequence) > room,
        )
        self._memory.keep(self._case, fit)
        return fit

    def _try(self, fit: Fit) -> None:
        """Compute and drop the gradients of a batch of so many rows, packed and not."""
        updater = self._device_updater
        updater.use(fit)
        reserved = self._reserved()
        try:
            for packed in (False, True):
                updater.compute(made_up(fit.rows, self._params.sequence, packed))
        finally:
            del reserved
            make_room(self.device)

    def _reserved(self) -> Tensor:
        """Memory that is needed beside a forward and a backward pass.

        That is the optimizer's two numbers for each weight, which come with the first update, and 3% of
        the device for what is lost between blocks.
        """
        total = 0
        if self.device.type == "cuda":
            total = torch.cuda.get_device_properties(self.device).total_memory
        spare = total * 3 // 100
        return torch.empty(2 * self._model.flat.nbytes + spare, dtype=torch.uint8, device=self.device)

    def restore(self, weights: Mapping[str, Tensor], state: Mapping[str, Tensor] | None, where: Path) -> None:
        super().restore(weights, state, where)
        for values in self._optimizer.state.values():  # also the number of steps, which came from a file
            for what, value in values.items():
                values[what] = value.to(self.device) if isinstance(value, Tensor) else value

    def launch(self, batch: Batch, rate: float, lineage_step: int) -> Reading:
        updater = self._device_updater
        before = updater.fit
        reading = updater.launch(batch, rate, lineage_step)
        if updater.fit != before and self._searched:  # memory ran out: a later run begins with what fits
            self._memory.keep(self._case, updater.fit)
        return reading

    def update(self, batch: Batch, rate: float, lineage_step: int) -> tuple[float, float]:
        return self.launch(batch, rate, lineage_step).read()

    def provenance(self) -> dict[str, Any]:
        updater = self._device_updater
        trouble = {"not_compiled": updater.trouble} if updater.trouble else {}
        return {
            "implementation": "plain",
            "compiled": updater.compiled,
            "attention": updater.attention,
            "micro_batch": updater.fit.rows,
            "micro_batch_found": self._searched,
            "activation_checkpointing": updater.fit.checkpointed,
            "float32_products": torch.get_float32_matmul_precision(),
            **trouble,
        }


def made_up(rows: int, length: int, packed: bool) -> Batch:
    """A batch that takes as much memory as one of the corpora does; in two documents a row if packed."""
    shape = (rows, length)
    tokens = np.zeros(shape, dtype=np.int64)
    column = np.arange(length)
    half = max(1, length // 2)
    positions = np.broadcast_to(column % half if packed else column, shape)
    return Batch(tokens, positions, tokens, rows * length, packed)


def device_architecture(params: TrainParams, execution: TrainExecution, folder: Path) -> Architecture | None:
    """The model of a folder, if this learner can train it on a GPU; None for any other."""
    if execution.implementation == "transformers" or params.dropout > 0:
        return None
    if params.optimizer.plugin or params.optimizer.name != "adamw":
        return None
    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    architecture = architecture_of(config)
    if architecture is None or (architecture.window is not None and params.sequence > architecture.window):
        return None
    return architecture
