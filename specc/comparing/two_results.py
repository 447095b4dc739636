"""Two results against each other: what is learned against what is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from specc.comparing import dominance, sentences
from specc.comparing.first_questions import question_of
from specc.comparing.groups import Members, freedom, grouped, name_of
from specc.comparing.measures import completed, places
from specc.comparing.model import Frontier, FrontierPoint, Interval, Question
from specc.comparing.query import value_query
from specc.comparing.rows import Measured, Source, read, unknown
from specc.errors import QueryError
from specc.results.schema import axis_columns
from specc.statistics.interval import mean, t_interval
from specc.study import Study
from specc.words import count

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MOST = 4
"""Frontiers shown of an experiment."""


def frontiers(connection: DuckDBPyConnection, study: Study) -> list[tuple[Question, Question]]:
    """Pairs of results worth a frontier: what the last stage learns (x) against what it may forget (y).

    What is learned is measured on a corpus that the last stage trains on. Where that can't be told, the
    results after it, each against the next. Empty with fewer than three groups, which make no frontier.
    """
    names = _names(study)
    if len({tuple(str(arm.axes.get(n, arm.recipe)) for n in names) for arm in study.arms}) < 3:
        return []
    known = [each for each in places([Source(connection)], [study.experiment]) if each.position == 1]
    if not known:
        return []
    last = [each for each in known if each.stage == known[0].stage]
    learned = _learned(study, known[0].stage)
    xs = [each for each in last if each.eval in learned]
    ys = [each for each in last if each.eval not in learned]
    pairs = [(x, y) for x in xs for y in ys if x.metric == y.metric] or [(x, y) for x in xs for y in ys]
    pairs = pairs or list(pairwise(last))
    columns = tuple(
        column.name
        for axis, column in zip(study.axes, axis_columns(study.axes), strict=True)
        if axis.name in names
    )
    by = (*(["recipe"] if "recipe" in names else []), *columns)
    return [(question_of(study, x, by, {}), question_of(study, y, by, {})) for x, y in pairs[:MOST]]


def frontier(connection: DuckDBPyConnection, x: Question, y: Question, series: str | None = None) -> Frontier:
    """Groups as points: means over the seeds that have both results.

    Args:
        x, y: two results of the same groups (`by` and `given` of `x` count).
        series: a name in `by` whose values are frontiers of their own; if not given, the first of two or
            more.
    Raises:
        QueryError: for what is not there.
    """
    return frontier_of([Source(connection)], x, y, series)


def frontier_of(sources: Sequence[Source], x: Question, y: Question, series: str | None = None) -> Frontier:
    """The same, over several workspaces."""
    x = completed(sources, x)
    y = completed(sources, y.model_copy(update={"by": x.by, "given": x.given, "experiments": x.experiments}))
    for each in (x, y):
        if not each.better:
            raise QueryError(
                f"it isn't known which results of `{each.eval}` are better", "name another evaluation"
            )
    if series is not None and series not in x.by:
        raise unknown("name to compare by", series, x.by)
    series = series if series is not None else x.by[0] if len(x.by) > 1 else ""
    ours = {group.name: group for group in grouped(read(sources, x), x)}
    theirs = {group.name: group for group in grouped(read(sources, y), y)}
    placed = [_placed(ours[name], theirs[name], series, x, y) for name in ours if name in theirs]
    points = _judged([each for each in placed if isinstance(each, _Placed)], x, y)
    notes = [
        *_few([each for each in placed if isinstance(each, str)], "have no seed with both results"),
        *_few(
            [told for each in placed if isinstance(each, _Placed) and (told := _lost(each))],
            "are means over what is left: some of their results diverged, failed or are missing",
        ),
    ]
    return _answer(x, y, points, notes, f"{value_query(x, sources)};\n\n{value_query(y, sources)}")


@dataclass(frozen=True, slots=True)
class _Placed:
    name: str
    series: str
    group: Members
    xs: list[float]
    ys: list[float]
    lost: tuple[str, ...] = ()


def _few(notes: list[str], together: str) -> list[str]:
    """Notes on groups; of many, how many they are."""
    return notes if len(notes) <= sentences.MOST_NAMED else [f"{count(len(notes), 'group')} {together}"]


def _lost(placed: _Placed) -> str:
    """What a point is not a mean over, in a sentence; empty if it has all."""
    return f"`{placed.name}` is a mean over what is left: {'; '.join(placed.lost)}" if placed.lost else ""


def _states(members: Members, eval: str) -> list[str]:
    """Results of a group that are not there, for instance `2 of 3 results of skill diverged`."""
    rows = list(members.rows())
    return [
        f"{lost} of {count(len(rows), 'result')} of {eval} {state}"
        for state in ("diverged", "failed", "missing")
        if (lost := sum(row.state == state for row in rows))
    ]


def _placed(one: Members, other: Members, series: str, x: Question, y: Question) -> _Placed | str:
    by_x, by_y = one.means(), other.means()
    seeds = sorted(set(by_x) & set(by_y))
    if not seeds:
        states = sorted({*map(one.state, one.by_seed), *map(other.state, other.by_seed)} - {"done"})
        return f"`{one.name}` has no seed with both results ({', '.join(states) or 'no seed in common'})"
    row: Measured = next(iter(one.rows()))
    return _Placed(
        one.name,
        name_of([series], row) if series else "",
        one,
        [by_x[seed] for seed in seeds],
        [by_y[seed] for seed in seeds],
        (*_states(one, x.eval), *_states(other, y.eval)),
    )


def _judged(placed: Sequence[_Placed], x: Question, y: Question) -> list[FrontierPoint]:
    """Points with what is dominated within each series."""
    marks: dict[str, tuple[bool, bool, bool]] = {}
    for name in dict.fromkeys(each.series for each in placed):
        here = [each for each in placed if each.series == name]
        points = [_low(mean(each.xs), mean(each.ys), x, y) for each in here]
        for each, *mark in zip(
            here,
            dominance.dominated(points),
            dominance.dominated(points, strict=True),
            dominance.hull(points),
            strict=True,
        ):
            marks[each.name] = (mark[0], mark[1], mark[2])
    return [
        FrontierPoint(
            name=each.name,
            series=each.series,
            values=each.group.values,
            n=len(each.xs),
            x=mean(each.xs),
            y=mean(each.ys),
            x_interval=_interval(each.xs, x.level),
            y_interval=_interval(each.ys, x.level),
            dominated=marks[each.name][0],
            strictly=marks[each.name][1],
            on_hull=marks[each.name][2],
        )
        for each in placed
    ]


def _answer(
    x: Question, y: Question, points: Sequence[FrontierPoint], notes: list[str], sql: str
) -> Frontier:
    by_series: dict[str, list[dominance.Point]] = {}
    for point in points:
        by_series.setdefault(point.series, []).append(_low(point.x, point.y, x, y))
    reference, volumes, areas = None, {}, {}
    if points:
        every = [point for found in by_series.values() for point in found]
        worst = tuple(_beyond([point[axis] for point in every]) for axis in (0, 1))
        reference = _low(worst[0], worst[1], x, y)
        volumes = {
            name: dominance.hypervolume(found, (worst[0], worst[1])) for name, found in by_series.items()
        }
        first = next(iter(by_series))
        areas = {
            name: dominance.signed_area(found, by_series[first])
            for name, found in by_series.items()
            if name != first
        }
    return Frontier(
        x=x,
        y=y,
        title=f"{y.eval} after {y.stage} against {x.eval} after {x.stage}",
        headline=_headline(x, y, points),
        points=tuple(points),
        reference=reference,
        hypervolume=volumes,
        signed_area=areas,
        notes=(_directions(x, y), *notes),
        sql=sql,
    )


def _headline(x: Question, y: Question, points: Sequence[FrontierPoint]) -> str:
    if not points:
        return "no group has both results yet"
    kept = [point for point in points if not point.dominated]
    of = " of their series" if len({point.series for point in points}) > 1 else ""
    best_x = min(points, key=lambda each: _low(each.x, each.y, x, y))
    best_y = min(points, key=lambda each: tuple(reversed(_low(each.x, each.y, x, y))))
    if best_x.name == best_y.name:
        return f"`{best_x.name}` is best in both {x.eval} and {y.eval}, of {count(len(points), 'group')}"
    return (
        f"{len(kept)} of {count(len(points), 'group')} are on the frontier{of}: best in {x.eval} "
        f"`{best_x.name}` ({sentences.figure(best_x.x)}), in {y.eval} `{best_y.name}` "
        f"({sentences.figure(best_y.y)})"
    )


def _directions(x: Question, y: Question) -> str:
    return (
        f"{x.better} {x.eval} and {y.better} {y.eval} are better; a point is dominated by the means, "
        "which seeds may turn round where intervals overlap"
    )


def _beyond(values: Sequence[float]) -> float:
    """A tenth of the range beyond the worst: the reference from which ends of a frontier count, too."""
    return max(values) + 0.1 * (max(values) - min(values))


def _low(a: float, b: float, x: Question, y: Question) -> dominance.Point:
    """A point turned round so that low is better in both; twice, it is itself again."""
    return (a if x.better == "lower" else -a, b if y.better == "lower" else -b)


def _interval(values: Sequence[float], level: float) -> Interval | None:
    found = t_interval(values, level)
    if found is None:
        return None
    return Interval(low=found.low, high=found.high, level=level, method=f"t, {freedom(found.df)}")


def _names(study: Study) -> list[str]:
    """`recipe` and axes that differ among arms."""
    found = ["recipe"] if len({arm.recipe for arm in study.arms}) > 1 else []
    return found + [
        axis.name for axis in study.axes if len({str(arm.axes.get(axis.name)) for arm in study.arms}) > 1
    ]


def _learned(study: Study, stage: str) -> set[str]:
    """Evaluations that read a corpus which a stage trains on."""
    steps = {step.key: step for step in study.steps}
    trained: dict[int, set[str]] = {}
    for run in study.stages:
        if run.stage == stage:
            trained[run.arm] = {
                key
                for segment in run.segments
                if segment in steps
                for role, key in steps[segment].inputs.items()
                if role.startswith("corpus")
            }
    return {
        measure.eval
        for measure in study.measures
        if measure.stage == stage and measure.key in steps
        if trained.get(measure.arm, set())
        & {key for role, key in steps[measure.key].inputs.items() if role != "checkpoint"}
    }
