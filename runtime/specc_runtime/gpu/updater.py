"""An update that is launched and not waited for."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor
from torch._dynamo.exc import TorchDynamoException
from torch._inductor.exc import InductorError

from specc.steps import TrainParams
from specc_runtime.compiling import compiled as compiled_by_torch
from specc_runtime.gpu.forward import Mask, rotary_tables, summed_loss
from specc_runtime.gpu.masks import BLOCK, block_mask, dense_mask, document_blocks, document_starts
from specc_runtime.gpu.micro_batch import Fit, halved
from specc_runtime.gpu.uploads import Underway, Uploads
from specc_runtime.learner import Known, Reading
from specc_runtime.llama.learner import FlatModel, PlainUpdater
from specc_runtime.memory import is_out_of_memory
from specc_runtime.packing import Batch
from specc_runtime.ranks import Ranks

Loss = Callable[..., Tensor]

COMPILER_ERRORS = (TorchDynamoException, InductorError)

SMALLEST_HEAD = 16
"""Size of an attention head that the kernel of `flex_attention` takes."""

log = logging.getLogger(__name__)


class DeviceUpdater(PlainUpdater):
    """Updates a `FlatModel` by fused AdamW without reading a value on the host.

    Attributes:
        fit: rows that go through at once. trouble: why the compiler was given up; "" if it wasn't.

    Args:
        compiled: "off" for the same function in eager mode, as "auto" does where compiling fails.
        blocks: whether attention in packed rows goes by blocks (`flex_attention`), which torch can
            train with on a GPU only.
    """

    def __init__(
        self,
        model: FlatModel,
        optimizer: torch.optim.Optimizer,
        params: TrainParams,
        fit: Fit,
        ranks: Ranks,
        compiled: Literal["auto", "on", "off"],
        blocks: bool,
    ) -> None:
        super().__init__(model, optimizer, params, fit.rows, ranks)
        self.fit = fit
        fits = params.sequence % BLOCK == 0 and model.layout.architecture.head >= SMALLEST_HEAD
        self._blocks = blocks and fits and compiled != "off"
        self._uploads = Uploads(self._device)
        self._tables = rotary_tables(model.layout.architecture, params.sequence, self._device)
        self.trouble = ""
        self._may_go_without = compiled == "auto"
        self._loss: Loss = summed_loss
        if compiled != "off":
            self._loss = compiled_by_torch(summed_loss)

    @property
    def compiled(self) -> bool:
        """Whether the loss is compiled."""
        return self._loss is not summed_loss

    @property
    def attention(self) -> str:
        """Kernels of attention: in rows of one document, and in packed ones."""
        return "sdpa, packed by flex" if self._blocks else "sdpa"

    def compute(self, batch: Batch) -> None:
        """Compute the gradients of a batch, and drop them."""
        try:
            self.model.refresh()
            self._backward(batch, slice(0, len(batch.tokens)), 1.0)
        finally:
            self.optimizer.zero_grad()

    def _backward(self, batch: Batch, rows: slice, weight: float) -> Tensor:
        try:
            return super()._backward(batch, rows, weight)
        except COMPILER_ERRORS as error:
            if not self._may_go_without or self._loss is summed_loss:
                raise
            self.trouble = f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"
            log.warning("training goes on uncompiled, several times slower: %s", self.trouble)
            self._loss, self._blocks = summed_loss, False
            return super()._backward(batch, rows, weight)

    def use(self, fit: Fit) -> None:
        """Go on with another number of rows."""
        self.fit = fit
        self._micro_batch = fit.rows

    def launch(self, batch: Batch, rate: float, lineage_step: int) -> Reading:
        """Begin an update; if memory runs out, with half the rows."""
        if batch.targets == 0:
            return Known(0.0, 0.0)
        while True:
            try:
                total, norm = self._gradients(batch, lineage_step)
                break
            except RuntimeError as error:
                if self._ranks.size > 1 or not is_out_of_memory(error):
                    raise
                smaller = halved(self.fit)
            self.optimizer.zero_grad()
            make_room(self._device)
            self.use(smaller)
        return self._step(total, norm, rate)

    @torch.no_grad()
    def _step(self, total: Tensor, norm: Tensor, rate: float) -> Reading:
        """Let the optimizer update the weights unless loss or norm is not finite.

        Fused AdamW divides gradients by `grad_scale`, and does nothing where `found_inf` is not 0: it
        clips and skips without the host's knowing.
        """
        optimizer: Any = self.optimizer
        optimizer.found_inf = (~(torch.isfinite(total) & torch.isfinite(norm))).float()
        largest = self._params.clip if self._params.clip is not None else math.inf
        # 1e-6 as in torch.nn.utils.clip_grads_with_norm_
        optimizer.grad_scale = ((norm + 1e-6) / largest).clamp(min=1.0)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        optimizer.zero_grad()
        return Underway.of(total, norm)

    def _summed_loss(self, batch: Batch, rows: slice) -> Tensor:
        tokens_BT, labels_BT = self._uploads.sent(batch.tokens[rows], batch.labels[rows])
        cosine, sine = (table[:, None] for table in self._tables)
        mask: Mask = None
        if batch.packed:
            (positions_BT,) = self._uploads.sent(batch.positions[rows])
            cosine, sine = (table[positions_BT][:, :, None] for table in self._tables)
            mask = self._mask(batch, rows)
        model = self.model
        return self._loss(
            model.layout.architecture,
            model.weights,
            tokens_BT,
            labels_BT,
            cosine,
            sine,
            mask,
            self.fit.checkpointed,
        )

    def _mask(self, batch: Batch, rows: slice) -> Mask:
        starts = document_starts(batch.positions[rows])
        if not self._blocks:
            (starts_BT,) = self._uploads.sent(starts)
            return dense_mask(starts_BT)
        starts_BT, *blocks = self._uploads.sent(starts, *document_blocks(starts))
        some, some_indices, whole, whole_indices = blocks
        return block_mask((some, some_indices, whole, whole_indices), starts_BT)


def make_room(device: torch.device) -> None:
    """Give back what an attempt that ran out of memory has left."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
