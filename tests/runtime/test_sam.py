"""Sharpness-aware minimisation, against a plain loop and against the optimizer inside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from specc.flops import training_flops_per_token
from specc.shapes import config_shape
from specc.steps import Step
from workshop import EOS, VOCAB, Workshop, random_documents

STEPS = 6
RATE = 1e-2
PHASES = [{"shape": "constant", "start": 0, "stop": STEPS, "first": RATE, "last": RATE}]


def sam(rho: float, **changes: Any) -> dict[str, Any]:
    return {
        "steps": STEPS,
        "phases": PHASES,
        "optimizer": {"name": "sam", "args": {"rho": rho, "weight_decay": 0.0}},
        "clip": None,
        **changes,
    }


@pytest.fixture
def rows() -> list[list[int]]:
    """Documents of which each fills a row, with its end token."""
    return [row[:15] for row in random_documents(200, 5, 200) if len(row) >= 15]


def losses(workshop: Workshop, step: Step) -> list[float]:
    if not workshop.store.has(step.key):
        workshop.do(step)
    text = (workshop.store.path(step.key) / "metrics.jsonl").read_text()
    return [json.loads(line)["loss"] for line in text.splitlines()]


def plain_loop(checkpoint: Path, batch: torch.Tensor, rho: float) -> tuple[list[float], torch.nn.Module]:
    """Algorithm 1 of Foret et al. 2021 with AdamW, on the same batch each time."""
    model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.0)
    found = []

    def loss_and_gradients() -> float:
        optimizer.zero_grad()
        logits = model(input_ids=batch).logits[:, :-1].reshape(-1, VOCAB)
        loss = torch.nn.functional.cross_entropy(logits, batch[:, 1:].reshape(-1))
        torch.autograd.backward(loss)
        return float(loss.detach())

    for _ in range(STEPS):
        found.append(loss_and_gradients())
        gradients = [p.grad for p in model.parameters() if p.grad is not None]
        length = sum(float((g.double() ** 2).sum()) for g in gradients) ** 0.5
        moves = [rho * g / length for g in gradients]
        with torch.no_grad():
            for parameter, move in zip(model.parameters(), moves, strict=True):
                parameter.add_(move)
        loss_and_gradients()
        with torch.no_grad():
            for parameter, move in zip(model.parameters(), moves, strict=True):
                parameter.sub_(move)
        optimizer.step()
    return found, model


def test_losses_and_weights_are_those_of_the_algorithm_as_published(
    workshop: Workshop, rows: list[list[int]]
) -> None:
    parent, corpus = workshop.init(seed=1), workshop.corpus(rows[:1])
    step = workshop.train(parent, [corpus], **sam(0.05))
    batch = torch.tensor([[*rows[0], EOS]] * 4)
    expected, model = plain_loop(workshop.store.path(parent), batch, 0.05)
    assert losses(workshop, step) == pytest.approx(expected, rel=1e-5)
    weights = load_file(workshop.store.path(step.key) / "model.safetensors")
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(weights[name], parameter.detach(), rtol=1e-3, atol=1e-4)
    other = workshop.train(parent, [corpus], **sam(0.5))
    assert losses(workshop, other)[1:] != pytest.approx(expected[1:], rel=1e-3)


def test_both_passes_go_over_all_micro_batches(workshop: Workshop) -> None:
    corpus, parent = workshop.corpus(random_documents(40, 2)), workshop.init()
    whole = losses(workshop, workshop.train(parent, [corpus], **sam(0.1)))
    key = workshop.train(parent, [corpus], **sam(0.1)).key
    workshop.store.quarantine(key)
    parts = losses(workshop, workshop.train(parent, [corpus], **sam(0.1, execution={"micro_batch": 1})))
    assert parts == pytest.approx(whole, rel=1e-5)


def test_both_passes_drop_the_same_activations(workshop: Workshop) -> None:
    corpus, parent = workshop.corpus(random_documents(40, 2)), workshop.init()
    near = workshop.train(parent, [corpus], **sam(1e-7, dropout=0.3))
    adamw = {"name": "adamw", "args": {"weight_decay": 0.0}}
    plain = workshop.train(parent, [corpus], **sam(0.0, dropout=0.3, optimizer=adamw))
    assert losses(workshop, near) == pytest.approx(losses(workshop, plain), rel=1e-3)


def test_two_passes_are_counted_as_operations(workshop: Workshop) -> None:
    step = workshop.train(workshop.init(), [workshop.corpus(random_documents(40, 2))], **sam(0.05))
    manifest = workshop.do(step)
    config = json.loads((workshop.store.path(step.key) / "config.json").read_text())
    each = training_flops_per_token(config_shape(config), 16)
    assert manifest.provenance.flops == 2 * each * STEPS * 64
