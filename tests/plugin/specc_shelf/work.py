"""What the components of `specc_shelf` do that train and measure: with torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch

from specc_runtime.evaluate.measured import Measured, Task


class SignSGD(torch.optim.Optimizer):
    """w -= lr sign(m), with m = beta m + (1 - beta) g."""

    def __init__(self, parameters: Any, momentum: float) -> None:
        super().__init__(parameters, {"lr": 0.0, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # the loop gives no closure
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                mean = state.setdefault("momentum", torch.zeros_like(parameter))
                mean.lerp_(parameter.grad, 1 - group["momentum"])
                parameter.sub_(mean.sign(), alpha=group["lr"])


def build_sign_sgd(model: torch.nn.Module, args: Mapping[str, Any]) -> torch.optim.Optimizer:
    return SignSGD(model.parameters(), args["momentum"])


def measure_entropy(task: Task) -> Measured:
    """Entropy of the distribution after each document's first token."""
    samples = []
    for number in range(task.split.documents):
        first = torch.tensor(task.document(number)[:1].astype("int64"), device=task.device)[None]
        with torch.no_grad():
            logits = task.model(input_ids=first, use_cache=False).logits[0, -1].float()
        log_likelihoods = torch.log_softmax(logits, dim=0)
        entropy = -float((log_likelihoods.exp() * log_likelihoods).sum())
        samples.append({"document": task.document_id(number), "value": entropy, "n": 1})
    values = torch.tensor([sample["value"] for sample in samples], dtype=torch.float64)
    error = float(values.std() / len(values) ** 0.5) if len(values) > 1 else None
    return Measured(float(values.mean()), len(samples), error, samples, len(samples))


def shrink(
    weights: Mapping[str, torch.Tensor], args: Mapping[str, Any], seed: int | None
) -> Iterator[tuple[str, torch.Tensor]]:
    for name, tensor in weights.items():
        yield name, tensor * args["by"]
