"""What a step is for, what it comes from, and whether it is done."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path

from pydantic import Field

from specc.errors import CorruptArtifact
from specc.execute.status import run_folder, run_numbers
from specc.graph.axes import arm_text, points_text
from specc.graph.parameters import stage_parameters, step_parameters
from specc.graph.uses import Use, consumers_of, lineage, uses_of
from specc.steps import RESUME, Frozen
from specc.store import Manifest, Store
from specc.study import Cell, PlannedStep, StageRun, Study
from specc.why.needs import comparisons_of, expectations_of

Where = Callable[[str, str, str], str]
"""Stage, setting and recipe -> the line that sets it; empty if unknown."""


class Done(Frozen):
    """How a step was done.

    Attributes:
        started: UTC, ISO 8601. seconds: that it took. run: number of the run that did it; 0 if unknown.
    """

    started: str
    seconds: float
    device: str
    code: str
    run: int = 0


class Link(Frozen):
    """A step that the one asked for comes from, or itself.

    Attributes:
        role: input of `of` that it is; empty for the step itself.
        of: readable name of the step that uses it, the nearest one. begins: whether it uses none.
        parameters: what sets it, by name. places: lines that set them, where known.
    """

    key: str
    op: str
    label: str
    role: str = ""
    of: str = ""
    begins: bool = False
    done: bool
    parameters: dict[str, str]
    places: dict[str, str] = Field(default_factory=dict)


class Answer(Frozen):
    """A step in its study.

    Attributes:
        arms: how many need it, of `arms_total`; `points` says which.
        users: steps that use what it makes: readable name -> steps. evaluations: the same for all
            evaluations that descend from it. downstream: all steps that do.
        expectations, comparisons: that need results of these evaluations.
        chain: the step and all that it comes from, nearest first.
        resumes: label of an earlier state that its training goes on from, without depending on it.
        waits: labels of inputs that are to do.
    """

    key: str
    op: str
    label: str
    experiment: str
    arms: int
    arms_total: int
    points: str
    users: dict[str, int]
    evaluations: dict[str, int]
    downstream: int
    expectations: tuple[str, ...]
    comparisons: tuple[str, ...]
    chain: tuple[Link, ...]
    resumes: str = ""
    waits: tuple[str, ...] = ()
    done: Done | None = None
    tokens: int = 0
    flops: float = 0.0
    seconds: float = 0.0


def answer(study: Study, key: str, store: Store, where: Where | None = None) -> Answer:
    """What is known of a step of a study.

    Args:
        where: lines that set the settings of a stage, if the recipe was read.
    """
    steps = {step.key: step for step in study.steps}
    uses = uses_of(study)
    step, use = steps[key], uses[key]
    consumers = consumers_of(study.steps)
    below = lineage([key], consumers)
    measures = [measure for measure in study.measures if measure.key in below]
    finished = {source for source in step.inputs.values() if store.has(source)}
    resumes = step.inputs.get(RESUME)
    return Answer(
        key=key,
        op=step.op,
        label=step.label,
        experiment=study.experiment,
        arms=len(use.arms),
        arms_total=len(study.arms),
        points=_points(study, use),
        users=_counted(uses, consumers.get(key, ())),
        evaluations=_counted(uses, dict.fromkeys(measure.key for measure in measures)),
        downstream=len(below) - 1,
        expectations=tuple(expectations_of(study, measures)),
        comparisons=tuple(comparisons_of(study, {measure.eval for measure in measures})),
        chain=_chain(study, steps, uses, key, store.has, where),
        resumes=steps[resumes].label if resumes in steps else "",
        waits=tuple(
            steps[source].label
            for role, source in step.inputs.items()
            if source not in finished and role != RESUME and source in steps
        ),
        done=done_by(store, key),
        tokens=step.tokens,
        flops=step.flops,
        seconds=step.seconds,
    )


def _points(study: Study, use: Use) -> str:
    if len(use.arms) == 1:
        return arm_text(study, study.arms[use.arms[0]])
    return points_text(study, use.arms) if use.arms else ""


def _counted(uses: dict[str, Use], keys: Collection[str]) -> dict[str, int]:
    return dict(Counter(uses[key].title for key in keys))


def _chain(
    study: Study,
    steps: dict[str, PlannedStep],
    uses: dict[str, Use],
    key: str,
    has: Callable[[str], bool],
    where: Where | None,
) -> tuple[Link, ...]:
    runs: dict[str, StageRun] = {}
    cells: dict[tuple[int, str], list[Cell]] = {}
    for cell in study.cells:
        cells.setdefault((cell.arm, cell.stage), []).append(cell)
    for each in study.stages:
        for segment in each.segments:
            runs.setdefault(segment, each)
    found: list[Link] = []
    seen = {key: ("", "")}
    waiting = [key]
    for current in waiting:  # which grows on the way
        step, run = steps[current], runs.get(current)
        places = {}
        read = cells.get((run.arm, run.stage), []) if run is not None else []
        if run is None:
            parameters = step_parameters(step)
        else:
            end = step.params.get("steps", run.steps)
            parameters = stage_parameters(run, read if end == run.steps else (), end)
            if where is not None:
                recipe = study.arms[run.arm].recipe
                places = {name: where(run.stage, name, recipe) for name in run.settings}
        role, of = seen[current]
        found.append(
            Link(
                key=current,
                op=step.op,
                label=step.label,
                role=role,
                of=of,
                begins=not step.inputs,
                done=has(current),
                parameters=parameters,
                places={name: place for name, place in places.items() if place},
            )
        )
        for role, source in step.inputs.items():
            if role != RESUME and source in steps and source not in seen:
                corpus = next((cell.corpus for cell in read if cell.role == role), None)
                if corpus is None and role.startswith("corpus"):
                    corpus = uses[source].name
                seen[source] = (f"corpus {corpus}" if corpus else role, uses[current].title)
                waiting.append(source)
    return tuple(found)


def done_by(store: Store, key: str) -> Done | None:
    """How a step was done; None if it isn't."""
    if not store.has(key):
        return None
    try:
        made = store.manifest(key).provenance
    except CorruptArtifact:
        return Done(started="", seconds=0.0, device="", code="")
    return Done(
        started=made.started,
        seconds=made.wall_seconds,
        device=made.device,
        code=made.versions.get("specc", ""),
        run=_run_of(store.workspace, key),
    )


