"""A run against an earlier one of the same experiment: what was changed, and what became of the results."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pydantic import Field

from specc.comparing import Compared, Question, Source, compare_sources, questions
from specc.comparing.effects import adjusted
from specc.comparing.model import Side
from specc.comparing.sentences import headline, sentence
from specc.difference.compare import compare as compare_studies
from specc.difference.result import Difference
from specc.errors import QueryError
from specc.history.changes import changed
from specc.history.runs import Run, all_runs, find_run, run_before, tagged
from specc.results.as_of import open_run
from specc.steps import Frozen
from specc.study import Study

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


class Since(Frozen):
    """What differs between two runs.

    Attributes:
        before, after: numbers of the runs. difference: of their recipes.
        answers: of each result, the groups of the later run, each against the same group of the earlier.
        pairs: each group of an answer with itself in the earlier run, as a comparison of its own.
        gone: results that the earlier run set out to give and that are not there: never made, or collected.
    """

    before: int
    after: int
    experiment: str
    difference: Difference
    answers: tuple[Compared, ...]
    gone: int
    pairs: tuple[Compared, ...] = Field(default=(), exclude=True)


def since(before: Run, after: Run, metric: str = "") -> Since:
    """Compare the results of two runs, group by group, paired over the seeds that both have.

    Args:
        metric: name of an evaluation; all that both have measured after the last stages if it is empty.
    Raises:
        QueryError: for runs of different experiments, or plans that can't be read.
    """
    was, now = _study(before), _study(after)
    if was.experiment.lower() != now.experiment.lower():
        raise QueryError(
            f"run {before.number} is of `{was.experiment}`, run {after.number} of `{now.experiment}`",
            "name two runs of one experiment; `specc log EXPERIMENT` lists them",
        )
    names = (f"run {before.number}", f"run {after.number}")
    old, new = open_run(before.workspace, before.number), open_run(after.workspace, after.number)
    try:
        sources = [Source(old, names[0]), Source(new, names[1])]
        asked = questions(new, now) or _whole(new, now)
        known = {(each.eval, each.metric, each.stage) for each in was.measures}
        answered = [
            _answer(sources, names, question)
            for question in asked
            if (question.eval, question.metric, question.stage) in known
            and (not metric or metric == question.eval)
        ]
        if metric and not answered:
            listed = ", ".join(f"`{name}`" for name in dict.fromkeys(each.eval for each in asked))
            raise QueryError(f"the two runs have no result `{metric}` in common", f"results: {listed}")
        return Since(
            before=before.number,
            after=after.number,
            experiment=now.experiment,
            difference=compare_studies(was, now),
            answers=tuple(answer for answer, _ in answered),
            pairs=tuple(pair for _, pairs in answered for pair in pairs),
            gone=len({measure.key for measure in was.measures} - _measured(old)),
        )
    finally:
        old.close()
        new.close()


def earlier(after: Run, name: str) -> Run:
    """The run that a run is compared with.

    Args:
        name: a number, a tag; a date, for the last run before its end; or words of a change, for the run
            before the last one that made it; see `specc log`.
    Raises:
        QueryError: if there is none.
    """
    found = [run for run in all_runs(after.workspace) if run.number < after.number]
    found = [run for run in found if run.experiment.lower() == after.experiment.lower()]
    if not found:
        raise QueryError(f"run {after.number} is the first of `{after.experiment}`", "see `specc log`")
    if name.isdecimal() or name in tagged(after.workspace):
        return find_run(after.workspace, name)
    if (day := _day(name)) is not None:
        for run in found:
            if run.status is not None and _moment(run.status.started) < day:
                return run
        raise QueryError(f"no run of `{after.experiment}` was started by {name}", "see `specc log`")
    for run in [after, *found[:-1]]:
        if name.casefold() in changed(run).casefold():
            before = run_before(run)
            assert before is not None, "the first run of all is left out"
            return before
    raise QueryError(
        f"no run, tag or change of `{after.experiment}` is called `{name}`",
        "name a run by number or tag, a date such as 2026-11-21, or words of a change; see `specc log`",
    )


def _day(text: str) -> datetime | None:
    """The end of the day, or the moment, that a text names, in the time zone of who asks."""
    try:
        found = datetime.fromisoformat(text)
        if "T" not in text and ":" not in text:
            found += timedelta(days=1)
        return found if found.tzinfo is not None else found.astimezone()
    except (ValueError, OverflowError):  # no date, or one at an end of the calendar
        return None


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return datetime.max.replace(tzinfo=UTC)
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _study(run: Run) -> Study:
    if run.study is None:
        raise QueryError(f"the plan of run {run.number} can't be read", "see `specc log`")
    return run.study


def _whole(connection: DuckDBPyConnection, study: Study) -> list[Question]:
    """Questions about an experiment of one group."""
    from specc.comparing.first_questions import question_of
    from specc.comparing.measures import places

    known = places([Source(connection)], [study.experiment])
    return [question_of(study, place, (), {}) for place in known if place.position == 1]


def _answer(
    sources: list[Source], names: tuple[str, str], question: Question
) -> tuple[Compared, list[Compared]]:
    """A question's groups, each against itself in the earlier run: as one comparison, and apart."""
    experiment = question.experiments[0]
    here = compare_sources(sources[1:], question.model_copy(update={"baseline": ""}))
    effects, notes, pairs = [], [], []
    for group in here.groups:
        sides = tuple(
            Side(
                name=name,
                workspace=name,
                experiment=experiment,
                given={**question.given, **group.values},
            )
            for name in names
        )
        pair = question.model_copy(
            update={"sides": sides, "by": ("workspace",), "given": {}, "baseline": names[0]}
        )
        found = compare_sources(sources, pair)
        effects += [
            each.model_copy(update={"group": group.name or names[1], "baseline": names[0]})
            for each in found.effects
        ]
        pairs.append(_named(found, group.name))
        notes += [f"{group.name}: {note}" if group.name else note for note in found.notes]
    judged = adjusted(effects, question)
    told = [each.model_copy(update={"sentence": sentence(each, question)}) for each in judged]
    same = bool(told) and all(each.mean == 0 and each.sd in (0, None) for each in told)
    together = here.model_copy(
        update={
            "question": here.question.model_copy(update={"baseline": names[0]}),
            "title": f"{here.title}, since {names[0]}",
            "headline": f"the same as in {names[0]}" if same else headline(question, here.groups, told, ""),
            "effects": tuple(told),
            "best": "",
            "notes": tuple(dict.fromkeys(notes)),
        }
    )
    return together, pairs


def _named(pair: Compared, group: str) -> Compared:
    """A comparison of two runs whose sides say of which group they are."""
    if not group:
        return pair
    groups = [each.model_copy(update={"name": f"{group}, {each.name}"}) for each in pair.groups]
    effects = [
        each.model_copy(update={"group": f"{group}, {each.group}", "baseline": f"{group}, {each.baseline}"})
        for each in pair.effects
    ]
    return pair.model_copy(update={"groups": tuple(groups), "effects": tuple(effects)})


def _measured(connection: DuckDBPyConnection) -> set[str]:
    return {key for (key,) in connection.execute("SELECT DISTINCT step FROM results").fetchall()}
