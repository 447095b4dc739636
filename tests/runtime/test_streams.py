"""Initialisation, data order and dropout draw from streams of their own: one changes, the others stay."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from specc_runtime import dropout as dropout_sites
from specc_runtime.lanes import dropping, stack
from specc_runtime.llama import learner as plain
from specc_runtime.packing import Batch, Mixture
from workshop import Workshop, random_documents

STEPS = 3


@dataclass
class Drawn:
    """What a training step was given by chance."""

    weights: bytes
    batches: list[NDArray[np.int64]] = field(default_factory=list)
    masks: list[Tensor] = field(default_factory=list)


class Spy:
    """Trains with what is drawn written down."""

    def __init__(self, workshop: Workshop, monkeypatch: pytest.MonkeyPatch, implementation: str) -> None:
        self.workshop = workshop
        self.implementation = implementation
        self.drawn = Drawn(b"")
        batch, draw = Mixture.batch, dropping.draw

        def read(mixture: Mixture, start: int, stop: int) -> tuple[Batch, dict[str, int]]:
            found = batch(mixture, start, stop)
            self.drawn.batches.append(found[0].tokens.copy())
            return found

        def drop(x: Tensor, probability: float, training: bool = True) -> Tensor:
            mask = torch.nn.functional.dropout(torch.ones_like(x), probability, training)
            if training:
                self.drawn.masks.append(mask.detach().clone() > 0)
            return x * mask

        def draw_all(*given: Any, **named: Any) -> Any:
            found = draw(*given, **named)
            self.drawn.masks.append(found.embedded.detach().clone() > 0)
            return found

        monkeypatch.setattr(Mixture, "batch", read)
        monkeypatch.setattr(dropout_sites, "dropout", drop)
        monkeypatch.setattr(plain, "dropout", drop)
        monkeypatch.setattr(stack, "draw", draw_all)

    def train(self, init: int = 0, corpus: str = "a", **changes: Any) -> Drawn:
        documents = random_documents(40, 1 if corpus == "a" else 2)
        parent = self.workshop.init(seed=init)
        self.drawn = Drawn(self.workshop.weights(parent))
        execution = {"implementation": self.implementation}
        step = self.workshop.train(
            parent,
            [self.workshop.corpus(documents, name=corpus)],
            **({"steps": STEPS, "dropout": 0.25, "execution": execution} | changes),
        )
        self.workshop.do(step)
        return self.drawn


def same(a: list[Any], b: list[Any]) -> bool:
    """Whether two lists of arrays are the same, which must hold something."""
    assert a
    assert b
    return len(a) == len(b) and all(bool((x == y).all()) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("implementation", ["plain", "transformers", "stacked"])
def test_a_change_of_one_stream_leaves_the_others(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, implementation: str
) -> None:
    spy = Spy(workshop, monkeypatch, implementation)
    first = spy.train()
    assert len(first.batches) == STEPS

    other_model = spy.train(init=1)
    assert other_model.weights != first.weights
    assert same(other_model.batches, first.batches)
    assert same(other_model.masks, first.masks)

    more_dropout = spy.train(dropout=0.5)
    assert more_dropout.weights == first.weights
    assert same(more_dropout.batches, first.batches)
    assert not same(more_dropout.masks, first.masks)

    no_dropout = spy.train(dropout=0.0)
    assert same(no_dropout.batches, first.batches)
    assert not any(bool((~mask).any()) for mask in no_dropout.masks)

    other_data = spy.train(corpus="b")
    assert not same(other_data.batches, first.batches)
    assert same(other_data.masks, first.masks)

    other_seed = spy.train(seed=1)
    assert other_seed.weights == first.weights
    assert not same(other_seed.batches, first.batches)
    assert not same(other_seed.masks, first.masks)


def test_no_stream_is_that_of_the_process(workshop: Workshop) -> None:
    """What was drawn before in a process changes nothing, as of a worker that does many steps."""
    corpus = workshop.corpus(random_documents(40, 1))
    trained = []
    for consumed in (0, 1000):
        torch.manual_seed(consumed)
        torch.rand(consumed)
        np.random.seed(consumed)
        step = workshop.train(workshop.init(seed=5), [corpus], steps=STEPS, dropout=0.25)
        workshop.do(step)
        trained.append((workshop.weights(step.inputs["parent"]), workshop.weights(step.key)))
        for key in (step.key, step.inputs["parent"]):
            (workshop.store.path(key) / "manifest.json").unlink()
    assert trained[0] == trained[1]
