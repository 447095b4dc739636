"""A training loop that owes specc nothing: it reads token files and trains, by the definitions alone.

Documents are kept apart by a mask that is written out, the schedules by their formulas, AdamW by
algorithm 2 of Loshchilov and Hutter 2019 (arXiv 1711.05101), where decay is scaled by the rate alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM

Schedule = Callable[[int], float]


def cosine(peak: float, floor: float, warmup: int, steps: int) -> Schedule:
    def rate(n: int) -> float:
        turned = math.pi * (n - warmup) / (steps - warmup)
        return peak * n / warmup if n <= warmup else floor + (peak - floor) * (1 + math.cos(turned)) / 2

    return rate


def wsd(peak: float, floor: float, warmup: int, decay: int, steps: int) -> Schedule:
    return lambda n: min(peak * n / warmup, peak, floor + (peak - floor) * (steps - n) / decay)


def read_rows(folder: Path, order: Iterable[int], rows: int, length: int) -> tuple[Tensor, Tensor]:
    """Rows of a corpus whose documents follow each other in an order: tokens, and numbers of documents."""
    tokens, begins = np.load(folder / "train.tokens.npy"), np.load(folder / "train.offsets.npy")
    documents = [tokens[begins[d] : begins[d + 1]].astype(np.int64) for d in order]
    which = np.concatenate([np.full(len(d), n) for n, d in enumerate(documents)])
    text = np.concatenate(documents)
    cut = [torch.from_numpy(each[: rows * length].reshape(rows, length)) for each in (text, which)]
    return cut[0], cut[1]


def losses(
    checkpoint: Path, rows: tuple[Tensor, Tensor], schedule: Schedule, batch: int, micro: int, clip: float
) -> list[float]:
    """The mean loss of each step over the targets of its batch, before its update."""
    model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32, attn_implementation="eager")
    weights = list(model.parameters())
    mean, square = [torch.zeros_like(w) for w in weights], [torch.zeros_like(w) for w in weights]
    beta1, beta2, eps, decay, found = 0.9, 0.95, 1e-8, 0.1, []
    for n in range(1, len(rows[0]) // batch + 1):
        tokens, which = (each[(n - 1) * batch : n * batch] for each in rows)
        # A token is learned if the one before it in the row is of its document.
        learned = which[:, 1:] == which[:, :-1]
        total = 0.0
        for first in range(0, batch, micro):
            part = slice(first, first + micro)
            same = (which[part, :, None] == which[part, None, :]).tril()
            place = torch.stack(
                [torch.arange(len(row)) - torch.searchsorted(row, row) for row in which[part]]
            )
            mask = torch.zeros(same.shape).masked_fill(~same, -torch.inf)[:, None]
            logits = model(tokens[part], attention_mask=mask, position_ids=place).logits[:, :-1]
            surprise = -logits.log_softmax(-1).gather(-1, tokens[part, 1:, None])[..., 0]
            loss = surprise[learned[part]].sum() / learned.sum()
            torch.autograd.backward(loss)
            total += loss.item()
        found.append(total)
        gradients = [w.grad for w in weights if w.grad is not None]
        norm = math.sqrt(sum(g.double().square().sum().item() for g in gradients))
        rate = schedule(n)
        with torch.no_grad():
            for w, g, m, v in zip(weights, gradients, mean, square, strict=True):
                g *= min(1.0, clip / norm)
                m.mul_(beta1).add_((1 - beta1) * g)
                v.mul_(beta2).add_((1 - beta2) * g * g)
                w.mul_(1 - rate * decay * (w.ndim > 1))
                w.sub_(rate * (m / (1 - beta1**n)) / ((v / (1 - beta2**n)).sqrt() + eps))
        model.zero_grad()
    return found
