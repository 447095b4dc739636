"""Short trainings in all their kinds, and what must be equal however they came about."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import transformers.models.llama.modeling_llama  # noqa: F401 - loaded once, not in every fork

import specc_runtime.train  # noqa: F401
from specc.files import file_digest
from specc.steps import Step
from specc.store import Store, open_workspace
from specc_runtime.run import run_step
from workshop import Workshop, never, random_documents

STEPS = 12
ROW = 16
BATCH = 3


@dataclass(frozen=True)
class Case:
    """A kind of training.

    Attributes:
        epoch: the last pass over the corpus that the steps reach, from 0.
        parts: micro-batches of a training step.
        packed: whether rows hold several documents.
        cut: where the training is cut in two: nowhere, inside its stage, or between two stages.
        optimizer: "sam" goes through each batch twice.
        world: processes that train together.
        engine: which implementation of the model computes; "stacked" is that of lanes.
    """

    epoch: int = 0
    parts: int = 1
    packed: bool = True
    dropout: float = 0.0
    cut: Literal["", "segment", "stage"] = ""
    optimizer: str = "adamw"
    world: int = 1
    engine: Literal["plain", "transformers", "stacked"] = "transformers"

    def __str__(self) -> str:
        words = [f"epoch{self.epoch}", f"parts{self.parts}", "packed" if self.packed else "rows"]
        words += [self.optimizer, self.engine]
        words += ["dropout"] if self.dropout else []
        words += [f"cut-at-{self.cut}"] if self.cut else []
        words += ["two-processes"] if self.world == 2 else []
        return "-".join(words)


AXES: dict[str, tuple[Any, ...]] = {
    "epoch": (0, 1, 2),
    "parts": (1, 3),
    "packed": (True, False),
    "dropout": (0.0, 0.1),
    "cut": ("", "segment", "stage"),
    "optimizer": ("adamw", "sam"),
    "world": (1, 2),
    "engine": ("transformers", "plain"),
}

ALL = tuple(Case(**dict(zip(AXES, values, strict=True))) for values in itertools.product(*AXES.values()))


def covering(cases: Sequence[Case], strength: int) -> tuple[Case, ...]:
    """Few of the cases, in which all values of any `strength` axes meet that meet in any case."""
    meetings = {
        case: set(itertools.combinations([(axis, getattr(case, axis)) for axis in AXES], strength))
        for case in cases
    }
    missing = set().union(*meetings.values())
    chosen = []
    while missing:
        best = max(cases, key=lambda case: len(missing & meetings[case]))
        missing -= meetings[best]
        chosen.append(best)
    return tuple(chosen)


class Bench:
    """Workspaces that start from the same model and corpora.

    Args:
        folder: where they lie; `template` there is copied for each.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.count = 0
        self.template = Workshop(Store(open_workspace(folder / "template", create=True)))
        self.model = self.template.init()

    def workspace(self) -> Store:
        """A new workspace with the model and the corpora made so far."""
        self.count += 1
        target = self.folder / str(self.count)
        shutil.copytree(self.template.store.workspace, target, ignore=shutil.ignore_patterns("work"))
        (target / "work").mkdir()
        return Store(target)

    def steps(self, case: Case) -> tuple[Step, ...]:
        """The training steps of a case, in order; the last has the final weights."""
        corpus = self.corpus(case)
        changes: dict[str, Any] = {
            "batch": BATCH,
            "dropout": case.dropout,
            "optimizer": {"name": case.optimizer},
            "execution": {
                "checkpoint_seconds": 0.0,
                "micro_batch": BATCH // case.parts,
                "replicas": case.world,
                "implementation": case.engine,
                "compiled": "off",
            },
        }
        make = self.template.train
        if case.cut == "segment":
            early = make(self.model, [corpus], steps=STEPS // 2, **changes)
            late = make(self.model, [corpus], steps=STEPS, **changes)
            return early, late.model_copy(update={"inputs": late.inputs | {"resume": early.key}})
        if case.cut == "stage":
            before = make(self.model, [corpus], steps=STEPS // 2, **changes)
            after = make(before.key, [corpus], steps=STEPS // 2, optimizer_state="kept", **changes)
            return before, after
        return (make(self.model, [corpus], steps=STEPS, **changes),)

    def corpus(self, case: Case) -> str:
        """A corpus of such a size that the training ends in the epoch of the case."""
        read = STEPS * BATCH * ROW // (2 if case.cut == "stage" else 1)
        tokens = int(read / (case.epoch + 0.5))
        if case.packed:
            documents = random_documents(200, 1, longest=10)
            lengths = itertools.accumulate(len(document) + 1 for document in documents)
            kept = sum(1 for length in lengths if length <= tokens)
        else:
            documents = [row[: ROW - 1] for row in random_documents(400, 1, longest=200) if len(row) >= ROW]
            kept = tokens // ROW
        return self.template.corpus(documents[:kept], name=f"{case.packed}{tokens}")


def do_all(store: Store, steps: Sequence[Step]) -> None:
    """Do the steps that are not done, as a run does."""
    store.reclaim()
    for step in steps:
        if not store.has(step.key):
            run_step(step, store, lambda report: None, never)


def outcome(store: Store, steps: Sequence[Step]) -> dict[str, Any]:
    """All that steps left, without what depends on time: the files' digests, the log, the numbers."""
    found: dict[str, Any] = {}
    for step in steps:
        manifest = store.verify(step.key)
        folder = store.path(step.key)
        names = [name for name in manifest.files if name != "metrics.jsonl"]
        lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        found[step.key] = {
            "files": {name: file_digest(folder / name) for name in names},
            "metrics": [{name: value for name, value in line.items() if name != "seconds"} for line in lines],
            "outputs": {
                name: value for name, value in manifest.outputs.items() if name != "tokens_per_second"
            },
        }
    return found


def left_over(store: Store) -> list[str]:
    """What lies in the workspace without being part of a finished step."""
    scratch = [path.name for path in (store.workspace / "work").iterdir()]
    return scratch + [path.name for path in store.root.rglob(".*")]
