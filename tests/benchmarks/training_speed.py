"""CPU time of an update: specc against bare PyTorch loops and the Trainer of transformers.

    python tests/benchmarks/training_speed.py [--rounds 5] [--steps 20] [--sizes 0.3M 1M 4M] [--compile]

All train the same model on the same rows in the same order, 16 x 128 tokens in packed documents, with
AdamW, a constant rate and clipping, one thread, in one process and in turns; the first round is not
counted. Losses are compared before times: in float32 to 1e-5, in bfloat16 to 1e-2 of float32.

    specc             the step as a run does it: reading, training, logging
    bare plain        a loop over specc's plain Llama with fused AdamW on flat buffers, rows cut in advance
    bare float32      a loop over the model of transformers with fused AdamW, rows cut in advance
    bare bfloat16     the same in autocast with attention by products, which is fastest on a CPU
    Trainer           as people start it: float32, its own defaults
    Trainer tuned     bfloat16, attention by products, fused AdamW, no look for NaN, no padding

With --compile there are two more, specc and the tuned Trainer compiled by torch, without the time of
compiling. What is compared is CPU time, so that other work on the machine weighs less; a ratio is that
of one round.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.utils.data import Dataset, SequentialSampler
from transformers import AutoModelForCausalLM, Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_callback import PrinterCallback
from transformers.utils.logging import disable_progress_bar, set_verbosity_error

from specc.precision import automatic_dtype
from specc.steps import PARAMS, Component, Step, identity, step_key
from specc.store import Store, open_workspace
from specc_runtime import model as models
from specc_runtime import train as loop
from specc_runtime.attempt import Attempt
from specc_runtime.device import use_device
from specc_runtime.llama import Layout, architecture_of, summed_loss
from specc_runtime.packing import Batch
from specc_runtime.run import run_step

SIZES = {
    "0.3M": ({"layers": 4, "width": 64, "heads": 2}, 257),
    "1M": ({"layers": 4, "width": 128, "heads": 4}, 512),
    "4M": ({"layers": 4, "width": 256, "heads": 8}, 2048),
}
BATCH, SEQUENCE, RATE = 16, 128, 1e-3
WARM = 3
"""Updates of each measurement that are not timed."""

Timed = tuple[float, list[float]]
"""CPU seconds of an update, and the losses."""


@dataclass
class Case:
    """A training step in a workspace, and its rows."""

    store: Store
    step: Step
    batches: list[Batch]

    @property
    def model(self) -> Path:
        return self.store.path(self.step.inputs["parent"])


def open_case(store: Store, size: str, steps: int) -> Case:
    """Make corpus and initial checkpoint, and read the rows."""

    def make(op: Any, params: dict[str, Any], inputs: dict[str, str]) -> Step:
        typed = PARAMS[op].model_validate(params)
        key = step_key(op, identity(typed), inputs)
        step = Step(key=key, op=op, inputs=inputs, params=typed.model_dump(mode="json"))
        if op != "train" and not store.has(step.key):
            run_step(step, store, lambda report: None, lambda: False)
        return step

    sizes, vocab = SIZES[size]
    corpus = make(
        "prepare", {"reader": Component(name="markov", args={"tokens": 400_000, "document": 100})}, {}
    )
    architecture = Component(name="llama", args=sizes | {"context": SEQUENCE})
    init = make("init", {"architecture": architecture, "vocab": vocab, "seed": 0}, {})
    params = {
        "steps": steps,
        "sequence": SEQUENCE,
        "batch": BATCH,
        "sources": [{"corpus": "corpus0", "share": "1/1"}],
        "phases": [{"shape": "constant", "start": 0, "stop": steps, "first": RATE, "last": RATE}],
        "optimizer": {"name": "adamw"},
        "seed": 0,
        "clip": 1.0,
        "dtype": automatic_dtype(models.read_shape(store.path(init.key))),
    }
    step = make("train", params, {"parent": init.key, "corpus0": corpus.key})
    typed, _ = step.parsed()
    mixture = loop.open_mixture(Attempt(step, store, lambda report: None, lambda: False), typed, vocab)
    batches = [mixture.batch(n * BATCH, (n + 1) * BATCH)[0] for n in range(steps)]
    return Case(store, step, batches)


def specc_step(case: Case, compiled: str = "off") -> Timed:
    """Time from the moment at which the first updates are done, which the loop itself records."""
    step = case.step.model_copy(update={"execution": {"compiled": compiled}})
    segment = loop.open_segment(Attempt(step, case.store, lambda report: None, lambda: False))
    segment.log_path.unlink(missing_ok=True)
    clock = Clock()
    with segment:
        while (turn := segment.turn()) is not None:
            segment.took(turn, *segment.learner.update(turn.batch, turn.rate, turn.lineage_step))
            clock.tick()
        segment.finish()
    lines = segment.log_path.read_text().splitlines()
    return clock.per_update(), [json.loads(line)["loss"] for line in lines]


class Clock:
    """CPU seconds of an update, from the end of the last that warms up to the end of the last of all."""

    def __init__(self) -> None:
        self._ticks: list[float] = []

    def tick(self) -> None:
        self._ticks.append(time.process_time())

    def per_update(self) -> float:
        return (self._ticks[-1] - self._ticks[WARM - 1]) / (len(self._ticks) - WARM)


def adamw(matrices: list[Tensor], vectors: list[Tensor]) -> torch.optim.Optimizer:
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.95), eps=1e-8, fused=True)


def bare_loop(case: Case, halved: bool) -> Timed:
    """Plain PyTorch over the model of transformers."""
    attention = "eager" if halved else "sdpa"
    model = AutoModelForCausalLM.from_pretrained(case.model, attn_implementation=attention).train()
    optimizer = adamw(
        [p for p in model.parameters() if p.ndim >= 2], [p for p in model.parameters() if p.ndim < 2]
    )
    losses, clock = [], Clock()
    for batch in case.batches:
        tokens, positions, labels = map(torch.from_numpy, (batch.tokens, batch.positions, batch.labels))
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=halved):
            logits = model(input_ids=tokens, position_ids=positions, use_cache=False).logits
        loss = cross_entropy(logits[:, :-1].float().flatten(0, 1), labels[:, 1:].flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        clock.tick()
    return clock.per_update(), losses


def bare_plain(case: Case) -> Timed:
    """Plain PyTorch over the functions of specc_runtime.llama, with nothing else of specc."""
    config = AutoModelForCausalLM.from_pretrained(case.model).config
    architecture = architecture_of(config)
    assert architecture is not None
    layout = Layout(architecture)
    flat, grad = torch.empty(layout.size), torch.zeros(layout.size)
    layout.fill(flat, models.read_weights(case.model))
    count = layout.matrices
    matrices, vectors = (torch.nn.Parameter(part) for part in (flat[:count], flat[count:]))
    matrices.grad, vectors.grad = grad[:count], grad[count:]
    halved = flat[:count].bfloat16() if case.step.params["dtype"] == "bfloat16" else None
    weights = layout.merged(flat, halved)
    leaves = [leaf.requires_grad_(True) for leaf in weights.leaves()]
    into = layout.merged(grad).leaves()
    optimizer = adamw([matrices], [vectors])
    losses, clock = [], Clock()
    for batch in case.batches:
        tokens, positions, labels = map(torch.from_numpy, (batch.tokens, batch.positions, batch.labels))
        loss = summed_loss(architecture, weights, tokens, labels, positions) / batch.targets
        grads = list(torch.autograd.grad(loss, leaves))
        if halved is not None:
            grads[0] = grads[0] + grads.pop(1)
        torch._foreach_copy_(into, grads)
        torch.nn.utils.clip_grad_norm_([matrices, vectors], 1.0)
        optimizer.step()
        if halved is not None:
            halved.copy_(flat[:count])
        losses.append(loss.item())
        clock.tick()
    return clock.per_update(), losses


class Packed(Dataset[dict[str, Any]]):
    """The rows of all batches, one after another."""

    def __init__(self, batches: list[Batch]) -> None:
        self._batches = batches

    def __len__(self) -> int:
        return len(self._batches) * BATCH

    def __getitem__(self, number: int) -> dict[str, Any]:
        batch, row = self._batches[number // BATCH], number % BATCH
        return {
            "input_ids": batch.tokens[row],
            "position_ids": batch.positions[row],
            "labels": batch.labels[row],
        }


class InOrder(Trainer):
    """The Trainer, reading rows in the order in which they are."""

    def _get_train_sampler(self, *args: Any) -> Any:
        return SequentialSampler(self.train_dataset)


class Watch(TrainerCallback):
    """Takes the time of each update, and the losses that are logged."""

    def __init__(self) -> None:
        self.clock, self.losses = Clock(), []

    def on_step_end(self, *args: Any, **kwargs: Any) -> None:
        self.clock.tick()

    def on_log(self, *args: Any, logs: dict[str, Any], **kwargs: Any) -> None:
        if "loss" in logs:
            self.losses.append(float(logs["loss"]))


def trainer(case: Case, tuned: bool, logged: bool, compiled: bool = False) -> Timed:
    """The Trainer; losses are logged at every update only where they are to be compared."""
    attention = {"attn_implementation": "eager"} if tuned else {}
    model = AutoModelForCausalLM.from_pretrained(case.model, **attention)
    model.config.use_cache = False  # else packed documents see each other
    faster = {"bf16": True, "logging_nan_inf_filter": False, "torch_compile": compiled} if tuned else {}
    settings = TrainingArguments(
        output_dir=str(case.store.workspace / "trainer"),
        per_device_train_batch_size=BATCH,
        max_steps=len(case.batches),
        learning_rate=RATE,
        lr_scheduler_type="constant",
        weight_decay=0.1,
        adam_beta2=0.95,
        optim="adamw_torch_fused" if tuned else "adamw_torch",
        logging_steps=1 if logged else 500,
        save_strategy="no",
        report_to="none",
        use_cpu=True,
        disable_tqdm=True,
        **faster,
    )
    watch = Watch()
    running = InOrder(model=model, args=settings, train_dataset=Packed(case.batches), callbacks=[watch])
    running.remove_callback(PrinterCallback)
    running.train()
    return watch.clock.per_update(), watch.losses


def contenders(case: Case, compiled: bool, logged: bool) -> dict[str, Callable[[], Timed]]:
    found: dict[str, Callable[[], Timed]] = {
        "specc": lambda: specc_step(case),
        "bare plain": lambda: bare_plain(case),
        "bare float32": lambda: bare_loop(case, halved=False),
        "bare bfloat16": lambda: bare_loop(case, halved=True),
        "Trainer": lambda: trainer(case, tuned=False, logged=logged),
        "Trainer tuned": lambda: trainer(case, tuned=True, logged=logged),
    }
    if compiled:
        found["specc compiled"] = lambda: specc_step(case, "on")
        found["Trainer tuned, compiled"] = lambda: trainer(case, tuned=True, logged=logged, compiled=True)
    return found


def compare_losses(case: Case, compiled: bool) -> None:
    """Stop with an error if a contender trains something else."""
    losses = {name: run()[1] for name, run in contenders(case, compiled, logged=True).items()}
    exact = losses["bare float32"]
    for name, found in losses.items():
        in_float32 = name in ("Trainer", "bare float32") or (
            case.step.params["dtype"] == "float32" and not name.endswith(("bfloat16", "tuned"))
        )
        # The Trainer rounds what it logs to four digits.
        rounding = 1e-4 if name.startswith("Trainer") else 0.0
        np.testing.assert_allclose(
            found, exact, rtol=1e-5 if in_float32 else 1e-2, atol=rounding, err_msg=name
        )


def ratios(times: dict[str, list[float]], of: str, others: list[str]) -> str:
    """How many times as fast as the fastest of others: median over the rounds, least and most."""
    found = [min(times[other][n] for other in others) / seconds for n, seconds in enumerate(times[of])]
    return f"{statistics.median(found):.2f} ({min(found):.2f} to {max(found):.2f})"


def report(case: Case, size: str, times: dict[str, list[float]]) -> None:
    print(f"\n{size}, {case.step.params['dtype']} by `auto`")
    for name, seconds in times.items():
        median = statistics.median(seconds)
        print(f"  {name:24} {1e3 * median:8.2f} ms {BATCH * SEQUENCE / median:10,.0f} tokens/s")
    bare = [name for name in times if name.startswith("bare")]
    for of in [name for name in times if name.startswith("specc")]:
        for label, others in (
            ("best bare loop", bare),
            ("Trainer", ["Trainer"]),
            ("Trainer tuned", ["Trainer tuned"]),
        ):
            print(f"  {of} / {label}: {ratios(times, of, others)}")
    if "Trainer tuned, compiled" in times:
        both = ["Trainer tuned, compiled"]
        print(
            f"  specc compiled / Trainer tuned, compiled: {ratios(times, 'specc compiled', both)}", flush=True
        )


def machine() -> str:
    """Processor and versions."""
    info = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    names = [line.split(":", 1)[1].strip() for line in info.splitlines() if line.startswith("model name")]
    packages = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("torch", "transformers"))
    return f"{names[0] if names else platform.processor()}, {packages}, python {platform.python_version()}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--compile", action="store_true")
    options = parser.parse_args()
    use_device("cpu", 1)
    disable_progress_bar()
    set_verbosity_error()
    print(f"{machine()}; one thread, CPU time, {options.rounds} rounds of {options.steps} updates")
    with tempfile.TemporaryDirectory() as folder:
        store = Store(open_workspace(Path(folder) / "workspace", create=True))
        for size in options.sizes:
            case = open_case(store, size, options.steps)
            compare_losses(case, options.compile)
            times: dict[str, list[float]] = {}
            for number in range(options.rounds + 1):
                for name, run in contenders(case, options.compile, logged=False).items():
                    seconds, _ = run()
                    if number:
                        times.setdefault(name, []).append(seconds)
            report(case, size, times)


if __name__ == "__main__":
    main()
