"""Why steps are new: the parameters that were changed, found where the change begins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from specc.difference.match import Pairs, settings_pairs
from specc.graph.axes import axis_text
from specc.graph.parameters import cut, flat, shown
from specc.steps import RESUME
from specc.study import Cell, PlannedStep, StageRun

DATA = "data"
"""Name of the cause that a stage reads other tokens."""

NEW = "new"
"""Name of causes that something is there which was not."""

POSITIONS = "positions"
"""Name of the cause that a stage is asked for more of its states."""

LENGTHS = {"steps", "phases", "sources", "intervals"}
"""Parameters that follow from how much a stage reads, where in it, and in steps of which size."""

SAYS = {
    "schedule": {"phases"},
    "model": set[str](),
    "steps": {"steps"},
    "replay": LENGTHS,
}
"""Settings of a stage -> parameters of its steps that they set; any other sets the one of its name."""


@dataclass(slots=True)
class Cause:
    """A difference of the recipes that makes steps new.

    Attributes:
        subject: stage, evaluation, corpus, model or axis that it is about. name: of what is
            different there, for instance `schedule.peak`; `DATA` or `NEW`.
        kind: of the subject: `stage`, `eval`, `arms`, or an operation.
        variants: what changed, as before and after -> arms of the second study.
        own: steps whose own parameters it changes. keys: all steps that it makes new.
        where: line that sets it; empty if unknown. also: other stages that inherit it.
    """

    subject: str
    name: str
    kind: str
    variants: dict[tuple[str, str], dict[int, None]] = field(default_factory=dict)
    own: set[str] = field(default_factory=set)
    keys: list[str] = field(default_factory=list)
    where: str = ""
    also: list[str] = field(default_factory=list)


Place = tuple[str, str, str]


@dataclass(slots=True)
class Found:
    """Causes by place, in order of finding, and those of each new step."""

    causes: dict[Place, Cause] = field(default_factory=dict)
    of_step: dict[str, frozenset[Place]] = field(default_factory=dict)


def causes_of(pairs: Pairs) -> Found:
    """Causes of all steps that only the second study has: their own, and those of their inputs."""
    found = Found()
    reading = _Reading(pairs, found)
    shared: dict[frozenset[Place], frozenset[Place]] = {}
    fresh = set(pairs.fresh)
    for key in pairs.fresh:
        step = pairs.second.steps[key]
        upstream: set[Place] = set()
        for role, source in step.inputs.items():
            if role != RESUME and source in fresh:
                upstream |= found.of_step[source]
        own = reading.own(step, upstream)
        for place in own:
            found.causes[place].own.add(key)
        places = frozenset(upstream | own)
        places = shared.setdefault(places, places)
        found.of_step[key] = places
        for place in places:
            found.causes[place].keys.append(key)
    return found


def join_inherited(found: Found) -> None:
    """Make one cause of a setting that one line sets for several stages."""
    kept: dict[tuple[object, ...], Place] = {}
    moved: dict[Place, Place] = {}
    for place, cause in found.causes.items():
        mark = (cause.where, cause.name, *cause.variants)
        if cause.kind != "stage" or not cause.where or cause.name in (DATA, NEW, POSITIONS):
            continue
        if mark not in kept:
            kept[mark] = place
            continue
        first = found.causes[kept[mark]]
        first.also.append(cause.subject)
        first.own |= cause.own
        for pair, arms in cause.variants.items():
            first.variants[pair].update(arms)
        moved[place] = kept[mark]
    if not moved:
        return
    renamed: dict[frozenset[Place], frozenset[Place]] = {}
    for key, places in found.of_step.items():
        if places not in renamed:
            renamed[places] = frozenset(moved.get(place, place) for place in places)
        found.of_step[key] = renamed[places]
    for place in moved:
        del found.causes[place]
    for cause in found.causes.values():
        cause.keys.clear()
    for key, places in found.of_step.items():
        for place in places:
            found.causes[place].keys.append(key)


class _Reading:
    def __init__(self, pairs: Pairs, found: Found) -> None:
        self.pairs = pairs
        self.found = found
        self._settings: dict[tuple[int, int], dict[str, tuple[str, str]]] = {}

    def cause(self, kind: str, subject: str, name: str, pair: tuple[str, str], arms: Iterable[int]) -> Place:
        place = (kind, subject, name)
        cause = self.found.causes.setdefault(place, Cause(subject, name, kind))
        cause.variants.setdefault(pair, {}).update(dict.fromkeys(arms))
        return place

    def _arms(self, step: PlannedStep) -> tuple[int, ...]:
        """Arms that need a step, of those that the first study has too if there are any."""
        arms = self.pairs.second.uses[step.key].arms
        return tuple(arm for arm in arms if arm in self.pairs.arms) or arms

    def own(self, step: PlannedStep, upstream: set[Place]) -> set[Place]:
        """Causes that lie in the step itself."""
        pairs = self.pairs
        arm, arms = pairs.arm_of(step.key), self._arms(step)
        other = pairs.steps.get(step.key)
        use = pairs.second.uses[step.key]
        if arm is not None and arm not in pairs.arms:
            return {self._new_arm(arm)}
        run, was = self._runs(arm, use.stage)
        if other is None:
            return self._nothing_before(step, arm, run, was, upstream)
        before = pairs.first.steps[other]
        if step.op != before.op:
            return {self.cause(self._kind(step), use.name, "operation", (before.op, step.op), arms)}
        differing = _differing(pairs.first.params(before), pairs.second.params(step))
        found = self._rewired(step, before, arm)
        if not differing:
            return found
        explained: set[str] = set()
        if run is not None and was is not None:
            found |= self._by_settings(use.stage, run, was, differing, explained, arms)
            if LENGTHS & differing.keys() and (tokens := self._tokens(use.stage, arms)):
                found.add(tokens)
                explained |= LENGTHS
        kind = self._kind(step)
        left = {name: pair for name, pair in differing.items() if name.split(".")[0] not in explained}
        if set(left) <= {"sources"} and (found or upstream):
            left = {}  # where a stage begins to read follows from what earlier ones have read
        for name, pair in left.items():
            if kind == "eval" and (name == "data" or name.endswith("corpus")):
                continue
            texts = (_given(pair[0]), _given(pair[1]))
            found.add(self.cause(kind, use.name, _short(name), texts, arms))
        return found

    def _kind(self, step: PlannedStep) -> str:
        use = self.pairs.second.uses[step.key]
        return "eval" if use.measured else "stage" if use.stage else step.op

    def _runs(self, arm: int | None, stage: str) -> tuple[StageRun | None, StageRun | None]:
        """A stage of an arm, now and before."""
        if arm is None or not stage:
            return None, None
        old = self.pairs.stages.get(stage)
        run = self.pairs.second.runs.get((arm, stage))
        return run, self.pairs.first.runs.get((self.pairs.arms[arm], old)) if old is not None else None

    def _by_settings(
        self,
        stage: str,
        run: StageRun,
        was: StageRun,
        differing: Iterable[str],
        explained: set[str],
        arms: Iterable[int],
    ) -> set[Place]:
        """Settings of the stage that explain what differs."""
        place = (id(was.settings), id(run.settings))
        pairs = self._settings.get(place)
        if pairs is None:
            pairs = self._settings[place] = settings_pairs(was.settings, run.settings)
        names = {name.split(".")[0] for name in differing}
        found = set()
        for name, pair in pairs.items():
            setting = name.split(".")[0]
            says = SAYS.get(setting, {setting})
            if says & names:
                found.add(self.cause("stage", stage, name, pair, arms))
                explained |= says
                if setting in ("batch", "sequence"):
                    explained |= LENGTHS
        return found

    def _cells(self, arm: int | None, stage: str) -> tuple[str, str] | None:
        """Tokens of corpora that a stage of an arm reads, before and after, where they differ."""
        if arm is None or arm not in self.pairs.arms:
            return None
        first, second = self.pairs.first, self.pairs.second
        old = self.pairs.stages.get(stage, stage)
        return cells_pair(
            first.cells.get((self.pairs.arms[arm], old), ()), second.cells.get((arm, stage), ())
        )

    def _tokens(self, stage: str, arms: Iterable[int]) -> Place | None:
        """The cause that arms read other tokens in a stage; None if they don't.

        Arms that share a step now may have had steps of their own, with different tokens.
        """
        place = None
        for arm in arms:
            if cells := self._cells(arm, stage):
                place = self.cause("stage", stage, DATA, cells, (arm,))
        return place

    def _rewired(self, step: PlannedStep, before: PlannedStep, arm: int | None) -> set[Place]:
        """Inputs that come from another place than before, where what they come from is not new itself."""
        pairs = self.pairs
        use, was = pairs.second.uses[step.key], pairs.first.uses[before.key]
        arms = self._arms(step)
        old_arm = pairs.arms.get(arm) if arm is not None else None
        mine = pairs.second.roles(step, arm, use.stage)
        theirs = pairs.first.roles(before, old_arm, was.stage)
        found = set()
        for role in dict.fromkeys((*theirs, *mine)):
            now, then = mine.get(role), theirs.get(role)
            if now == then or (now is not None and pairs.steps.get(now) == then):
                continue
            if role.startswith("corpus ") and (now is None or then is None):
                continue  # told with the tokens that the stage reads
            names = tuple(
                "none" if key is None else side.uses[key].title
                for side, key in ((pairs.first, then), (pairs.second, now))
            )
            if names[0] == names[1] and now not in pairs.first.steps:
                continue  # it is new itself, and says why
            word = {"parent": "from", "checkpoint": "after", "corpus0": "corpus"}.get(role, role)
            found.add(self.cause(self._kind(step), use.name, word, (names[0], names[1]), arms))
        return found

    def _nothing_before(
        self,
        step: PlannedStep,
        arm: int | None,
        run: StageRun | None,
        was: StageRun | None,
        upstream: set[Place],
    ) -> set[Place]:
        """Causes of a step that has no counterpart: a new stage, evaluation, state, corpus or model."""
        use = self.pairs.second.uses[step.key]
        arms = self._arms(step)
        if use.measured:
            known = {measure.eval for measure in self.pairs.first.study.measures}
            if use.name not in known:
                return {self.cause("eval", use.name, NEW, ("", f"after {use.stage}"), arms)}
            if use.stage in self.pairs.second.stages and use.stage not in self.pairs.stages:
                return set() if upstream else {self.cause("stage", use.stage, NEW, ("", ""), arms)}
            return set() if upstream else {self.cause("eval", use.name, POSITIONS, ("", use.title), arms)}
        if not use.stage:
            return set() if upstream else {self.cause(step.op, use.name, NEW, ("", ""), arms)}
        if was is None or run is None:
            return {self.cause("stage", use.stage, NEW, ("", ""), arms)}
        found: set[Place] = set()
        last = self.pairs.second.steps[run.segments[-1]]
        if not was.segments:
            whole = ("0 tokens", f"{run.tokens:,} tokens")
            return {self._tokens(use.stage, arms) or self.cause("stage", use.stage, DATA, whole, arms)}
        before = self.pairs.first.steps[was.segments[-1]]
        # A state in the middle is compared with the end of its stage, but for how long it is trained.
        differing = _differing(before.params, last.params)
        explained: set[str] = set()
        found |= self._by_settings(use.stage, run, was, differing, explained, arms)
        if LENGTHS & differing.keys() and (tokens := self._tokens(use.stage, arms)):
            found.add(tokens)
        if not found and not upstream:
            found.add(self.cause("stage", use.stage, POSITIONS, ("", use.title), arms))
        return found

    def _new_arm(self, number: int) -> Place:
        """What makes an arm new: its recipe, its seed, an axis or a value of one."""
        before, after = self.pairs.first.study, self.pairs.second.study
        arm = after.arms[number]
        if arm.recipe not in {each.recipe for each in before.arms}:
            return self.cause("arms", "recipe", arm.recipe, ("", "new"), (number,))
        if arm.seed not in before.seeds:
            return self.cause("arms", "seeds", NEW, ("", f"seed {arm.seed}"), (number,))
        known = {axis.name: axis for axis in before.axes}
        for axis in after.axes:
            value = arm.axes.get(axis.name)
            text = axis_text(value, axis.type)
            if axis.name not in known or value not in known[axis.name].values:
                return self.cause("arms", axis.name, NEW, ("", text), (number,))
        return self.cause("arms", "points", NEW, ("", "of the sweep"), (number,))


_ABSENT = object()
"""Stands for a parameter that a step doesn't have."""


