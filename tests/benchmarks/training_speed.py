"""Tokens per second of the training loop against a bare PyTorch loop over the same model.

    python tests/benchmarks/training_speed.py [--rounds 5] [--steps 60]

The bare loop is the best that is easily written: the same transformers model, packed rows by
restarted positions, fused AdamW, clipping, one thread, no logging, batches cut in advance. Both
train the same model on the same rows, in turns in one process; the first round is not counted.
What is compared is CPU time, so that other work on the machine weighs less.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForCausalLM
from transformers.utils.logging import disable_progress_bar

from specc.steps import PARAMS, Component, Step, identity, step_key
from specc.store import Store, open_workspace
from specc_runtime import train as loop
from specc_runtime.attempt import Attempt
from specc_runtime.device import use_device
from specc_runtime.run import run_step

SIZES = {
    "0.1M": {"layers": 2, "width": 64, "heads": 2},
    "0.3M": {"layers": 4, "width": 80, "heads": 2},
    "1M": {"layers": 4, "width": 136, "heads": 4},
}
BATCH, SEQUENCE = 16, 128


def make(op: Any, params: dict[str, Any], inputs: dict[str, str], execution: dict[str, Any]) -> Step:
    typed = PARAMS[op].model_validate(params)
    key = step_key(op, identity(typed), inputs)
    data = typed.model_dump(mode="json")
    return Step(key=key, op=op, inputs=inputs, params=data, execution=execution)


def training(store: Store, size: str, steps: int) -> Step:
    """The training step to be measured, with its corpus and its initial checkpoint made."""
    reader = Component(name="markov", args={"tokens": 400_000, "document": 100})
    corpus = make("prepare", {"reader": reader}, {}, {})
    architecture = Component(name="llama", args=SIZES[size] | {"context": SEQUENCE})
    init = make("init", {"architecture": architecture, "vocab": 257, "seed": 0}, {}, {})
    for step in (corpus, init):
        if not store.has(step.key):
            run_step(step, store, lambda report: None, lambda: False)
    params = {
        "steps": steps,
        "sequence": SEQUENCE,
        "batch": BATCH,
        "sources": [{"corpus": "corpus0", "share": "1/1"}],
        "phases": [{"shape": "constant", "start": 0, "stop": steps, "first": 1e-3, "last": 1e-3}],
        "optimizer": {"name": "adamw"},
        "seed": 0,
        "clip": 1.0,
    }
    inputs = {"parent": init.key, "corpus0": corpus.key}
    return make("train", params, inputs, {})


def specc_loop(store: Store, step: Step) -> tuple[float, list[float]]:
    """CPU seconds of the loop alone, as the step measures them, and its losses."""
    attempt = Attempt(step, store, lambda report: None, lambda: False)
    segment = loop.open_segment(attempt)
    segment.log_path.unlink(missing_ok=True)
    began = time.process_time()
    segment.train()
    seconds = time.process_time() - began
    lines = segment.log_path.read_text().splitlines()
    return seconds, [json.loads(line)["loss"] for line in lines]


def bare_loop(store: Store, step: Step, steps: int) -> tuple[float, list[float]]:
    """The same steps in plain PyTorch."""
    params, _ = step.parsed()
    mixture = loop.open_mixture(Attempt(step, store, lambda report: None, lambda: False), params, 257)
    batches = [mixture.batch(n * BATCH, (n + 1) * BATCH)[0] for n in range(steps)]
    model = AutoModelForCausalLM.from_pretrained(store.path(step.inputs["parent"])).train()
    matrices = [p for p in model.parameters() if p.ndim >= 2]
    vectors = [p for p in model.parameters() if p.ndim < 2]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.95), fused=True)
    losses = []
    began = time.process_time()
    for batch in batches:
        tokens, positions, labels = map(torch.from_numpy, (batch.tokens, batch.positions, batch.labels))
        logits = model(input_ids=tokens, position_ids=positions, use_cache=False).logits
        loss = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return time.process_time() - began, losses


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=60)
    options = parser.parse_args()
    use_device("cpu", 1)
    disable_progress_bar()
    print(f"{'model':>6} {'specc tok/s':>12} {'bare tok/s':>12} {'ratio':>7}  (least and most)")
    with tempfile.TemporaryDirectory() as folder:
        store = Store(open_workspace(Path(folder) / "workspace", create=True))
        for size in SIZES:
            step = training(store, size, options.steps)
            measured: dict[str, list[float]] = {"specc": [], "bare": []}
            contenders: dict[str, Callable[[], tuple[float, list[float]]]] = {
                "specc": lambda step=step: specc_loop(store, step),
                "bare": lambda step=step: bare_loop(store, step, options.steps),
            }
            for round_number in range(options.rounds + 1):
                losses = {}
                for name, contender in contenders.items():
                    seconds, losses[name] = contender()
                    if round_number:
                        measured[name].append(BATCH * SEQUENCE * options.steps / seconds)
                np.testing.assert_allclose(losses["specc"], losses["bare"], rtol=1e-5)
            ratios = [a / b for a, b in zip(measured["specc"], measured["bare"], strict=True)]
            specc, bare = (statistics.median(measured[name]) for name in ("specc", "bare"))
            spread = f"({min(ratios):.3f} {max(ratios):.3f})"
            print(f"{size:>6} {specc:>12,.0f} {bare:>12,.0f} {statistics.median(ratios):>7.3f}  {spread}")


if __name__ == "__main__":
    main()
