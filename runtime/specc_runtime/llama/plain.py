"""A Llama with weights of its own: what evaluations, tests and learners call."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from specc_runtime.llama import forward
from specc_runtime.llama.architecture import Architecture
from specc_runtime.llama.attention import Drop
from specc_runtime.llama.layout import Layout


class PlainLlama:
    """A model whose weights lie in one flat buffer.

    Attributes:
        flat: all weights in float32, [P]; in the order of `layout`.
        weights: views of it as the functions of `forward` use them.

    Args:
        weights: by the hub's names. dtype: of the matrices that are multiplied with.
    Raises:
        KeyError: if a weight is missing. ValueError: if one has another shape.
    """

    def __init__(
        self,
        architecture: Architecture,
        weights: Mapping[str, Tensor],
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        self.architecture = architecture
        self.layout = Layout(architecture)
        self.flat = torch.empty(self.layout.size, device=device)
        self.layout.fill(self.flat, weights)
        halved = None if dtype == torch.float32 else self.flat[: self.layout.matrices].to(dtype)
        self.weights = self.layout.merged(self.flat, halved)

    def logits(self, tokens_BT: Tensor, positions_BT: Tensor | None = None) -> Tensor:
        """Next-token logits [B, T, V]; see `forward.logits`."""
        return forward.logits(self.architecture, self.weights, tokens_BT, positions_BT)

    def summed_loss(
        self,
        tokens_BT: Tensor,
        labels_BT: Tensor,
        positions_BT: Tensor | None = None,
        drop: Drop | None = None,
    ) -> Tensor:
        """Summed cross-entropy of the next tokens in nats; see `forward.summed_loss`."""
        return forward.summed_loss(self.architecture, self.weights, tokens_BT, labels_BT, positions_BT, drop)
