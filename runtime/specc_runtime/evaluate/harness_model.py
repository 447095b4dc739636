"""A checkpoint as the lm-evaluation-harness sees a model: requests in text go in, numbers and text come out.

What the harness leaves to models is done as its own do it: a pair of context and continuation is
tokenised together, spaces between them belong to the continuation, and where there is no context the
end token stands for it. A sequence holds context and continuation; a context that leaves no room loses
tokens at its front.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import torch
from lm_eval.api.model import TemplateLM
from lm_eval.utils import get_rolling_token_windows, make_disjoint_window
from numpy.typing import NDArray
from torch import Tensor

from specc.corpora.tokens import Tokens
from specc.errors import DataError
from specc_runtime.evaluate.batches import Rows
from specc_runtime.evaluate.decoding import greedy
from specc_runtime.evaluate.measured import Task
from specc_runtime.evaluate.scores import batches_of, likeliest, losses, predict

MOST_GENERATED = 256
"""Tokens that are generated where a task says nothing, as in the harness."""


class CheckpointModel(TemplateLM):  # type: ignore[misc]  # the harness has no types for others
    """A checkpoint with its tokenizer.

    Attributes:
        computed: tokens that went through the model.
    """

    def __init__(self, task: Task, tokens: Tokens) -> None:
        super().__init__()
        self.task = task
        self.tokens = tokens
        self.computed = 0
        self._device = task.device

    @property
    def eot_token_id(self) -> int:
        return self.task.eos

    def tok_encode(self, string: str, add_special_tokens: bool | None = None, **kwargs: Any) -> list[int]:
        return [int(token) for token in self.tokens.encode(string)]

    def loglikelihood(self, requests: list[Any], disable_tqdm: bool = True) -> list[tuple[float, bool]]:
        return super().loglikelihood(requests, disable_tqdm=True)  # type: ignore[no-any-return]

    def _loglikelihood_tokens(
        self, requests: list[tuple[tuple[str, str], list[int], list[int]]], **kwargs: Any
    ) -> list[tuple[float, bool]]:
        """Sum of log-likelihoods of each continuation, and whether each of its tokens is the likeliest.

        Raises:
            DataError: if a continuation leaves no room for a token before it, or has no token.
        """
        rows, firsts = [], []
        for (_, text), context, continuation in requests:
            if not continuation:
                raise DataError(f"a continuation has no token: {text!r}", "give each answer some text")
            room = self.task.sequence - len(continuation)
            if room < 1:
                raise DataError(
                    f"a continuation of {len(continuation)} tokens and a token before it are more than the "
                    f"{self.task.sequence} of a sequence",
                    "leave such rows out, or give the stage a longer `sequence`",
                )
            kept = context[-room:]
            rows.append(np.array(kept + continuation, dtype=np.int64))
            firsts.append(len(kept))
        sums, matched = self._scores(Rows(rows, np.array(firsts, dtype=np.int64)))
        return list(zip(sums.tolist(), matched.tolist(), strict=True))

    def _scores(self, rows: Rows) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Log-likelihood of each row's targets, summed, in nats; and whether all are the likeliest."""
        count = len(rows.tokens)
        sums, missed = np.zeros(count), np.zeros(count)
        done = 0
        for batch in batches_of(self.task, rows):
            self.task.attempt.stop_if_asked()
            found = predict(self.task, batch, _loss_and_miss).cpu().double().numpy()
            sums += np.bincount(batch.owners, weights=found[:, 0], minlength=count)
            missed += np.bincount(batch.owners, weights=found[:, 1], minlength=count)
            self.computed += batch.tokens.size
            done += len(np.unique(batch.owners))
            self.task.attempt.progress(done, count, self.computed)
        return -sums, missed == 0

    def loglikelihood_rolling(self, requests: list[Any], disable_tqdm: bool = True) -> list[float]:
        """Log-likelihood of whole texts, the first token given the end token; see the harness for windows."""
        pairs, owners = [], []
        for number, request in enumerate(requests):
            (text,) = request.args
            windows = get_rolling_token_windows(
                self.tok_encode(text), self.prefix_token_id, max_seq_len=self.task.sequence - 1, context_len=1
            )
            for context, continuation in map(make_disjoint_window, windows):
                pairs.append((("", text), context, continuation))
                owners.append(number)
        found = [value for value, _ in self._loglikelihood_tokens(pairs)] if pairs else []
        sums = np.bincount(np.array(owners, dtype=np.int64), weights=found, minlength=len(requests))
        return [float(value) for value in sums]

    def generate_until(self, requests: list[Any], disable_tqdm: bool = True) -> list[str]:
        """The greedy continuation of each context, up to the first of the texts that end it.

        At most `max_gen_toks` tokens are generated, and at most what a context leaves of a sequence; a
        context longer than half of a sequence loses tokens at its front to make room.
        """
        prompts: list[NDArray[np.int64]] = []
        most: list[int] = []
        until: list[tuple[str, ...]] = []
        for context, given in (request.args for request in requests):
            ends = given.get("until") or ()
            until.append((ends,) if isinstance(ends, str) else tuple(end for end in ends if end))
            tokens = self.tok_encode(context) or [self.prefix_token_id]
            sequence = self.task.sequence
            wanted = int(given.get("max_gen_toks", MOST_GENERATED))
            most.append(max(1, min(wanted, max(sequence - len(tokens), sequence // 2))))
            prompts.append(np.array(tokens[-max(1, sequence - most[-1]) :], dtype=np.int64))
        said = [""] * len(requests)
        groups: dict[tuple[int, tuple[str, ...]], list[int]] = defaultdict(list)
        for number, prompt in enumerate(prompts):
            groups[len(prompt), until[number]].append(number)
        done = 0
        for (length, ends), members in sorted(groups.items()):
            size = max(1, self.task.batch_tokens // (length + max(most[number] for number in members)))
            for first in range(0, len(members), size):
                self.task.attempt.stop_if_asked()
                chosen = members[first : first + size]
                for number, text in zip(chosen, self._continued(prompts, most, chosen, ends), strict=True):
                    said[number] = text
                done += len(chosen)
                self.task.attempt.progress(done, len(requests), self.computed)
        return said

    def _continued(
        self, prompts: list[NDArray[np.int64]], most: list[int], chosen: list[int], ends: tuple[str, ...]
    ) -> list[str]:
        """What follows prompts of one length, cut where one of `ends` begins."""
        found, computed = greedy(
            self.task,
            np.stack([prompts[number] for number in chosen]),
            np.array([most[number] for number in chosen], dtype=np.int64),
            (lambda so_far: any(end in self._text(so_far) for end in ends)) if ends else None,
        )
        self.computed += computed
        return [_before(self._text(tokens), ends) for tokens in found]

    def _text(self, tokens: NDArray[np.int64]) -> str:
        return self.tokens.decode(tokens[tokens != self.task.eos])


def _before(text: str, ends: tuple[str, ...]) -> str:
    """A text up to where the first of `ends` begins."""
    for end in ends:
        text = text.split(end)[0]
    return text


def _loss_and_miss(logits_NV: Tensor, targets_N: Tensor) -> Tensor:
    """Cross-entropy of each target, and 1 where another token is likelier, [N, 2]."""
    missed_N = likeliest(logits_NV, targets_N) != targets_N
    return torch.stack([losses(logits_NV, targets_N), missed_N.float()], dim=-1)
