"""Workspaces, hand-made corpora and small models for the runtime's tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain
from typing import Any

import numpy as np

from specc.steps import PARAMS, Component, Phase, Step, identity, step_key
from specc.store import Manifest, Provenance, Store
from specc_runtime.run import run_step

EOS = 256
VOCAB = 257
TINY = Component(name="llama", args={"layers": 2, "width": 16, "heads": 2, "context": 64, "mlp": 24})


def never() -> bool:
    return False


@dataclass
class Workshop:
    """A workspace in which tests do steps."""

    store: Store
    reports: list[dict[str, Any]] = field(default_factory=list)

    def step(
        self,
        op: Any,
        params: dict[str, Any],
        inputs: dict[str, str] | None = None,
        execution: dict[str, Any] | None = None,
        label: str = "",
    ) -> Step:
        typed = PARAMS[op].model_validate(params)
        key = step_key(op, identity(typed), inputs or {})
        return Step(
            key=key,
            op=op,
            inputs=inputs or {},
            params=typed.model_dump(mode="json"),
            execution=execution or {},
            label=label,
        )

    def do(self, step: Step, stopping: Callable[[], bool] = never) -> Manifest:
        return run_step(step, self.store, self.reports.append, stopping)

    def init(self, architecture: Component = TINY, vocab: int = VOCAB, seed: int = 0) -> str:
        step = self.step("init", {"architecture": architecture, "vocab": vocab, "seed": seed})
        if not self.store.has(step.key):
            self.do(step)
        return step.key

    def corpus(
        self,
        train: Sequence[Sequence[int]],
        held_out: Sequence[Sequence[int]] = (),
        prompt: int = 0,
        name: str = "hand",
    ) -> str:
        """Publish token lists (without end tokens) as a prepared corpus, without the code under test."""
        step = self.step("prepare", {"reader": {"name": "text", "args": {"test": name}}})
        if self.store.has(step.key):
            return step.key
        folder = self.store.work(step.key) / "artifact"
        folder.mkdir(parents=True)
        outputs: dict[str, Any] = {"vocab": VOCAB, "eos": EOS}
        for split, documents in {"train": train, "held_out": held_out}.items():
            ended = [[*document, EOS] for document in documents]
            lengths = [len(document) for document in ended]
            np.save(folder / f"{split}.tokens.npy", np.array(list(chain(*ended)), dtype=np.uint16))
            np.save(folder / f"{split}.offsets.npy", np.cumsum([0, *lengths], dtype=np.int64))
            np.save(folder / f"{split}.prompts.npy", np.full(len(ended), prompt, dtype=np.int32))
            np.save(folder / f"{split}.ids.npy", np.arange(len(ended), dtype=np.uint64))
            outputs[split] = {"documents": len(ended), "tokens": sum(lengths)}
        self.store.publish(step, folder, outputs, Provenance(versions={}))
        return step.key

    def train(self, parent: str, corpora: Sequence[str], **changes: Any) -> Step:
        """A training step over equal shares of some corpora, 20 steps of 4 x 16 tokens by default."""
        params: dict[str, Any] = {
            "steps": 20,
            "sequence": 16,
            "batch": 4,
            "sources": [
                {"corpus": f"corpus{number}", "share": Fraction(1, len(corpora))}
                for number in range(len(corpora))
            ],
            "phases": [Phase(shape="cosine", start=0, stop=20, first=1e-2, last=1e-3)],
            "optimizer": {"name": "adamw"},
            "seed": 0,
            "clip": 1.0,
        }
        execution = changes.pop("execution", {})
        inputs = {"parent": parent} | {f"corpus{number}": key for number, key in enumerate(corpora)}
        return self.step("train", params | changes, inputs, execution, label="test/train")

    def weights(self, key: str) -> bytes:
        return (self.store.path(key) / "model.safetensors").read_bytes()


def random_documents(count: int, seed: int, longest: int = 40) -> list[list[int]]:
    """Documents of bytes with learnable structure, of 1 to `longest` tokens."""
    generator = np.random.default_rng(seed)
    return [
        ((generator.integers(97, 122) + np.arange(length) * generator.integers(0, 3)) % 128).tolist()
        for length in generator.integers(1, longest + 1, size=count)
    ]
