"""Who trains in `training_speed.py`: the same updates by specc, by bare loops and by the Trainer."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.utils.data import Dataset, SequentialSampler
from transformers import AutoModelForCausalLM, Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_callback import PrinterCallback

from specc.precision import automatic_dtype
from specc.steps import PARAMS, Component, Step, identity, step_key
from specc.store import Store
from specc_runtime import model as models
from specc_runtime import train as loop
from specc_runtime.attempt import Attempt
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
    flat, grad = torch.zeros(layout.size), torch.zeros(layout.size)
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


def products(case: Case) -> float:
    """CPU seconds of nothing but the matrix products of an update, in the dtype of the recipe.

    Forward, and backward into inputs and into weights; attention by products. No update of any kind of
    implementation that computes these products one after another can take less.
    """
    config = AutoModelForCausalLM.from_pretrained(case.model).config
    a = architecture_of(config)
    assert a is not None
    dtype = torch.bfloat16 if case.step.params["dtype"] == "bfloat16" else torch.float32
    sizes = [(a.width, (a.heads + 2 * a.kv_heads) * a.head), (a.heads * a.head, a.width)]
    sizes += [(a.width, a.mlp), (a.width, a.mlp), (a.mlp, a.width)]
    linear = [
        tuple(
            torch.randn(shape).to(dtype) for shape in ((BATCH * SEQUENCE, i), (o, i), (BATCH * SEQUENCE, o))
        )
        for i, o in [*sizes * a.layers, (a.width, a.vocab)]
    ]
    query = torch.randn(BATCH * a.heads, SEQUENCE, a.head).to(dtype)
    weights = torch.randn(BATCH * a.heads, SEQUENCE, SEQUENCE).to(dtype)
    clock = Clock()
    for _ in case.batches:
        for x_NI, weight_OI, back_NO in linear:
            torch.mm(x_NI, weight_OI.mT)
            torch.mm(back_NO, weight_OI)
            torch.mm(back_NO.mT, x_NI)
        for _ in range(a.layers):
            for _ in range(2):
                torch.bmm(query, query.mT)
                torch.bmm(weights, query)
                torch.bmm(weights.mT, query)
        clock.tick()
    return clock.per_update()


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
