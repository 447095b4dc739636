"""Greedy continuations, decoded only from where they leave what is expected.

The greedy continuation of a prompt is its completion exactly if, reading both, the likeliest token at
every place of the completion is the one that stands there. So one forward pass says which prompts are
continued as expected, all places at once. Where they aren't, the first other token is known from the
same pass, and the rest is decoded from the keys and values that it has left.

Whether a continuation is as expected is decided by this pass alone. Where two tokens are equally
likely up to rounding, decoding one token at a time could choose the other one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import DynamicCache

from specc_runtime.evaluate.batches import Batch, Rows, Tokens
from specc_runtime.evaluate.measured import Task
from specc_runtime.evaluate.scores import attention_mask, batches_of, likeliest, predict, reads_trees


@dataclass(frozen=True, slots=True)
class Departures:
    """Where rows of a batch leave what is expected and go on.

    Attributes:
        owners: [M], numbers of the rows. tokens: [M], the first other token of each.
        sources: [M], place in the batch from which it was predicted. left: [M], tokens that may follow it.
    """

    owners: NDArray[np.int64]
    tokens: NDArray[np.int64]
    sources: NDArray[np.int64]
    left: NDArray[np.int64]

    def part(self, chosen: NDArray[np.integer[Any]]) -> Departures:
        return Departures(self.owners[chosen], self.tokens[chosen], self.sources[chosen], self.left[chosen])


def continuations(task: Task, rows: Rows) -> tuple[list[Tokens], int]:
    """What the model says after each row's prompt, greedily; and how many tokens were computed.

    As many tokens as the row's completion has are said, or fewer if the end token is among them.

    Args:
        rows: prompt and completion; the completion begins at `firsts`.
    """
    said: list[Tokens] = [row[first:] for row, first in zip(rows.tokens, rows.firsts.tolist(), strict=True)]
    cached = reads_trees(task)
    lengths = np.fromiter(map(len, rows.tokens), dtype=np.int64, count=len(rows.tokens))
    done = computed = 0
    for batch in batches_of(task, rows):
        task.attempt.stop_if_asked()
        cache = DynamicCache() if cached else None
        chosen = predict(task, batch, likeliest, cache).cpu().numpy()
        computed += batch.tokens.size
        wrong = np.flatnonzero(chosen != batch.targets)
        owners, first = np.unique(batch.owners[wrong], return_index=True)
        first = wrong[first]  # a row's targets are in order: this is the first that differs
        tokens, places = chosen[first], batch.places[first]
        for owner, token, place in zip(owners.tolist(), tokens.tolist(), places.tolist(), strict=True):
            kept = rows.tokens[owner][int(rows.firsts[owner]) : place]
            said[owner] = np.append(kept, token).astype(np.int64)
        left = np.where(tokens == task.eos, 0, lengths[owners] - 1 - places)
        on = left > 0
        departures = Departures(owners[on], tokens[on], batch.sources[first][on], left[on])
        follow = _from_cache if cached else _anew
        computed += follow(task, rows, said, batch, cache, departures)
        done += len(np.unique(batch.owners))
        task.attempt.progress(done, len(rows.tokens), computed)
    return said, computed


def _from_cache(
    task: Task, rows: Rows, said: list[Tokens], batch: Batch, cache: Any, departures: Departures
) -> int:
    """Append what follows the departures, from the keys and values of the batch; returns tokens computed."""
    width = batch.tokens.shape[1]
    departures = departures.part(np.argsort(-departures.left, kind="stable"))
    computed = first = 0
    while first < len(departures.owners):
        task.attempt.stop_if_asked()
        rest = departures.part(np.arange(first, len(departures.owners)))
        lines, nodes = rest.sources // width, rest.sources % width
        depths = nodes if batch.positions is None else batch.positions[lines, nodes]
        size = max(1, 2 * task.batch_tokens // (int(depths.max()) + 1 + int(rest.left[0])))
        part, lines, depths = rest.part(np.arange(min(size, len(lines)))), lines[:size], depths[:size]
        seen = np.arange(int(depths.max()) + 1) <= depths[:, None]
        paths = _paths(batch, lines, nodes[:size], seen.shape[1])
        tails, passed = _decode(task, _selected(cache, lines, paths), seen, depths + 1, part)
        computed += passed
        for owner, tail in zip(part.owners.tolist(), tails, strict=True):
            said[owner] = np.concatenate([said[owner], tail])
        first += len(lines)
    return computed


def _paths(batch: Batch, lines: NDArray[np.int64], nodes: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Places of all tokens that lead to a node, in order, and others behind them: [M, most]."""
    place = np.arange(batch.tokens.shape[1])
    if batch.ends is None:
        return np.broadcast_to(place[:most], (len(nodes), most))
    leads = (place <= nodes[:, None]) & (nodes[:, None] < batch.ends[lines])
    return np.argsort(~leads, axis=1, kind="stable")[:, :most]


