"""Whether the greedy continuation of a prompt is its completion."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from specc_runtime.evaluate.measured import Measured, Task, clustered_error
from specc_runtime.prepared import open_tokens


def exact_match(task: Task) -> Measured:
    """Share of documents whose prompt is continued, greedily and up to the end token, as they are.

    As many tokens are generated as the completion has, end token included: more could only differ.
    A prompt that leaves no room for its completion in `sequence` loses tokens at its front.
    """
    decode = open_tokens(task.folder).decode
    groups: dict[int, list[int]] = defaultdict(list)
    prompts, completions = [], []
    for number in range(task.split.documents):
        document = task.document(number)
        length = max(int(task.split.prompts[number]), 1)
        completion = document[length:]
        prompt = document[:length][-max(1, task.sequence - len(completion)) :]
        prompts.append(prompt)
        completions.append(completion)
        groups[len(prompt)].append(number)
    samples: dict[int, dict[str, Any]] = {}
    computed = 0
    for length, members in sorted(groups.items()):
        longest = max(len(completions[number]) for number in members)
        size = max(1, task.batch_tokens // (length + longest))
        for first in range(0, len(members), size):
            task.attempt.stop_if_asked()
            chosen = members[first : first + size]
            most = np.array([len(completions[number]) for number in chosen])
            generated, passed = greedy(task, np.stack([prompts[number] for number in chosen]), most)
            computed += passed
            for number, tokens in zip(chosen, generated, strict=True):
                samples[number] = {
                    "document": task.document_id(number),
                    "value": float(np.array_equal(tokens, completions[number])),
                    "n": 1,
                    "prediction": decode(tokens),
                    "target": decode(completions[number]),
                }
            task.attempt.progress(len(samples), task.split.documents, computed)
    values = np.array([samples[number]["value"] for number in range(task.split.documents)])
    return Measured(
        value=float(values.mean()),
        n=len(values),
        stderr=clustered_error(values, np.ones(len(values))),
        samples=[samples[number] for number in range(task.split.documents)],
        tokens=computed,
    )


@torch.inference_mode()
def greedy(
    task: Task, prompts: NDArray[np.int64], most: NDArray[np.int64]
) -> tuple[list[NDArray[np.int64]], int]:
    """Continue prompts of one length with the likeliest token, over and over.

    Args:
        prompts: [B, P]. most: [B], tokens to generate at most for each; all stop at the end token.
    Returns:
        what was generated for each, end token included, and how many tokens were computed.
    """
    feed: Tensor = torch.from_numpy(prompts).to(task.device)
    finished = np.zeros(len(prompts), dtype=bool)
    lengths = np.zeros(len(prompts), dtype=np.int64)
    columns: list[NDArray[np.int64]] = []
    cache = None
    computed = 0
    while not finished.all():
        with task.precision():
            output = task.model(input_ids=feed, past_key_values=cache, use_cache=True, logits_to_keep=1)
        computed += feed.numel()
        cache = output.past_key_values
        chosen = output.logits[:, -1].argmax(dim=-1)
        feed = chosen[:, None]
        columns.append(chosen.cpu().numpy())
        lengths += ~finished
        finished |= (columns[-1] == task.eos) | (lengths >= most)
    rows = np.stack(columns, axis=1)
    return [row[:length] for row, length in zip(rows, lengths.tolist(), strict=True)], computed
