"""What can be compared: the results that experiments have or will have, and which of them is meant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from specc.comparing.model import Better, Question
from specc.comparing.rows import WITHIN, Source, relation, unknown
from specc.errors import QueryError
from specc.results.reader import experiments


@dataclass(frozen=True, slots=True)
class Place:
    """A result that arms have: an evaluation, what it measures, and behind which checkpoint."""

    eval: str
    metric: str
    stage: str
    position: float
    steps: int

    def text(self) -> str:
        part = "" if self.position == 1 else f"{100 * self.position:.4g}% of "
        return f"`{self.eval}` ({self.metric}) after {part}`{self.stage}`"


def places(sources: Sequence[Source], wanted: Iterable[str] | None = None) -> list[Place]:
    """All results of these experiments, there or missing; those after later stages first.

    Args:
        wanted: experiments; if not given, all.
    """
    found: dict[tuple[str, str, str, float], tuple[tuple[float, ...], Place]] = {}  # with its rank
    names = None if wanted is None else {name.lower() for name in wanted}
    for source in sources:
        for experiment in experiments(source.connection):
            if names is not None and experiment.lower() not in names:
                continue
            results, missing = relation(experiment, "results"), relation(experiment, "missing")
            order = {
                (name, metric): number
                for number, (name, metric) in enumerate(
                    source.connection.execute(
                        f"SELECT eval, metric FROM {relation(experiment, 'evaluations')}"
                    ).fetchall()
                )
            }
            for name, metric, stage, position, steps, depth in source.connection.execute(
                f"""WITH here AS (
                        SELECT eval, metric, stage, position, arm, steps FROM {results} UNION ALL
                        SELECT eval, metric, stage, position, arm, steps FROM {missing})
                    SELECT eval, metric, stage, position, max(here.steps), max(coalesce(s.number, 1e6))
                    FROM here LEFT JOIN {relation(experiment, "stages")} s USING (arm, stage)
                    GROUP BY eval, metric, stage, position"""
            ).fetchall():
                place = (name, metric, stage, position)
                rank = (position != 1, -depth, order.get((name, metric), len(order)), -position)
                found.setdefault(place, (rank, Place(*place, steps)))
    return [place for _, place in sorted(found.values(), key=lambda each: each[0])]


def choose(known: Sequence[Place], result: str = "", stage: str = "", position: float | None = None) -> Place:
    """The one result that is meant.

    Args:
        result: name of an evaluation, or of what it measures. stage: after which. position: share of it.
    Raises:
        QueryError: if there is none, or it could be more than one.
    """
    if not known:
        raise QueryError("nothing is measured here", "add an `eval` to the recipe")
    fitting = list(known)
    if result:
        fitting = [each for each in known if each.eval == result] or [
            each for each in known if each.metric == result
        ]
        if not fitting:
            raise unknown("evaluation", result, [each.eval for each in known])
    if stage:
        here = [each for each in fitting if each.stage == stage]
        if not here:
            after = f" that `{result}` is measured after" if result else " that anything is measured after"
            raise unknown("stage", stage, [each.stage for each in fitting], after)
        fitting = here
    if position is not None:
        here = [each for each in fitting if abs(each.position - position) < WITHIN]
        if not here:
            listed = ", ".join(f"{100 * each.position:.4g}%" for each in fitting[:12])
            raise QueryError(
                f"nothing is measured after {100 * position:.4g}% of the stage", f"it is after: {listed}"
            )
        fitting = here
    else:
        fitting = [
            each
            for each in fitting
            if each.position == fitting[0].position and each.stage == fitting[0].stage
        ]
    if result and len({(each.eval, each.metric) for each in fitting}) > 1:
        listed = ", ".join(each.text() for each in fitting[:6])
        raise QueryError(
            f"`{result}` is more than one result: {listed}", "name the evaluation with `--metric`"
        )
    return fitting[0]


def completed(sources: Sequence[Source], question: Question) -> Question:
    """A question with its unit and what is better, as the table `evaluations` says.

    Raises:
        QueryError: if an experiment is not there, or does not measure this.
    """
    names = [side.experiment for side in question.sides] or list(question.experiments)
    all_of_them = [each for source in sources for each in experiments(source.connection)]
    for name in names:
        if name.lower() not in {each.lower() for each in all_of_them}:
            raise unknown("experiment", name, all_of_them)
    unit, better, found = question.unit, question.better, False
    for source in sources:
        here = {each.lower(): each for each in experiments(source.connection)}
        for name in names:
            if name.lower() not in here:
                continue
            row = source.connection.execute(
                f"SELECT unit, better FROM {relation(here[name.lower()], 'evaluations')} "
                "WHERE eval = ? AND metric = ?",
                [question.eval, question.metric],
            ).fetchone()
            if row is not None:
                found = True
                unit, better = unit or row[0] or "", better or _better(row[1])
    if not found:
        known = places(sources, names)
        raise unknown("evaluation", question.eval, [each.eval for each in known])
    return question.model_copy(update={"unit": unit, "better": better})


def _better(text: str | None) -> Better:
    return "lower" if text == "lower" else "higher" if text == "higher" else ""
