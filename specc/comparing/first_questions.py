"""What a reader of an experiment wants to see first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specc.comparing.measures import Place, places
from specc.comparing.model import Question
from specc.comparing.rows import Source
from specc.results.measured import evaluations
from specc.results.schema import axis_columns
from specc.study import BASE, Study

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MOST = 24
"""Questions asked of one experiment."""


def questions(connection: DuckDBPyConnection, study: Study) -> list[Question]:
    """The main questions of an experiment: what is measured at the ends of stages, later stages first, by
    the recipes and by each axis.

    By recipe, arms with equal axes pair; by an axis, those of the recipe as written that are alike in the
    other axes. Empty if nothing is measured, or there is only one arm for each seed.
    """
    known = [each for each in places([Source(connection)], [study.experiment]) if each.position == 1]
    return [
        question_of(study, place, (by,), given) for place in known for by, given in _factors(study, place)
    ][:MOST]


def question_of(study: Study, place: Place, by: tuple[str, ...], given: dict[str, str]) -> Question:
    """The question for a result, with its unit and what is better."""
    number = next(
        (each for each in evaluations(study) if (each.eval, each.metric) == (place.eval, place.metric)), None
    )
    return Question(
        experiments=(study.experiment,),
        eval=place.eval,
        metric=place.metric,
        stage=place.stage,
        position=place.position,
        better=number.better if number else "",
        by=by,
        given=given,
        unit=number.unit if number else "",
    )


def _factors(study: Study, place: Place) -> list[tuple[str, dict[str, str]]]:
    """Names by which arms differ that have a result, with what the others are held at."""
    having = {
        measure.arm
        for measure in study.measures
        if (measure.eval, measure.metric, measure.stage) == (place.eval, place.metric, place.stage)
    }
    arms = [arm for arm in study.arms if arm.arm in having]
    recipes = list(dict.fromkeys(arm.recipe for arm in arms))
    written = [arm for arm in arms if arm.recipe == BASE] or arms
    found: list[tuple[str, dict[str, str]]] = []
    if len(recipes) > 1:
        found.append(("recipe", {}))
    given = {"recipe": BASE} if len(recipes) > 1 and BASE in recipes else {}
    for axis, column in zip(study.axes, axis_columns(study.axes), strict=True):
        if len({str(arm.axes.get(axis.name)) for arm in written}) > 1:
            found.append((column.name, given))
    return found
