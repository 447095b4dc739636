"""Which arm, stage and step of one study is which of another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from specc.graph.plan import ordered
from specc.graph.uses import Use, uses_of
from specc.steps import RESUME
from specc.study import Arm, Cell, PlannedStep, StageRun, Study


@dataclass
class Side:
    """One of two studies, by its parts."""

    study: Study

    @cached_property
    def steps(self) -> dict[str, PlannedStep]:
        return {step.key: step for step in self.study.steps}

    @cached_property
    def uses(self) -> dict[str, Use]:
        return uses_of(self.study)

    @cached_property
    def runs(self) -> dict[tuple[int, str], StageRun]:
        return {(run.arm, run.stage): run for run in self.study.stages}

    @cached_property
    def stages(self) -> list[str]:
        return list(dict.fromkeys(run.stage for run in self.study.stages))

    @cached_property
    def cells(self) -> dict[tuple[int, str], list[Cell]]:
        found: dict[tuple[int, str], list[Cell]] = {}
        for cell in self.study.cells:
            found.setdefault((cell.arm, cell.stage), []).append(cell)
        return found

    @cached_property
    def places(self) -> dict[tuple[object, ...], str]:
        """Keys of states and evaluations by arm and place; the place is a share of the stage."""
        found: dict[tuple[object, ...], str] = {}
        for run in self.study.stages:
            ends = run.ends or (run.steps,) * len(run.segments)
            for key, end in zip(run.segments, ends, strict=False):
                found[run.arm, run.stage, end / run.steps if run.steps else 1.0] = key
        for measure in self.study.measures:
            found[measure.arm, measure.eval, measure.stage, measure.position] = measure.key
        return found

    def roles(self, step: PlannedStep, arm: int | None, stage: str) -> dict[str, str]:
        """Inputs of a step by what they are.

        Corpora of a stage go by their names; inputs that are numbered, whose order need not mean
        anything, by what is read.
        """
        cells = self.cells.get((arm, stage), ()) if arm is not None else ()
        names = (
            {cell.role: f"corpus {cell.title} {cell.replay_of}".rstrip() for cell in cells}
            if step.op == "train"
            else {}
        )
        names = self.numbered(step) | names
        return {names.get(role, role): key for role, key in step.inputs.items() if role != RESUME}

    def numbered(self, step: PlannedStep) -> dict[str, str]:
        """Numbered inputs of a step ("checkpoint0", ...) -> what they are, if that tells them apart."""
        found = {
            role: f"{role.rstrip('0123456789')} {self.uses[key].title}"
            for role, key in step.inputs.items()
            if role[-1:].isdigit()
        }
        return found if len(set(found.values())) == len(found) > 1 else {}

    def params(self, step: PlannedStep) -> Mapping[str, Any]:
        """Parameters of a step; lists with a member for each numbered input in the order of their names."""
        numbered = self.numbered(step) if step.op != "train" else {}
        if not numbered:
            return step.params
        order = sorted(range(len(numbered)), key=list(numbered.values()).__getitem__)
        return {
            name: [value[place] for place in order]
            if isinstance(value, list | tuple) and len(value) == len(order)
            else value
            for name, value in step.params.items()
        }


@dataclass
class Pairs:
    """Parts of the second study and what they were in the first.

    Attributes:
        arms, stages, steps: of the second -> of the first. Steps that have the same key are not listed.
        fresh: keys of steps that only the second has, each after its inputs.
    """

    first: Side
    second: Side
    arms: dict[int, int]
    stages: dict[str, str]
    fresh: list[str] = field(default_factory=list)
    steps: dict[str, str] = field(default_factory=dict)

    def arm_of(self, key: str) -> int | None:
        """An arm of the second study that needs a step, one that the first has if there is any."""
        arms = self.second.uses[key].arms
        return next((arm for arm in arms if arm in self.arms), arms[0] if arms else None)


def matched(first: Study, second: Study) -> Pairs:
    """Pair two studies of what is, by and large, the same experiment."""
    before, after = Side(first), Side(second)
    pairs = Pairs(before, after, _arms(before, after), _stages(before.stages, after.stages))
    known = before.steps
    pairs.fresh = [key for key in ordered(second.steps) if key not in known]
    _pair_steps(pairs)
    return pairs


def _stages(before: list[str], after: list[str]) -> dict[str, str]:
    """Stages by name; a single one that has no namesake is the single one that lost it, at the same place."""
    found = {name: name for name in after if name in before}
    new = [name for name in after if name not in found]
    gone = [name for name in before if name not in found]
    if len(new) == len(gone) == 1 and after.index(new[0]) == before.index(gone[0]):
        found[new[0]] = gone[0]
    return found


def _arms(before: Side, after: Side) -> dict[int, int]:
    """Arms by recipe, seed and the axes that both studies have.

    An axis that only one of them has makes several arms of one. The one that shares most with it is
    its counterpart; the others are new, or gone.
    """
    common = [axis.name for axis in after.study.axes if axis.name in {a.name for a in before.study.axes}]

    def place(arm: Arm) -> tuple[object, ...]:
        return arm.recipe, arm.seed, *(arm.axes.get(name) for name in common)

    groups: dict[tuple[object, ...], tuple[list[int], list[int]]] = {}
    for number, study in enumerate((before.study, after.study)):
        for arm in study.arms:
            groups.setdefault(place(arm), ([], []))[number].append(arm.arm)
    found: dict[int, int] = {}
    for old, new in groups.values():
        if len(old) == len(new) == 1:
            found[new[0]] = old[0]
        elif old and new:
            found |= _likest(old, new, before, after)
    return found


def _likest(old: list[int], new: list[int], before: Side, after: Side) -> dict[int, int]:
    """Each to the one that it shares most checkpoints with, then most settings; each once."""

    def parts(arm: int, side: Side) -> tuple[set[str], set[str]]:
        runs = [side.runs[arm, stage] for stage in side.stages if (arm, stage) in side.runs]
        settings = {f"{run.stage} {name} {value}" for run in runs for name, value in run.settings.items()}
        return {run.checkpoint for run in runs}, settings

    olds = [(arm, *parts(arm, before)) for arm in old]
    news = [(arm, *parts(arm, after)) for arm in new]
    found: dict[int, int] = {}
    if len(olds) * len(news) > 40_000:
        return dict(zip(new, old, strict=False))
    scored = sorted(
        (-len(keys & other_keys), -len(settings & other_settings), arm, other)
        for arm, keys, settings in news
        for other, other_keys, other_settings in olds
    )
    taken: set[int] = set()
    for *_, arm, other in scored:
        if arm not in found and other not in taken:
            found[arm] = other
            taken.add(other)
    return found


def _pair_steps(pairs: Pairs) -> None:
    """States and evaluations by arm and place, all others by what uses them, then by name."""
    before, after = pairs.first, pairs.second
    named: dict[tuple[str, str, tuple[int, ...]], str] = {}
    loosely: dict[tuple[str, str], str] = {}
    for key, use in before.uses.items():
        named.setdefault((use.op, use.name, use.arms), key)
        loosely.setdefault((use.op, use.name), key)
    for key in reversed(pairs.fresh):
        use = after.uses[key]
        if key not in pairs.steps:
            found = _by_place(pairs, key, use)
            if found is None and not use.stage and any(arm in pairs.arms for arm in use.arms):
                arms = tuple(sorted(pairs.arms[arm] for arm in use.arms if arm in pairs.arms))
                found = named.get((use.op, use.name, arms)) or loosely.get((use.op, use.name))
            if found is None:
                continue
            pairs.steps[key] = found
        arm = pairs.arm_of(key)
        if arm not in pairs.arms:
            continue
        step, other = after.steps[key], before.steps[pairs.steps[key]]
        theirs = before.roles(other, pairs.arms[arm], before.uses[other.key].stage)
        for role, source in after.roles(step, arm, use.stage).items():
            unknown = source not in before.steps and not after.uses[source].stage
            if unknown and role in theirs and after.steps[source].op == before.steps[theirs[role]].op:
                pairs.steps.setdefault(source, theirs[role])


def _by_place(pairs: Pairs, key: str, use: Use) -> str | None:
    if not use.stage:
        return None
    # What is measured may be an expression, which no stage is called.
    stage = pairs.stages.get(use.stage, use.stage if use.measured else None)
    for arm in use.arms:
        if arm in pairs.arms and stage is not None:
            name = (use.name,) if use.measured else ()
            found = pairs.first.places.get((pairs.arms[arm], *name, stage, use.position))
            if found is not None:
                return found
    return None


def settings_pairs(before: Mapping[str, object], after: Mapping[str, object]) -> dict[str, tuple[str, str]]:
    """Settings of a stage that differ, down to a component's argument: name -> before and after."""
    from specc.graph.parameters import arguments, shown

    found: dict[str, tuple[str, str]] = {}
    for name in dict.fromkeys((*before, *after)):
        old, new = (shown(side.get(name)) for side in (before, after))
        if old == new or name == "parameters":
            continue
        olds, news = arguments(old), arguments(new)
        if olds is None or news is None or olds[""] != news[""]:
            found[name] = (old, new)
            continue
        for argument in dict.fromkeys((*olds, *news)):
            pair = (olds.get(argument, "default"), news.get(argument, "default"))
            if pair[0] != pair[1]:
                found[f"{name}.{argument}"] = pair
    return found
