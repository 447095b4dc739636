"""Rows through the model: what it predicts at every target, computed once for what rows have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from specc.families import LLAMA_LIKE
from specc_runtime.evaluate.batches import Batch, Rows, row_batches
from specc_runtime.evaluate.measured import Task
from specc_runtime.evaluate.prefixes import Worth, allowed_pairs, shared_batches

LOGITS_AT_ONCE = {"cpu": 1 << 17}
"""Logits that are computed at once, by type of device: on a CPU few enough to stay in its cache."""

MOST_LOGITS = 1 << 26
"""The same on other devices, so that a large vocabulary doesn't fill their memory."""

LEAST_TARGETS = 256
"""Targets whose logits are computed at once at least, so that the products stay efficient."""

ATTENTION_PRICE = 4
"""How much longer attention takes for a multiplication than the products with weights do."""

Reduce = Callable[[Tensor, Tensor], Tensor]
"""What is kept of logits [N, V] and targets [N], for each target: [N]."""


def reads_trees(task: Task) -> bool:
    """Whether any token may look at any earlier one, as a mask says, in all layers of the model.

    So it is in models built like Llama, for windows that their attention reaches over. All others
    get rows of their own, with the masks that transformers makes for them.
    """
    config: Any = getattr(task.model, "config", None)
    if getattr(config, "model_type", None) not in LLAMA_LIKE:
        return False
    if any(kind != "full_attention" for kind in getattr(config, "layer_types", None) or ()):
        return False
    window = config.sliding_window if config.model_type == "mistral" else None
    return window is None or task.sequence <= window


def batches_of(task: Task, rows: Rows) -> list[Batch] | Iterator[Batch]:
    """Every row once, those that begin alike together where that is cheaper."""
    if reads_trees(task):
        shared = shared_batches(rows, task.batch_tokens, worth_of(task.model))
        if shared is not None:
            return shared
    return row_batches(rows, task.batch_tokens)


def worth_of(model: Any) -> Worth:
    """Costs of a token and of a pair of tokens, in multiplications."""
    config = model.config
    token = sum(parameter.numel() for parameter in model.model.layers.parameters())
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    pair = 2 * config.num_hidden_layers * config.num_attention_heads * head
    return Worth(float(token), float(pair * ATTENTION_PRICE))


def attention_mask(task: Task, allowed: NDArray[np.bool_]) -> Tensor:
    """Who may look at whom, [B, Q, K], in the form that the model's attention takes, [B, 1, Q, K]."""
    mask = torch.from_numpy(allowed)[:, None].to(task.device)
    config: Any = task.model.config
    if config._attn_implementation != "eager":
        return mask
    dtype = torch.bfloat16 if task.dtype == "bfloat16" else torch.float32
    bias = torch.zeros(mask.shape, dtype=dtype, device=task.device)
    return bias.masked_fill_(~mask, torch.finfo(dtype).min)


@torch.inference_mode()
def predict(task: Task, batch: Batch, reduce: Reduce, cache: Any = None) -> Tensor:
    """What `reduce` keeps of the logits at each target of a batch, [N].

    Args:
        cache: gets the keys and values of the batch, if one is given; of models that `reads_trees`.
    """
    model: Any = task.model
    given: dict[str, Any] = {"input_ids": torch.from_numpy(batch.tokens).to(task.device)}
    if batch.ends is not None and batch.positions is not None:
        given["position_ids"] = torch.from_numpy(batch.positions).to(task.device)
        given["attention_mask"] = attention_mask(task, allowed_pairs(batch.ends))
    sources_N = torch.from_numpy(batch.sources).to(task.device)
    targets_N = torch.from_numpy(batch.targets).to(task.device)
    with task.precision():
        if not reads_trees(task):
            logits_BTV = model(**given, use_cache=False).logits
            return reduce(logits_BTV.flatten(0, 1)[sources_N], targets_N)
        output = model.model(**given, use_cache=cache is not None, past_key_values=cache)
        hidden_ND = output.last_hidden_state.flatten(0, 1)[sources_N]
        most = LOGITS_AT_ONCE.get(task.device.type, MOST_LOGITS)
        size = max(LEAST_TARGETS, most // model.config.vocab_size)
        pieces = zip(torch.split(hidden_ND, size), torch.split(targets_N, size), strict=True)
        return torch.cat([reduce(model.lm_head(hidden), targets) for hidden, targets in pieces])


def losses(logits_NV: Tensor, targets_N: Tensor) -> Tensor:
    """Cross-entropy of each target in nats, [N], in float32."""
    return cross_entropy(logits_NV.float(), targets_N, reduction="none")


def likeliest(logits_NV: Tensor, targets_N: Tensor) -> Tensor:
    """The token with the largest logit, [N]; the first of equal ones."""
    return logits_NV.argmax(-1)


def target_losses(task: Task, rows: Rows) -> tuple[NDArray[np.float64], NDArray[np.int64], int]:
    """Cross-entropy of each row's targets, summed, in nats; their number; and tokens computed."""
    count = len(rows.tokens)
    sums, counts = np.zeros(count), np.zeros(count, dtype=np.int64)
    done = computed = 0
    for batch in batches_of(task, rows):
        task.attempt.stop_if_asked()
        losses_N = predict(task, batch, losses).cpu().double().numpy()
        sums += np.bincount(batch.owners, weights=losses_N, minlength=count)
        counts += np.bincount(batch.owners, minlength=count)
        computed += batch.tokens.size
        done += len(np.unique(batch.owners))
        task.attempt.progress(done, count, computed)
    return sums, counts, computed
