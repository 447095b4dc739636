"""CPU seconds of evaluations: exact matches of 10,000 prompts, and held-out loss against a bare forward pass.

    python tests/benchmarks/evaluation.py [--rounds 5]

The model of the prompts is `facts_64` of specs/models.spec (0.12M parameters), trained for a moment or
not at all. A step is measured whole: opening the corpus, loading the model, the evaluation, its samples
and the manifest. The loss of documents of about 100 tokens is compared with the bare forward pass of the
same model over the same padded tokens, cut into batches in advance, in turns in one process; the first
round is not counted. One thread; what is measured is CPU time, so that other work on the machine weighs
less.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from specc.steps import PARAMS, Component, Step, identity, step_key
from specc.store import Store, open_workspace
from specc_runtime import model as models
from specc_runtime.attempt import Attempt
from specc_runtime.device import use_device
from specc_runtime.evaluate import measure, open_task, scores
from specc_runtime.evaluate.measured import Task
from specc_runtime.run import run_step

FACTS_64 = {"layers": 2, "width": 64, "heads": 2, "context": 32}
SIZES = {
    "facts_64": FACTS_64 | {"context": 128},
    "bytes_64": {"layers": 4, "width": 64, "heads": 4, "context": 128},
    "1M": {"layers": 4, "width": 136, "heads": 4, "context": 128},
}
PROMPTS = 10_000
TOKENS = 100_000


def do(store: Store, op: Any, params: dict[str, Any], inputs: dict[str, str] | None = None) -> str:
    """Do a step; returns its key."""
    step = make(op, params, inputs or {})
    if not store.has(step.key):
        run_step(step, store, lambda report: None, lambda: False)
    return step.key


def make(op: Any, params: dict[str, Any], inputs: dict[str, str]) -> Step:
    typed = PARAMS[op].model_validate(params)
    key = step_key(op, identity(typed), inputs)
    return Step(key=key, op=op, inputs=inputs, params=typed.model_dump(mode="json"))


def evaluation(name: str, checkpoint: str, corpus: str, sequence: int, split: str = "train") -> Step:
    data = {"corpus": "corpus0", "split": split}
    params = {"evaluator": {"name": name}, "data": data, "sequence": sequence}
    return make("eval", params, {"checkpoint": checkpoint, "corpus0": corpus})


def exact_matches(store: Store, rounds: int) -> None:
    """Of facts of which the model knows none, at once, and of facts that it has learned, 250 at a time."""
    init = do(store, "init", {"architecture": {"name": "llama", "args": FACTS_64}, "vocab": 257, "seed": 0})
    print(f"{'exact_match of 10,000 prompts':<30} {'right':>6} {'CPU s':>7}  (least and most)")
    for title, count, steps in (("nothing learned", PROMPTS, 0), ("learned, 40 evaluations", 250, 600)):
        corpus = do(
            store, "prepare", {"reader": {"name": "facts", "args": {"count": count, "key_length": 4}}}
        )
        step = evaluation("exact_match", train(store, init, corpus, steps) if steps else init, corpus, 32)
        spent = []
        for number in range(rounds + 1):
            began = time.process_time()
            for _ in range(PROMPTS // count):
                shutil.rmtree(store.path(step.key), ignore_errors=True)
                right = run_step(step, store, lambda report: None, lambda: False).outputs["value"]
            if number:
                spent.append(time.process_time() - began)
        print(
            f"{title:<30} {right:>6.1%} {statistics.median(spent):>7.2f}  ({min(spent):.2f} {max(spent):.2f})"
        )


def train(store: Store, parent: str, corpus: str, steps: int) -> str:
    params = {
        "steps": steps,
        "sequence": 32,
        "batch": 24,
        "sources": [{"corpus": "corpus0", "share": "1/1"}],
        "phases": [{"shape": "constant", "start": 0, "stop": steps, "first": 3e-3, "last": 3e-3}],
        "optimizer": {"name": "adamw"},
        "seed": 0,
    }
    return do(store, "train", params, {"parent": parent, "corpus0": corpus})


def held_out_loss(store: Store, rounds: int) -> None:
    """Against the forward pass over the batches that it makes, logits of all tokens included."""
    corpus = do(store, "prepare", {"reader": {"name": "markov", "args": {"tokens": TOKENS, "document": 100}}})
    print(f"\n{'loss of 100,000 tokens':<24} {'tok/s':>9} {'forward':>9} {'ratio':>7}  (least and most)")
    for size, shape in SIZES.items():
        architecture = Component(name="llama", args=shape)
        init = do(store, "init", {"architecture": architecture, "vocab": 257, "seed": 0})
        step = evaluation("loss", init, corpus, 128)
        attempt = Attempt(step, store, lambda report: None, lambda: False)
        model = models.load(store.path(init), torch.device("cpu"))
        task = open_task(attempt, attempt.params, model, 257, 8192)
        batches = padded_batches(task)
        tokens = sum(batch.numel() for batch in batches)
        ratios, speeds = [], []
        for number in range(rounds + 1):
            began = time.process_time()
            measure(task)
            middle = time.process_time()
            with torch.inference_mode():
                for batch in batches:
                    model(input_ids=batch, use_cache=False)
            ended = time.process_time()
            if number:
                ratios.append((ended - middle) / (middle - began))
                speeds.append((tokens / (middle - began), tokens / (ended - middle)))
        ours, bare = (statistics.median(column) for column in zip(*speeds, strict=True))
        spread = f"({min(ratios):.3f} {max(ratios):.3f})"
        print(f"{size:<24} {ours:>9,.0f} {bare:>9,.0f} {statistics.median(ratios):>7.3f}  {spread}")


def padded_batches(task: Task) -> list[torch.Tensor]:
    """The tokens that the evaluation gives to the model, batch by batch."""
    seen: list[torch.Tensor] = []
    original = scores.predict

    def kept(task: Task, batch: Any, *rest: Any) -> torch.Tensor:
        seen.append(torch.from_numpy(np.array(batch.tokens)))
        return original(task, batch, *rest)

    scores.predict = kept  # type: ignore[assignment]
    try:
        measure(task)
    finally:
        scores.predict = original
    return seen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    use_device("cpu", 1)
    with tempfile.TemporaryDirectory() as folder:
        store = Store(open_workspace(Path(folder) / "workspace", create=True))
        exact_matches(store, options.rounds)
        held_out_loss(store, options.rounds)


if __name__ == "__main__":
    main()
