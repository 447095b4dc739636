"""Muon: matrices between embedding and output head by its formula, all else as AdamW has it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import AutoModelForCausalLM

from specc.steps import Step
from specc_runtime.run import Interrupted
from workshop import EOS, VOCAB, Workshop, random_documents

RATE = 1e-2
PHASES = [{"shape": "constant", "start": 0, "stop": 4, "first": RATE, "last": RATE}]
CHANGES: dict[str, Any] = {"phases": PHASES, "clip": None, "execution": {"implementation": "transformers"}}


def weights(workshop: Workshop, step: Step) -> dict[str, Tensor]:
    if not workshop.store.has(step.key):
        workshop.do(step)
    return load_file(workshop.store.path(step.key) / "model.safetensors")


def gradients(checkpoint: Path, batch: Tensor) -> dict[str, Tensor]:
    model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32)
    logits = model(input_ids=batch).logits[:, :-1].reshape(-1, VOCAB)
    torch.autograd.backward(torch.nn.functional.cross_entropy(logits, batch[:, 1:].reshape(-1)))
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


def orthogonal(gradient: Tensor) -> Tensor:
    """Five steps of Newton and Schulz in bfloat16, with the coefficients of Jordan et al. 2024."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = gradient.bfloat16() / gradient.bfloat16().norm()
    x = x.T if x.shape[0] > x.shape[1] else x
    for _ in range(5):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    result: Tensor = x.T if gradient.shape[0] > gradient.shape[1] else x
    return result.float()


@pytest.fixture
def rows() -> list[list[int]]:
    """Four documents of which each fills a row, with its end token: a batch, in whatever order."""
    return [row[:15] for row in random_documents(200, 5, 200) if len(row) >= 15][:4]


def test_hidden_matrices_follow_the_formula_and_all_else_is_as_with_adamw(
    workshop: Workshop, rows: list[list[int]]
) -> None:
    parent, corpus = workshop.init(seed=1), workshop.corpus(rows)
    muon = weights(workshop, workshop.train(parent, [corpus], steps=1, optimizer={"name": "muon"}, **CHANGES))
    adamw = weights(workshop, workshop.train(parent, [corpus], steps=1, **CHANGES))
    before = load_file(workshop.store.path(parent) / "model.safetensors")
    found = gradients(workshop.store.path(parent), torch.tensor([[*row, EOS] for row in rows]))
    hidden = 0
    for name, weight in muon.items():
        if "embed_tokens" in name or "norm" in name:
            assert torch.equal(weight, adamw[name])
            continue
        hidden += 1
        # Nesterov's momentum of the first step points where the gradient does.
        move = 0.2 * max(weight.shape) ** 0.5 * orthogonal(found[name])
        expected = before[name] * (1 - RATE * 0.1) - RATE * move
        # bfloat16 has 8 bits: the order of additions alone makes a few percent of difference.
        assert (weight - expected).norm() < 0.15 * RATE * move.norm()
    assert hidden == 2 * 7


@pytest.mark.parametrize("stop", [1, 3])
def test_an_interrupted_segment_ends_as_an_undisturbed_one(workshop: Workshop, stop: int) -> None:
    corpus, parent = workshop.corpus(random_documents(30, 1)), workshop.init()
    step = workshop.train(parent, [corpus], steps=4, optimizer={"name": "muon"}, **CHANGES)
    workshop.do(step)
    bits = workshop.weights(step.key)
    state = load_file(workshop.store.path(step.key) / "optimizer.safetensors")
    assert {name.partition("/")[0] for name in state} == {"momentum_buffer", "exp_avg", "exp_avg_sq", "step"}
    workshop.store.quarantine(step.key)
    asked = iter([False] * (stop - 1) + [True])
    with pytest.raises(Interrupted):
        workshop.do(step, stopping=lambda: next(asked))
    workshop.do(step)
    assert workshop.weights(step.key) == bits
    lines = (workshop.store.path(step.key) / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2, 3, 4]
