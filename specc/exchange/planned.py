"""Arms of other tools as a study: a plan whose steps were done elsewhere, and the numbers of these steps."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from specc.canonical import digest
from specc.components.builtin import BUILTIN
from specc.exchange.arms import Arranged
from specc.exchange.foreign import (
    MOST_CHARACTERS,
    ForeignResult,
    ForeignRun,
    Scalar,
    Source,
    moment,
    refused,
)
from specc.exchange.sources.tables import Told, measured_by
from specc.results.numbers import as_json
from specc.study import IMPORTED, Arm, Evaluation, Measure, PlannedStep, StageRun, Study

_OF_SYSTEM = ("system/", "system.", "_")
"""What names of logged values that are about the machine begin with."""


@dataclass(slots=True)
class Planned:
    """A study and its numbers: rows of the files that `specc.results.numbers` describes."""

    study: Study
    steps: list[tuple[Any, ...]] = field(default_factory=list)
    metrics: list[tuple[Any, ...]] = field(default_factory=list)
    samples: list[tuple[Any, ...]] = field(default_factory=list)
    started: list[tuple[Any, ...]] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)


def planned(
    experiment: str,
    source: Source,
    arranged: Arranged,
    told: Told,
    data: str,
    better: Mapping[str, Literal["lower", "higher"]],
    path: str,
) -> Planned:
    """The plan and the numbers of an experiment.

    Args:
        data: names the data that results were measured on; those of two imports pair only if it is the same.
        better: by evaluation. path: of the source, as it was given.
    Raises:
        QueryError: if there are no results.
    """
    arms: list[Arm] = []
    stages: list[StageRun] = []
    measures: list[Measure] = []
    steps: dict[str, PlannedStep] = {}
    evaluations: dict[tuple[str, str], Evaluation] = {}
    made = Planned(Study(experiment=experiment))
    shown = arranged.arms
    _see_names([placed.run for placed in shown], told)
    results = {placed.run.name: list(_results(placed.run, told)) for placed in shown}
    wanted = _wanted(results.values())
    if not wanted:
        refused("there are no results in it", "name one of what is logged: `--map NAME=result`")
    for number, placed in enumerate(shown):
        run = placed.run
        label = "/".join(
            [
                experiment,
                *([placed.recipe] if placed.recipe != "base" else []),
                *(f"{name}={_written(value)}" for name, value in placed.axes.items()),
                f"seed={placed.seed}",
            ]
        )
        arms.append(Arm(arm=number, recipe=placed.recipe, axes=placed.axes, seed=placed.seed, label=label))
        made.labels[label] = f"{run.title} ({run.name})" if run.title and run.title != run.name else run.name
        own = {(each.stage, each.eval, each.metric): each for each in results[run.name]}
        before = ""
        for stage in _stages(run, wanted):
            place = {"experiment": experiment, "source": source.digest, "run": run.name, "stage": stage}
            key = digest({"imported": place, "mapping": _told(told)})
            trained = _last(run, stage)
            steps[key] = _step(key, f"{label}/{stage}", {"parent": before} if before else {}, place)
            stages.append(
                StageRun(
                    arm=number,
                    stage=stage,
                    parent=stages[-1].stage if before else "",
                    steps=trained,
                    tokens=max(run.tokens.get(stage, {}).values(), default=0),
                    flops=0.0,
                    segments=(key,),
                    ends=(trained,),
                    checkpoint=key,
                    settings={
                        name: _setting(value)
                        for name, value in run.parameters.items()
                        if name not in arranged.parted
                    },
                )
            )
            before = key
            _add_training(made, run, stage, key, label)
            for of_stage, name, metric in wanted:
                if of_stage != stage:
                    continue
                result = own.get((stage, name, metric))
                evaluation = Evaluation(
                    eval=name, metric=metric, better=better.get(name) or _better(result, metric)
                )
                if evaluation.better or (name, metric) not in evaluations:
                    evaluations[name, metric] = evaluation
                measured = {"eval": name, "metric": metric, "data": (result.data if result else "") or data}
                eval_key = digest(
                    {"imported": {**place, "eval": name, "metric": metric}, "mapping": _told(told)}
                )
                steps[eval_key] = _step(eval_key, f"{label}/{name}/{stage}", {"checkpoint": key}, measured)
                measures.append(
                    Measure(
                        arm=number,
                        eval=name,
                        metric=metric,
                        stage=stage,
                        position=1.0,
                        steps=trained,
                        tokens=stages[-1].tokens,
                        key=eval_key,
                    )
                )
                if result is not None and run.state == "done":
                    made.steps.append(_row(eval_key, run, measured, result))
                    made.samples += [
                        (eval_key, each.document, each.value, 1, each.prediction, each.target)
                        for each in result.samples
                    ]
    made.study = Study(
        experiment=experiment,
        description=f"imported from {path}",
        spec=path,
        spec_digest=source.digest,
        axes=arranged.axes,
        seeds=tuple(sorted({arm.seed for arm in arms})),
        arms=tuple(arms),
        stages=tuple(stages),
        measures=tuple(measures),
        evaluations=tuple(evaluations.values()),
        steps=tuple(steps.values()),
    )
    return made


def _see_names(runs: Sequence[ForeignRun], told: Told) -> None:
    """See that what was told to be a result, or to be logged only, is there."""
    logged = dict.fromkeys(name for run in runs for _, name in run.logged)
    known = logged | dict.fromkeys(result.eval for run in runs for result in run.results)
    for role in ("result", "logged"):
        for name in told.of(role):
            if name not in known and told.called(name) not in known:
                listed = ", ".join(f"`{each}`" for each in list(known)[:30]) or "nothing"
                refused(f"nothing is logged as `{name}`", f"logged: {listed}")


def _told(told: Told) -> dict[str, Any]:
    return {"roles": dict(told.roles), "names": dict(told.names)}


def _results(run: ForeignRun, told: Told) -> Iterator[ForeignResult]:
    """Results of a run: its own, else the last values of what was logged, or of what was told."""
    asked = set(told.of("result"))
    called = {told.called(name) for name in asked}
    not_asked = {told.called(name) for role in ("logged", "skip") for name in told.of(role)}
    if run.results:
        # The last value of a log is that of its last training step, whatever the order of rows.
        for result in run.results:
            values = run.logged.get((result.stage, result.eval))
            last = max(values, key=lambda pair: pair[0])[1] if values else result.value
            yield result if values is None else replace(result, value=last)
        return
    for (stage, logged), values in run.logged.items():
        name = told.called(logged)
        if (called and name not in called) or name in not_asked:
            continue
        if not called and logged.startswith(_OF_SYSTEM):
            continue
        yield ForeignResult(name, measured_by(name), max(values, key=lambda pair: pair[0])[1], stage)


def _wanted(found: Any) -> list[tuple[str, str, str]]:
    """Stage, evaluation and metric of all results that some run has."""
    return list(dict.fromkeys((each.stage, each.eval, each.metric) for results in found for each in results))


def _stages(run: ForeignRun, wanted: Sequence[tuple[str, str, str]]) -> list[str]:
    """Stages of a run in the order of the source; a run without any is to have those of the others."""
    own = dict.fromkeys([stage for stage, _ in run.logged] + [each.stage for each in run.results])
    return list(own or dict.fromkeys(stage for stage, _, _ in wanted))


def _last(run: ForeignRun, stage: str) -> int:
    """Training steps of a stage: the last one that something was logged at."""
    return max(
        (step for (of, _), values in run.logged.items() if of == stage for step, _ in values), default=0
    )


def _add_training(made: Planned, run: ForeignRun, stage: str, key: str, label: str) -> None:
    tokens = run.tokens.get(stage, {})
    for (of, name), values in run.logged.items():
        if of == stage:
            # What was logged twice at a training step: the later one is of a restart.
            for step, value in dict(values).items():
                made.metrics.append((key, step, tokens.get(step), None, name, value))
    if run.state == "done":
        made.steps.append(_row(key, run, {"stage": stage}, None))
    else:
        made.started.append((key,))
    if run.state == "failed":
        made.failed.append((key, run.reason or "it failed"))


def _row(
    key: str, run: ForeignRun, params: Mapping[str, Any], result: ForeignResult | None
) -> tuple[Any, ...]:
    """Row of the file `steps`."""
    outputs: dict[str, Any] = {}
    if result is not None:
        finite = math.isfinite(result.value)
        outputs = {"metric": result.metric, "value": result.value if finite else None, "n": result.n}
    stderr = result.stderr if result is not None else None
    return (
        key,
        1,
        moment(run.started) if result is None else None,
        run.seconds if result is None else None,
        None,
        None,
        None,
        None,
        None,
        None,
        as_json(params),
        as_json(outputs),
        result.value if result is not None else None,
        result.n if result is not None else None,
        stderr if stderr is not None and math.isfinite(stderr) else None,
    )


def _step(key: str, label: str, inputs: dict[str, str], params: dict[str, Any]) -> PlannedStep:
    return PlannedStep(key=key, op=IMPORTED, inputs=inputs, params=params, execution={}, label=label)


def _better(result: ForeignResult | None, metric: str) -> Literal["lower", "higher", ""]:
    if result is not None and result.better:
        return result.better
    for signature in BUILTIN:
        if signature.metric and signature.metric == metric:
            return signature.better  # type: ignore[return-value]
    return ""


def _written(value: Any) -> str:
    """A value of an axis as an arm's label has it."""
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if _short(value) else str(value)


def _short(value: Any) -> bool:
    return isinstance(value, float) and float(f"{value:g}") == value


def _setting(value: Scalar) -> Any:
    """A parameter as a setting of a stage: numbers stay, of a long text the beginning."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, str):
        return value if len(value) <= MOST_CHARACTERS else value[: MOST_CHARACTERS - 3] + "..."
    return value
