"""Steps that differ only by arm or position drawn as one node: "pretrain, 5 early x 3 seeds"."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

from specc.diagnostics import nearest
from specc.errors import QueryError
from specc.graph.axes import axis_text
from specc.graph.parameters import stage_parameters, step_parameters
from specc.graph.plan import ordered
from specc.graph.uses import Use, uses_of
from specc.steps import RESUME
from specc.study import Cell, PlannedStep, StageRun, Study
from specc.words import count, printable

RECIPE, SEED, POSITION, EVAL, ALL = "recipe", "seed", "position", "eval", "all"
"""What can be unfolded beside the axes of the sweep."""

MOST_NODES = 48
"""Above so many nodes the evaluations of a stage are drawn as one."""

MOST_VALUES = 5
"""Values of a parameter that are listed for a node."""


@dataclass(slots=True)
class Node:
    """One or more steps, drawn as one.

    Attributes:
        title: what it is. point: where in the sweep, for axes that are unfolded.
        factors: over what its steps range, with how many values.
        keys: of its steps. done: how many of them are.
        parameters: name -> its values, the first few.
        tokens, flops, seconds: of all its steps together, as planned.
        notes: further lines, for instance the time that it took.
    """

    op: str
    title: str
    point: tuple[str, ...]
    keys: list[str] = field(default_factory=list)
    done: int = 0
    factors: tuple[tuple[int, str], ...] = ()
    names: tuple[str, ...] = ()
    parameters: dict[str, tuple[str, ...]] = field(default_factory=dict)
    tokens: int = 0
    flops: float = 0.0
    seconds: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def state(self) -> str:
        """`done`, `part` or `todo`."""
        return "done" if self.done == len(self.keys) else "part" if self.done else "todo"

    @property
    def state_text(self) -> str:
        total = len(self.keys)
        if total == 1:
            return "done" if self.done else "to do"
        return f"{self.done:,} of {total:,} done" if self.done else f"{total:,} to do"

    @property
    def size_text(self) -> str:
        """How many steps, and over what they range; empty for a single step."""
        total = len(self.keys)
        if total == 1:
            return ""
        if prod(number for number, _ in self.factors) == total:
            product = " x ".join(f"{number:,} {name}" for number, name in self.factors)
            return f"{product} = {count(total, 'step')}" if len(self.factors) > 1 else product
        over = ", ".join(name for _, name in self.factors)
        return count(total, "step") + (f" over {over}" if over else "")


@dataclass(frozen=True, slots=True)
class Edge:
    """From the node at one place to that at another.

    Attributes:
        kind: `flow` for checkpoints, `data` for what is read, `resume` for an earlier state of a
            stage that training goes on from. steps: edges between steps that it stands for.
    """

    source: int
    target: int
    kind: str
    steps: int


@dataclass(frozen=True, slots=True)
class Picture:
    """What is drawn of a study; `folded` names what can still be unfolded."""

    name: str
    description: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    steps: int
    done: int
    folded: tuple[str, ...]


def dimensions(study: Study) -> list[str]:
    """What the steps of a study range over."""
    found = [RECIPE] if len({arm.recipe for arm in study.arms}) > 1 else []
    found += [axis.name for axis in study.axes if len(axis.values) > 1]
    if len({arm.seed for arm in study.arms}) > 1:
        found.append(SEED)
    return found


def fold(study: Study, done: Collection[str], unfold: Sequence[str] = ()) -> Picture:
    """The steps of a study as nodes, folded over the sweep, seeds and positions.

    Args:
        done: keys of finished steps. unfold: axes, or `recipe`, `seed`, `position`, `eval`, `all`.
    Raises:
        QueryError: for a name that can't be unfolded.
    """
    uses = uses_of(study)
    ranged = dimensions(study)
    positions = any(use.position != 1.0 for use in uses.values())
    offered = [*ranged, *([POSITION] if positions else []), EVAL, ALL]
    axes = {axis.name for axis in study.axes} | {RECIPE, SEED, POSITION}
    for name in unfold:
        if name not in offered and name not in axes:
            close = nearest(name, offered)
            listed = ", ".join(f"`{each}`" for each in offered)
            raise QueryError(
                f"there is no axis `{name}` to unfold",
                f"write `{close}`" if close else f"these can be unfolded: {listed}",
            )
    everything = ALL in unfold
    opened = set(ranged) | {POSITION, EVAL} if everything else set(unfold)
    groups = _Groups(study, uses, ranged, opened)
    if everything:
        separate = True
    else:
        separate = EVAL in opened or len(groups.keys(True)) <= MOST_NODES
    keys = groups.keys(separate, apart=everything)
    nodes, place = _nodes(study, keys, uses, done, groups, separate)
    folded = [*(name for name in ranged if name not in opened)]
    folded += [POSITION] if positions and POSITION not in opened else []
    folded += [EVAL] if not separate else []
    return Picture(
        study.experiment,
        study.description,
        tuple(nodes),
        _edges(study.steps, place),
        len(study.steps),
        sum(step.key in done for step in study.steps),
        tuple(folded),
    )


class _Groups:
    """Which steps are drawn as one node."""

    def __init__(
        self, study: Study, uses: Mapping[str, Use], ranged: Sequence[str], opened: Collection[str]
    ) -> None:
        self.study = study
        self.uses = uses
        self.ranged = ranged
        self.opened = opened
        types = {axis.name: axis.type for axis in study.axes}
        self._values: list[dict[str, str]] = []
        for arm in study.arms:
            values = {
                name: axis_text(value, types[name]) for name, value in arm.axes.items() if name in types
            }
            self._values.append(values | {RECIPE: arm.recipe, SEED: str(arm.seed)})
        self._whole = {
            name: tuple(dict.fromkeys(values.get(name, "") for values in self._values)) for name in ranged
        }
        self._taken: dict[tuple[tuple[int, ...], str], tuple[str, ...]] = {}

    def values(self, arms: tuple[int, ...], name: str) -> tuple[str, ...]:
        """The values of an axis in some arms, in order; none if it is all of them."""
        known = self._taken.get((arms, name))
        if known is None:
            taken = tuple(dict.fromkeys(self._values[arm].get(name, "") for arm in arms))
            known = self._taken[arms, name] = () if len(taken) == len(self._whole[name]) else taken
        return known

    def keys(self, separate: bool, apart: bool = False) -> dict[tuple[object, ...], list[str]]:
        """Steps of each node; `separate` keeps evaluations of a stage, `apart` all steps from each other."""
        found: dict[tuple[object, ...], list[str]] = {}
        points = [name for name in self.ranged if name in self.opened]
        for key in ordered(self.study.steps):
            use = self.uses[key]
            if apart:
                group: tuple[object, ...] = (key,)
            else:
                name = "" if use.measured and not separate else use.name
                position = use.steps if POSITION in self.opened else 0
                point = tuple(self.values(use.arms, each) for each in points)
                group = (use.op, name, use.stage, position, point)
            found.setdefault(group, []).append(key)
        return found

    def point(self, use: Use) -> tuple[str, ...]:
        """Where in the sweep a step is, for what is unfolded."""
        parts = []
        for name in self.ranged:
            values = self.values(use.arms, name) if name in self.opened else ()
            if len(values) == 1:
                parts.append(f"{name} = {values[0]}")
            elif values:
                more = f", ... {len(values) - MOST_VALUES} more" if len(values) > MOST_VALUES else ""
                parts.append(f"{name} in [{', '.join(values[:MOST_VALUES])}{more}]")
        return tuple(map(printable, parts))

    def factors(self, keys: Sequence[str]) -> tuple[tuple[int, str], ...]:
        """What steps of a node range over, and how many values each takes."""
        found = []
        for name in self.ranged:
            taken = {self.values(self.uses[key].arms, name) for key in keys}
            if len(taken) > 1:
                plural = "s" if name in (RECIPE, SEED) else ""
                found.append((len(taken), printable(name) + plural))
        evals = {self.uses[key].name for key in keys}
        if len(evals) > 1:
            found.append((len(evals), "evaluations"))
        positions = {self.uses[key].steps for key in keys}
        shares = {self.uses[key].position for key in keys}
        if len(shares) > 1:
            found.append((min(len(positions), len(shares)), "positions"))
        return tuple(found)


def _nodes(
    study: Study,
    groups: Mapping[tuple[object, ...], list[str]],
    uses: Mapping[str, Use],
    done: Collection[str],
    grouping: _Groups,
    separate: bool,
) -> tuple[list[Node], dict[str, int]]:
    steps = {step.key: step for step in study.steps}
    runs: dict[str, list[StageRun]] = {}
    for run in study.stages:
        for key in run.segments:
            runs.setdefault(key, []).append(run)
    cells: dict[tuple[int, str], list[Cell]] = {}
    for cell in study.cells:
        cells.setdefault((cell.arm, cell.stage), []).append(cell)
    nodes: list[Node] = []
    place: dict[str, int] = {}
    for keys in groups.values():
        first = uses[keys[0]]
        names = tuple(dict.fromkeys(uses[key].name for key in keys))
        exact = len({uses[key].title for key in keys}) == 1
        title = first.title if exact else first.name
        if not exact and first.measured:
            title = f"{first.name} after {first.stage}" if len(names) == 1 else f"after {first.stage}"
        shown = tuple(map(printable, names))
        node = Node(printable(first.op), printable(title), grouping.point(first), keys, names=shown)
        node.factors = grouping.factors(keys)
        for key in keys:
            step = steps[key]
            place[key] = len(nodes)
            node.done += key in done
            node.tokens += step.tokens
            node.flops += step.flops
            node.seconds += step.seconds
        node.parameters = _parameters(keys, steps, runs, cells)
        nodes.append(node)
    return nodes, place


def _parameters(
    keys: Iterable[str],
    steps: Mapping[str, PlannedStep],
    runs: Mapping[str, list[StageRun]],
    cells: Mapping[tuple[int, str], list[Cell]],
) -> dict[str, tuple[str, ...]]:
    """Values of each parameter over the steps of a node, the first few and then "..."."""
    found: dict[str, dict[str, None]] = {}
    seen: set[object] = set()
    for key in keys:
        own = runs.get(key, ())
        for source in own or (steps[key],):
            read = () if isinstance(source, PlannedStep) else cells.get((source.arm, source.stage), ())
            mark: object
            if isinstance(source, PlannedStep):
                mark = id(source.params)
            else:  # stages of several arms often share their settings
                amounts = tuple(cell.planned for cell in read)
                mark = (id(source.settings), source.steps, source.tokens, source.parent, amounts)
            if mark in seen:
                continue
            seen.add(mark)
            if isinstance(source, PlannedStep):
                named = step_parameters(source)
            else:
                named = stage_parameters(source, read)
            for name, value in named.items():
                values = found.setdefault(name, {})
                if len(values) <= MOST_VALUES:
                    values[value] = None
    return {
        name: (*list(values)[:MOST_VALUES], *(["..."] if len(values) > MOST_VALUES else []))
        for name, values in found.items()
    }


def _edges(steps: Iterable[PlannedStep], place: Mapping[str, int]) -> tuple[Edge, ...]:
    counted: dict[tuple[int, int, str], int] = {}
    for step in steps:
        for role, source in step.inputs.items():
            if source not in place:
                continue
            kind = "resume" if role == RESUME else "data" if role.startswith(("corpus", "data")) else "flow"
            ends = (place[source], place[step.key], kind)
            if ends[0] != ends[1]:
                counted[ends] = counted.get(ends, 0) + 1
    return tuple(Edge(*ends, number) for ends, number in counted.items())
