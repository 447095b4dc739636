"""What was measured, apart from the checkpoint: results that differ in it don't pair.

Also what an evaluation's numbers are: their unit, and whether lower or higher ones are better.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from specc.canonical import canonical_json, digest
from specc.components.builtin import BUILTIN
from specc.steps import PARAMS, VERSIONS, identity
from specc.study import Evaluation, PlannedStep, Study

_CHECKPOINT = "checkpoint"


def data_identities(study: Study) -> dict[str, str]:
    """Of each step that measures: the identity of what it measures on, and how; by its key.

    SHA-256 over the operation, its version, its identity (evaluator, arguments, data set, window in
    tokens) and the keys of its inputs but for the checkpoint. 64 hex digits.
    """
    steps = {step.key: step for step in study.steps}
    known: dict[tuple[str, ...], str] = {}
    found: dict[str, str] = {}
    for measure in study.measures:
        step = steps.get(measure.key)
        if step is None or measure.key in found:
            continue
        inputs = {role: key for role, key in step.inputs.items() if role != _CHECKPOINT}
        place = (step.op, canonical_json(step.params), *sorted(inputs.values()), *sorted(inputs))
        if place not in known:
            known[place] = digest(
                {
                    "op": step.op,
                    "version": VERSIONS.get(step.op, 0),
                    "identity": _identity(step),
                    "inputs": inputs,
                }
            )
        found[measure.key] = known[place]
    return found


def _identity(step: PlannedStep) -> Mapping[str, Any]:
    """What of the parameters enters the key; of an operation that is not known here, all of them."""
    kind = PARAMS.get(step.op)
    try:
        return step.params if kind is None else identity(kind.model_validate(step.params))
    except ValidationError:
        return step.params


def evaluations(study: Study) -> list[Evaluation]:
    """The evaluations of a study, in the order in which they are measured.

    A plan of an older specc doesn't tell what is better; then it is what components with that metric say.
    """
    told = {(each.eval, each.metric): each for each in study.evaluations}
    measured = dict.fromkeys((measure.eval, measure.metric) for measure in study.measures)
    return [told.get(place) or _by_metric(*place) for place in (told | measured)]


def _by_metric(name: str, metric: str) -> Evaluation:
    for signature in BUILTIN:
        if signature.metric and signature.metric == metric:
            better = signature.better
            return Evaluation(eval=name, metric=metric, unit=signature.unit, better=better)  # type: ignore[arg-type]
    return Evaluation(eval=name, metric=metric)
