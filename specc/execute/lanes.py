"""Which training steps may be trained together, and how many at once.

Steps of one lane shape train models of one architecture on batches of one size, in one dtype, with
the same optimizer; they may differ in seed, data, learning rate, weight decay, clipping and length.

Notable choices:

* A step whose shape allows it is done by the stacked implementation whether or not others are ready
  when it begins. There a lane has the same bits alone as in company (on a CPU), so a result depends
  on whether lanes are on, and not on the number of workers or on what happened to be ready.
* Groups are as even as they can be: a slot that takes all that is ready would leave another idle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from specc.canonical import canonical_json
from specc.study import PlannedStep

Lanes = int | Literal["auto", "off"]
"""How many steps are trained together at most; `auto` where it pays."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Where `auto` uses lanes.

    Attributes:
        lanes: of a group at most. together: tokens of a training step of all its lanes at most.
        tokens: of a training step at most. work: floating-point operations of one at most.
    """

    lanes: int
    together: int
    tokens: int
    work: float


LIMITS = {"cpu": Limits(8, 2048, 1024, 2e9), "cuda": Limits(8, 131_072, 16_384, 2e11)}
"""Limits by kind of device.

On a CPU they are where `tests/benchmarks/lanes.py` finds a tenth to a fifth to gain, 0.3M parameters at
1,024 tokens or 1M at 300, and where more lanes no longer fit into the cache and gain less. On a GPU they
are steps whose arithmetic takes less time than a GPU needs to be given their operations; that was not
measured.
"""

PARENTS = ("parent", "checkpoint", "checkpoint0", "candidate0")
"""Inputs whose model a step's own is like."""

KNOWN = frozenset(
    {"steps", "sequence", "batch", "sources", "intervals", "phases", "optimizer", "optimizer_state"}
    | {"seed", "clip", "dropout", "dtype"}
)
"""Parameters that the stacked implementation knows; a step with any other, not None, is not for it."""

LINE = 16
"""Numbers of four bytes in a cache line."""

LEAST_HALVED = 2048
"""Tokens of a training step times those of a sequence, from which lanes in bfloat16 are alike."""

STACKED = {"implementation": "stacked"}
"""Execution settings of a step that is trained in a lane."""


class LaneShapes:
    """The lane shape of every step of a study.

    Args:
        steps: all steps, by key.
        lanes: what was asked for.
    """

    def __init__(self, steps: Mapping[str, PlannedStep], lanes: Lanes) -> None:
        self.steps = steps
        self.lanes = lanes
        self._models: dict[str, str | None] = {}
        self._shapes: dict[str, str | None] = {}

    def of(self, key: str) -> str | None:
        """What the steps of a group have in common; None for a step that is trained by itself."""
        if key not in self._shapes:
            self._shapes[key] = self._shape(self.steps[key])
        return self._shapes[key]

    def part(self, key: str) -> None:
        """Give a step a shape of its own: it is computed as in a group, and trained by itself."""
        self._shapes[key] = f"alone {key}"

    def most(self, key: str) -> int:
        """How many lanes a group with this step has at most."""
        if isinstance(self.lanes, int):
            return self.lanes
        step = self.steps[key]
        return max(1, min(limits(step).lanes, limits(step).together // tokens_of(step)))

    def size(self, key: str, ready: int, slots: int) -> int:
        """Lanes of the next group when so many steps of this shape are ready: the fewest rounds of
        groups for all slots, and in them groups as small as that allows."""
        rounds = -(-ready // (slots * self.most(key)))
        return -(-ready // (slots * rounds))

    def _shape(self, step: PlannedStep) -> str | None:
        if self.lanes == "off" or step.op != "train" or not stackable(step):
            return None
        if self.lanes == "auto" and not small(step):
            return None
        model = self._model(step.key)
        if model is None:
            return None
        params = step.params
        content = {name: params[name] for name in ("sequence", "batch", "optimizer")}
        content["optimizer"] = content["optimizer"]["name"]
        content |= {
            "dtype": params.get("dtype", "float32"),
            "dropout": params.get("dropout", 0.0) > 0,
            "device": step.execution.get("device", "cpu"),
            "model": model,
        }
        return canonical_json(content)

    def _model(self, key: str) -> str | None:
        """The architecture of a step's model, or the checkpoint that it was imported as.

        None for a checkpoint that lanes can't train.
        """
        met = []
        while key not in self._models:
            met.append(key)
            step = self.steps[key]
            parent = next((step.inputs[role] for role in PARENTS if role in step.inputs), None)
            if parent is None:
                made = {name: step.params.get(name) for name in ("architecture", "vocab")}
                known = canonical_json(made if step.op == "init" else key)
                self._models[key] = known if step.execution.get("stackable", True) else None
            else:
                key = parent
        for one in met:
            self._models[one] = self._models[key]
        return self._models[key]


def stackable(step: PlannedStep) -> bool:
    """Whether the stacked implementation knows everything that a training step asks for."""
    execution, params = step.execution, step.params
    optimizer = params["optimizer"]
    return (
        optimizer["name"] == "adamw"
        and not optimizer.get("plugin")
        and all(value is None for name, value in params.items() if name not in KNOWN)
        and params.get("adapter") is None
        and execution.get("implementation", "auto") == "auto"
        and execution.get("compiled", "auto") != "on"
        and execution.get("micro_batch") is None
        and execution.get("replicas", 1) == 1
        and execution.get("threads", 1) == 1
        and alike(step)
    )


def alike(step: PlannedStep) -> bool:
    """Whether a lane has the same bits alone as in company, where that is promised: on a CPU.

    Products depend on where in a cache line their numbers begin, so what a lane holds of each tensor must
    fill whole lines. Tiny products in bfloat16 go another way when there are several (torch 2.13: above
    4,096 multiplications in all; attention makes tokens x sequence x width of a lane).
    """
    if step.execution.get("device", "cpu") != "cpu":
        return True
    tokens = tokens_of(step)
    halved = step.params.get("dtype") == "bfloat16"
    return tokens % LINE == 0 and not (halved and tokens * step.params["sequence"] < LEAST_HALVED)


def limits(step: PlannedStep) -> Limits:
    return LIMITS["cuda" if step.execution.get("device", "cpu").startswith("cuda") else "cpu"]


def small(step: PlannedStep) -> bool:
    """Whether a training step is so small that its operations cost more than their arithmetic."""
    most, tokens = limits(step), tokens_of(step)
    return tokens <= most.tokens and step.flops * tokens <= most.work * step.tokens


def tokens_of(step: PlannedStep) -> int:
    """Tokens of each training step."""
    batch, sequence = step.params["batch"], step.params["sequence"]
    return int(batch * sequence)