def _selected(cache: Any, lines: NDArray[np.int64], paths: NDArray[np.int64]) -> Any:
    """Keys and values of some places of some lines of a cache: [M] and [M, K]."""
    chosen = DynamicCache()
    for number, layer in enumerate(cache.layers):
        device = layer.keys.device
        line, path = torch.from_numpy(lines[:, None]).to(device), torch.tensor(paths, device=device)
        keys, values = (
            part.transpose(1, 2)[line, path].transpose(1, 2) for part in (layer.keys, layer.values)
        )
        chosen.update(keys, values, number)
    return chosen


@torch.inference_mode()
def _decode(
    task: Task, cache: Any, seen: NDArray[np.bool_], positions: NDArray[np.int64], departures: Departures
) -> tuple[list[Tokens], int]:
    """What follows each departure, token by token, and how many tokens were computed.

    Args:
        cache: keys and values of K places for each of M rows. seen: [M, K], those that a row looks at.
        positions: [M], of the departures.
    """
    tails: list[list[int]] = [[] for _ in departures.owners]
    alive = np.arange(len(tails))
    feed, left = departures.tokens, departures.left
    computed = 0
    while True:
        seen = np.concatenate([seen, np.ones((len(seen), 1), dtype=bool)], axis=1)
        model: Any = task.model
        with task.precision():
            logits_MV: Tensor = model(
                input_ids=torch.from_numpy(feed[:, None]).to(task.device),
                position_ids=torch.from_numpy(positions[:, None]).to(task.device),
                attention_mask=attention_mask(task, seen[:, None]),
                past_key_values=cache,
                use_cache=True,
            ).logits[:, -1]
        computed += len(feed)
        feed = logits_MV.argmax(-1).cpu().numpy()
        positions, left = positions + 1, left - 1
        for row, token in zip(alive.tolist(), feed.tolist(), strict=True):
            tails[row].append(token)
        on = np.flatnonzero((feed != task.eos) & (left > 0))
        if len(on) == 0:
            return [np.array(tail, dtype=np.int64) for tail in tails], computed
        if len(on) < len(feed):
            cache.batch_select_indices(torch.from_numpy(on).to(task.device))
            alive, feed, left, positions, seen = alive[on], feed[on], left[on], positions[on], seen[on]


def _anew(
    task: Task, rows: Rows, said: list[Tokens], batch: Batch, cache: Any, departures: Departures
) -> int:
    """The same for models whose keys and values can't be kept: rows of one length are read again."""
    groups: dict[int, list[int]] = defaultdict(list)
    read = {}
    for number, owner in enumerate(departures.owners.tolist()):
        prompt = rows.tokens[owner][: int(rows.firsts[owner])]
        read[number] = np.concatenate([prompt, said[owner]]).astype(np.int64)
        groups[len(read[number])].append(number)
    computed = 0
    for length, members in sorted(groups.items()):
        size = max(1, task.batch_tokens // (length + int(departures.left[members].max())))
        for first in range(0, len(members), size):
            task.attempt.stop_if_asked()
            chosen = members[first : first + size]
            prompts = np.stack([read[number] for number in chosen])
            tails, passed = greedy(task, prompts, departures.left[chosen])
            computed += passed
            for number, tail in zip(chosen, tails, strict=True):
                owner = int(departures.owners[number])
                said[owner] = np.concatenate([said[owner], tail])
    return computed


@torch.inference_mode()
def greedy(
    task: Task,
    prompts: NDArray[np.int64],
    most: NDArray[np.int64],
    ends: Callable[[NDArray[np.int64]], bool] | None = None,
) -> tuple[list[NDArray[np.int64]], int]:
    """Continue prompts of one length with the likeliest token, over and over.

    Args:
        prompts: [B, P]. most: [B], tokens to generate at most for each; all stop at the end token.
        ends: whether what one has generated ends there; by default only those two end it.
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
        if ends is not None:
            so_far = np.stack(columns, axis=1)
            for number in np.flatnonzero(~finished).tolist():
                finished[number] = ends(so_far[number])
    generated = np.stack(columns, axis=1)
    return [row[:length] for row, length in zip(generated, lengths.tolist(), strict=True)], computed