def _run_of(workspace: Path, key: str) -> int:
    """The latest run that says it has finished a step; 0 if none does."""
    mark = key.encode()
    for number in reversed(run_numbers(workspace)):
        try:
            with open(run_folder(workspace, number) / "events.jsonl", "rb") as file:
                for line in file:
                    if mark in line and _finished(line, key):
                        return number
        except OSError:
            continue
    return 0


def _finished(line: bytes, key: str) -> bool:
    try:
        event = json.loads(line)
    except ValueError:
        return False
    return isinstance(event, dict) and event.get("event") == "finished" and event.get("key") == key


def study_of_store(store: Store, key: str) -> Study:
    """A finished step that no plan has any more, and all that it comes from, as its manifests say.

    Raises:
        CorruptArtifact: if its manifest can't be read.
    """
    steps: dict[str, PlannedStep] = {}
    waiting = [key]
    for current in waiting:  # which grows on the way
        if current in steps:
            continue
        try:
            manifest = store.manifest(current)
        except CorruptArtifact:
            if current == key:
                raise
            continue
        steps[current] = _planned(manifest)
        waiting += manifest.inputs.values()
    kept = [
        PlannedStep(
            **{
                name: getattr(step, name)
                for name in ("key", "op", "params", "execution", "label", "tokens", "flops", "seconds")
            },
            inputs={role: source for role, source in step.inputs.items() if source in steps},
        )
        for step in reversed(steps.values())
    ]
    return Study(experiment=steps[key].label.partition("/")[0], steps=tuple(kept))


def _planned(manifest: Manifest) -> PlannedStep:
    return PlannedStep(
        key=manifest.key,
        op=manifest.op,
        inputs=manifest.inputs,
        params=manifest.params,
        execution={},
        label=manifest.label,
    )
