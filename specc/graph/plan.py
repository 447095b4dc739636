"""The plan: which steps a study needs, which of them are done, and what the rest will cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from specc.steps import Frozen
from specc.study import PlannedStep, Study

if TYPE_CHECKING:
    import networkx

COMPUTED = ("combine", "transform", "select")
OPERATIONS = ("tokenizer", "prepare", "dataset", "init", "import", "train", *COMPUTED, "eval")


class StepCount(Frozen):
    """Steps of one operation.

    Attributes:
        used: how often arms ask for one; each would be done so often without sharing.
        distinct: different ones among them. done: of these, finished already.
    """

    op: str
    used: int
    distinct: int
    done: int

    @property
    def todo(self) -> int:
        return self.distinct - self.done


@dataclass(frozen=True, slots=True, kw_only=True)
class StepState:
    """Whether a step is done, and why it is to do if not."""

    key: str
    label: str
    state: Literal["done", "to do"]
    reason: str


class Plan(Frozen):
    """A study with the state of its steps.

    Attributes:
        states: of all steps, in an order in which each comes after its inputs; empty unless asked for.
        seconds: predicted for all that is to do, on `workers` workers. flops: of it.
        longest: predicted seconds of the longest chain of steps to do, which no worker shortens.
        flops_unshared: operations if every arm were trained from scratch.
        measured: finished train steps that the prediction comes from; 0 for a table.
        environment: what finished steps were made with that differs from what is installed here.
    """

    format: int = 1
    study: Study
    counts: tuple[StepCount, ...]
    states: tuple[StepState, ...]
    seconds: float
    longest: float
    flops: float
    flops_unshared: float
    workers: int
    measured: int
    environment: tuple[str, ...] = ()

    @property
    def todo(self) -> int:
        return sum(count.todo for count in self.counts)


def build_graph(study: Study) -> networkx.DiGraph:
    """The steps as a directed graph of keys: an edge leads from a step to one that uses what it makes."""
    import networkx

    graph = networkx.DiGraph(name=study.experiment)
    graph.add_nodes_from(step.key for step in study.steps)
    graph.add_edges_from((source, step.key) for step in study.steps for source in step.inputs.values())
    return graph


def ordered(steps: Sequence[PlannedStep]) -> list[str]:
    """Keys in an order in which each comes after its inputs: that of `networkx.topological_sort`.

    A graph's dictionaries would take more memory than the steps of a large study themselves.

    Raises:
        ValueError: for a circle; the compiler makes none.
    """
    users: dict[str, list[str]] = {}
    missing: dict[str, int] = {}
    for step in steps:
        sources = set(step.inputs.values())
        missing[step.key] = len(sources)
        for source in sources:
            users.setdefault(source, []).append(step.key)
    order = [step.key for step in steps if not missing[step.key]]
    for key in order:  # which grows on the way
        for user in users.get(key, ()):
            missing[user] -= 1
            if not missing[user]:
                order.append(user)
    if len(order) < len(missing):
        raise ValueError(f"{len(missing) - len(order)} steps wait for each other")
    return order


def make_plan(
    study: Study,
    done: Iterable[str],
    workers: int = 1,
    measured: int = 0,
    environment: tuple[str, ...] = (),
    explained: bool = False,
) -> Plan:
    """Compare the steps of a study with what is done.

    Args:
        done: keys of finished steps. workers: steps that run at once.
        explained: whether to say of each step what state it is in, and why.
    """
    finished = set(done)
    steps = {step.key: step for step in study.steps}
    todo = [step for step in study.steps if step.key not in finished]
    longest: dict[str, float] = {}
    order = ordered(study.steps)
    for key in order:
        if key not in finished:
            step = steps[key]
            waits = (longest[source] for source in step.inputs.values() if source not in finished)
            longest[key] = step.seconds + max(waits, default=0.0)
    total = sum(step.seconds for step in todo)
    path = max(longest.values(), default=0.0)
    return Plan(
        study=study,
        counts=_counts(study, steps, finished),
        states=tuple(_state(steps[key], steps, finished) for key in order) if explained else (),
        seconds=max(total / max(workers, 1), path),
        longest=path,
        flops=sum(step.flops for step in todo),
        flops_unshared=_unshared(study, steps),
        workers=workers,
        measured=measured,
        environment=environment,
    )


def _state(step: PlannedStep, steps: dict[str, PlannedStep], finished: set[str]) -> StepState:
    if step.key in finished:
        return StepState(key=step.key, label=step.label, state="done", reason="in the store")
    waits = [source for source in step.inputs.values() if source not in finished]
    reason = f"needs {steps[waits[0]].label}, which is to do" if waits else "never done"
    return StepState(key=step.key, label=step.label, state="to do", reason=reason)


def _counts(study: Study, steps: dict[str, PlannedStep], finished: set[str]) -> tuple[StepCount, ...]:
    used: Counter[str] = Counter()
    for run in study.stages:
        used["train"] += len(run.segments)
    used["eval"] = len(study.measures)
    made = {step.op for step in study.steps} & {"init", "import"}
    for op in made:
        used[op] = len(study.arms)
    for op, number in _computed(study, steps).items():
        used[op] = number
    used.update(_asked_data(study, steps))
    distinct = Counter(step.op for step in study.steps)
    done = Counter(step.op for step in study.steps if step.key in finished)
    return tuple(
        StepCount(op=op, used=max(used[op], distinct[op]), distinct=distinct[op], done=done[op])
        for op in OPERATIONS
        if distinct[op]
    )


def _asked_data(study: Study, steps: dict[str, PlannedStep]) -> Counter[str]:
    """How often arms ask for a corpus, or for a data set that is made of others, by operation."""
    if not any(step.op == "dataset" for step in study.steps):
        return Counter(prepare=len({(cell.arm, cell.corpus) for cell in study.cells}))
    made_of = {
        key: tuple(source for source in step.inputs.values() if steps[source].op in ("prepare", "dataset"))
        for key, step in steps.items()
    }
    asked: dict[int, set[str]] = {}
    for run in study.stages:
        asked.setdefault(run.arm, set()).update(run.segments)
    for measure in study.measures:
        asked.setdefault(measure.arm, set()).add(measure.key)
    used: Counter[str] = Counter()
    for keys in asked.values():
        found: set[str] = set()
        waiting = [source for key in keys for source in made_of[key]]
        while waiting:
            key = waiting.pop()
            if key not in found:
                found.add(key)
                waiting.extend(made_of[key])
        used.update(steps[key].op for key in found)
    return used


def _computed(study: Study, steps: dict[str, PlannedStep]) -> Counter[str]:
    """How often arms ask for a checkpoint that is computed, by operation."""
    computed = {key for key, step in steps.items() if step.op in COMPUTED}
    used: Counter[str] = Counter()
    if not computed:
        return used
    asked: dict[int, set[str]] = {}
    for run in study.stages:
        first = run.segments[0] if run.segments else ""
        asked.setdefault(run.arm, set()).update((steps[first].inputs["parent"] if first else run.checkpoint,))
    for measure in study.measures:
        asked.setdefault(measure.arm, set()).add(steps[measure.key].inputs["checkpoint"])
    for keys in asked.values():
        waiting, seen = [key for key in keys if key in computed], set[str]()
        while waiting:
            key = waiting.pop()
            if key in computed and key not in seen:
                seen.add(key)
                used[steps[key].op] += 1
                waiting.extend(steps[key].inputs.values())
    return used


def _unshared(study: Study, steps: dict[str, PlannedStep]) -> float:
    """Operations if no arm shared anything with another."""
    training = sum(run.flops for run in study.stages)
    return training + sum(steps[measure.key].flops for measure in study.measures)


def as_json(plan: Plan) -> dict[str, Any]:
    """The plan for other tools."""
    return plan.model_dump(mode="json")