def _differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[object, object]]:
    """Parameters that differ, by path: before and after."""
    if before == after:
        return {}
    olds, news = dict(flat(before)), dict(flat(after))
    return {
        name: (olds.get(name, _ABSENT), news.get(name, _ABSENT))
        for name in dict.fromkeys((*olds, *news))
        if olds.get(name, _ABSENT) != news.get(name, _ABSENT)
    }


def _given(value: object) -> str:
    if value is _ABSENT:
        return "default"
    return "none" if value in ("", None) else cut(shown(value))


def _short(name: str) -> str:
    """A parameter's path without the component that it belongs to, where that is the step's only one."""
    head, dot, rest = name.partition(".")
    return rest if dot and head in ("reader", "architecture", "evaluator", "component", "data") else name


def cells_pair(before: Iterable[Cell], after: Iterable[Cell]) -> tuple[str, str] | None:
    """What of the tokens of two stages differs, and where they lie, as texts; None if nothing.

    What is read again is left out: it follows from the setting `replay`.
    """
    olds, news = (
        {cell.corpus: (cell.nominal, cell.place) for cell in cells if not cell.replay_of}
        for cells in (before, after)
    )
    none = (0, "")
    changed = [name for name in dict.fromkeys((*olds, *news)) if olds.get(name, none) != news.get(name, none)]
    if not changed:
        return None
    old, new = (
        ", ".join(
            f"{name} {tokens:,} {place}".rstrip()
            for name in changed
            for tokens, place in [side.get(name, none)]
        )
        for side in (olds, news)
    )
    return old, new
