"""How steps are run on a machine, as the command line says it: changes rounding at most, and no key."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from specc.execute.lanes import Lanes
from specc.execute.local import default_workers
from specc.study import Study

OPTIONS = {
    "device": "--device",
    "replicas": "--replicas",
    "sharding": "--sharding",
    "micro_batch": "--micro-batch",
    "implementation": "--implementation",
    "compiled": "--compile",
    "lanes": "--lanes",
}
"""Field of `Machine` -> the option that sets it."""


@dataclass(frozen=True, slots=True)
class Machine:
    """Where and how models are trained; see `specc.steps.TrainExecution` for the fields.

    Attributes:
        lanes: steps of one shape that a worker trains together at most; see `specc.execute.lanes`.
    """

    device: str = "cpu"
    replicas: int = 1
    sharding: str = "auto"
    micro_batch: int | None = None
    implementation: str = "auto"
    compiled: str = "auto"
    lanes: Lanes = "auto"

    def contradiction(self) -> str | None:
        """Options of which one would be without effect beside another, in words; None if there are none."""
        if isinstance(self.lanes, int):
            for name in ("replicas", "micro_batch", "implementation", "compiled"):
                value = getattr(self, name)
                if name in self.chosen() and (name, value) != ("compiled", "off"):
                    return f"steps with {OPTIONS[name]} {value} train by themselves; leave out --lanes"
        if self.sharding == "shard" and self.replicas == 1:
            return "one process has nothing to share out; add --replicas"
        return None

    def chosen(self) -> dict[str, Any]:
        """The fields that were set to something else than their default."""
        return {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if getattr(self, field.name) != field.default
        }

    def arguments(self) -> list[str]:
        """The same choices as arguments of `specc run`."""
        return [word for name, value in self.chosen().items() for word in (OPTIONS[name], str(value))]

    def workers(self, wanted: int | None) -> int | None:
        """Steps done at once, so that the processes of all of them find a processor or a GPU each."""
        if wanted is not None or self.replicas == 1:
            return wanted
        return max(1, default_workers() // self.replicas) if self.device == "cpu" else 1

    def run_by(self, study: Study) -> Study:
        """The study with its models on this machine."""
        trained = {name: value for name, value in self.chosen().items() if name != "lanes"}
        execution = {"train": trained, "eval": {k: v for k, v in trained.items() if k == "device"}}
        steps = tuple(
            replace(step, execution=step.execution | execution[step.op]) if step.op in execution else step
            for step in study.steps
        )
        return study.model_copy(update={"steps": steps})
