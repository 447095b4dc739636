"""What each step is in its experiment: a stage's state, an evaluation, or what those come from.

Works on any operation: steps that no stage and no evaluation names are known by their label, and
belong to the arms of the steps that use them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from specc.graph.plan import ordered
from specc.steps import RESUME
from specc.study import PlannedStep, Study


@dataclass(frozen=True, slots=True)
class Use:
    """What a step is.

    Attributes:
        name: of the stage, of the evaluation, or the label without the arm.
        stage: that it belongs to; empty if none.
        position: share of the stage that lies behind it, 1.0 at its end. steps: the same in
            training steps.
        arms: numbers of the arms that need it, in order.
        measured: whether it fills a result; `stage` is then what is measured, and may be an expression.
    """

    op: str
    name: str
    stage: str
    position: float
    steps: int
    arms: tuple[int, ...]
    measured: bool = False

    @property
    def title(self) -> str:
        """Readable name, whichever arm it is in."""
        place = "" if self.position == 1.0 else f"@{self.steps} steps"
        if self.measured:
            return f"{self.name} after {self.stage}{place}"
        return self.name + place


def consumers_of(steps: Iterable[PlannedStep]) -> dict[str, list[str]]:
    """Key of a step -> keys of the steps that depend on it, in order.

    A later state of a stage that may go on from an earlier one does not depend on it.
    """
    found: dict[str, list[str]] = {}
    for step in steps:
        for source in {key: None for role, key in step.inputs.items() if role != RESUME}:
            found.setdefault(source, []).append(step.key)
    return found


def uses_of(study: Study) -> dict[str, Use]:
    """What each step of a study is, by its key."""
    arms: dict[str, dict[int, None]] = {}
    named: dict[str, tuple[str, str, float, int]] = {}
    for run in study.stages:
        ends = run.ends or (run.steps,) * len(run.segments)
        for key, end in zip(run.segments, ends, strict=False):
            named.setdefault(key, (run.stage, run.stage, end / run.steps if run.steps else 1.0, end))
            arms.setdefault(key, {})[run.arm] = None
    for measure in study.measures:
        named.setdefault(measure.key, (measure.eval, measure.stage, measure.position, measure.steps))
        arms.setdefault(measure.key, {})[measure.arm] = None
    steps = {step.key: step for step in study.steps}
    for key in reversed(ordered(study.steps)):
        for role, source in steps[key].inputs.items():
            if role != RESUME and source not in named:
                arms.setdefault(source, {}).update(arms.get(key, {}))
    labels = {arm.label for arm in study.arms}
    models = _model_names(study, steps)
    results = {measure.key for measure in study.measures}
    found: dict[str, Use] = {}
    shared: dict[tuple[int, ...], tuple[int, ...]] = {}
    for step in study.steps:
        mine = tuple(sorted(arms.get(step.key, {})))
        mine = shared.setdefault(mine, mine)
        name, stage, position, end = named.get(step.key) or ("", "", 1.0, 0)
        name = name or models.get(step.key) or own_name(step, study, labels)
        found[step.key] = Use(step.op, name, stage, position, end, mine, step.key in results)
    return found


def _model_names(study: Study, steps: Mapping[str, PlannedStep]) -> dict[str, str]:
    """Steps that lineages begin with -> the name that the recipe gives to the model."""
    found: dict[str, str] = {}
    for run in study.stages:
        first = steps[run.segments[0]].inputs.get("parent") if run.segments else run.checkpoint
        if first is not None and first in steps and steps[first].op in ("init", "import") and run.parent:
            found.setdefault(first, run.parent)
    return found


def own_name(step: PlannedStep, study: Study, labels: set[str]) -> str:
    """A label without the arm, the experiment and the seed that stand in it."""
    label = step.label
    cut = len(label)
    while (cut := label.rfind("/", 0, cut)) > 0:
        if label[:cut] in labels:
            return label[cut + 1 :]
    label = label.removeprefix(f"{study.experiment}/")
    head, slash, last = label.rpartition("/")
    return head if slash and last.startswith("seed=") else label or step.op


def aliases(study: Study) -> dict[str, str]:
    """Every readable name of a step -> its key: its label, and the names that it has in other arms."""
    found = {step.label: step.key for step in reversed(study.steps)}
    labels = {arm.arm: arm.label for arm in study.arms}
    for run in study.stages:
        ends = run.ends or (run.steps,) * len(run.segments)
        for key, end in zip(run.segments, ends, strict=False):
            place = "" if end == run.steps else f"@{end} steps"
            found.setdefault(f"{labels[run.arm]}/{run.stage}{place}", key)
    last: dict[str, str] = {}
    for measure in study.measures:
        whole = f"{labels[measure.arm]}/{measure.stage}/{measure.eval}"
        found.setdefault(
            f"{labels[measure.arm]}/{measure.stage}@{measure.steps} steps/{measure.eval}", measure.key
        )
        if measure.position == 1.0:
            last[whole] = measure.key
    return found | last


def lineage(keys: Iterable[str], edges: Mapping[str, Iterable[str]]) -> dict[str, None]:
    """All that is reached from some steps along edges, themselves included, nearest first."""
    found = dict.fromkeys(keys)
    waiting = deque(found)
    while waiting:
        for key in edges.get(waiting.popleft(), ()):
            if key not in found:
                found[key] = None
                waiting.append(key)
    return found
