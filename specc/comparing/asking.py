"""Questions made from what a person writes: options of `specc compare`, arguments of `Workspace.compare`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from specc.comparing.groups import matches, varying
from specc.comparing.measures import Place, choose, places
from specc.comparing.model import Better, Question, Side
from specc.comparing.rows import Source, read
from specc.comparing.selecting import Known, condition, group_name, known_names, side
from specc.errors import QueryError
from specc.results.reader import experiments
from specc.study import BASE


@dataclass(frozen=True, slots=True)
class Asked:
    """A question in words.

    Attributes:
        groups: two or more groups, the first of which is the baseline; see `specc.comparing.selecting`.
        experiments: whose arms; the only experiment if none is named.
        by: names that make groups, if none are named. given: conditions such as `lr=3e-3`.
        metric: name of an evaluation, or of what it measures; all after the last stage if it is empty.
        stage, position: where it is measured; the last stage, and its end. position, level: such as `50%`.
        baseline: name of a group. better: which results are, where it isn't known.
    """

    groups: tuple[str, ...] = ()
    experiments: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    given: tuple[str, ...] = ()
    metric: str = ""
    stage: str = ""
    position: str = ""
    baseline: str = ""
    better: Better = ""
    level: str = "95%"


def asked_questions(asked: Asked, sources: Sequence[Source]) -> list[Question]:
    """The questions that are meant: one for each result, and for each name that makes groups.

    Raises:
        QueryError: for a name that is not there, or that could be several.
    """
    if len(asked.groups) == 1:
        raise QueryError(
            f"`{asked.groups[0]}` is compared with nothing", "name two groups, the baseline first"
        )
    twice = next((name for name in asked.groups if asked.groups.count(name) > 1), None)
    if twice is not None:
        raise QueryError(f"`{twice}` is named twice", "name another group")
    sides = tuple(side(name, sources, asked.experiments) for name in asked.groups)
    names = list(dict.fromkeys(each.experiment for each in sides)) or _experiments(asked, sources)
    known = [
        known_names(source, name)
        for source in sources
        for name in names
        if name in experiments(source.connection)
    ]
    given = dict(condition(text, known) for text in asked.given)
    by = tuple(_name(name, known) for text in asked.by for name in text.split(","))
    found = _shared_places(sides, names, sources) if not asked.metric else places(sources, names)
    position = _share(asked.position, "position") if asked.position else None
    first = choose(found, asked.metric, asked.stage, position)
    chosen = [first]
    if not asked.metric:
        chosen = [p for p in found if (p.stage, p.position) == (first.stage, first.position)]
    questions = []
    for place in chosen:
        question = Question(
            experiments=tuple(names),
            eval=place.eval,
            metric=place.metric,
            stage=place.stage,
            position=place.position,
            better=asked.better,
            given=given,
            baseline=group_name(asked.baseline, known) if asked.baseline else "",
            level=_share(asked.level, "level"),
            sides=tuple(each.model_copy(update={"given": {**given, **each.given}}) for each in sides),
        )
        if sides:
            questions.append(question)
        else:
            questions += [question.model_copy(update=each) for each in _factors(question, by, sources)]
    return questions


def _shared_places(sides: Sequence[Side], names: Sequence[str], sources: Sequence[Source]) -> list[Place]:
    """Results that all sides or experiments have, in all workspaces; all results if there are none."""
    found = places(sources, names)
    by_side = [
        places([source], [name])
        for source in sources
        for name in names
        if name in experiments(source.connection)
        if not sides or any(each.experiment == name and each.workspace == source.workspace for each in sides)
    ]
    shared = set.intersection(*({_place(each) for each in here} for here in by_side)) if by_side else set()
    if sides and not shared:
        listed = " and ".join(f"`{each.name}`" for each in sides[:4])
        raise QueryError(f"{listed} have no result in common", "name experiments that measure the same")
    return [each for each in found if _place(each) in shared] or found


def _place(each: Place) -> tuple[str, str, str, float]:
    return each.eval, each.metric, each.stage, each.position


def _factors(question: Question, by: tuple[str, ...], sources: Sequence[Source]) -> list[dict[str, object]]:
    """What groups are made by: as asked; else workspaces, experiments, or each name that differs."""
    if by:
        return [{"by": by}]
    if len(sources) > 1:
        return [{"by": ("workspace",)}]
    if len(question.experiments) > 1:
        return [{"by": ("experiment",)}]
    rows = [row for row in read(sources, question) if matches(row, question.given)]
    found: list[dict[str, object]] = []
    given = question.given
    if "recipe" in varying(rows):
        found.append({"by": ("recipe",)})
        given = {**given, "recipe": BASE}
        rows = [row for row in rows if matches(row, given)]
    return found + [{"by": (name,), "given": given} for name in varying(rows)]


def _experiments(asked: Asked, sources: Sequence[Source]) -> list[str]:
    """The experiments that are asked for; the only one if none is."""
    known = list(dict.fromkeys(name for source in sources for name in experiments(source.connection)))
    if asked.experiments:
        by_name = {name.lower(): name for name in known}
        return [by_name.get(name.lower(), name) for name in asked.experiments]
    if not known:
        raise QueryError("no experiment was run in this workspace", "run one: `specc run FILE`")
    if len(known) > 1:
        listed = ", ".join(f"`{name}`" for name in known)
        raise QueryError(f"there are several experiments: {listed}", "name one or more with `-e`")
    return known


def _name(text: str, known: Sequence[Known]) -> str:
    """A name in `by`, as the results write it."""
    names = [name for each in known for name in each.values]
    return next((name for name in names if name.lower() == text.strip().lower()), text.strip())


def _share(text: str, what: str) -> float:
    """A share such as `95%` or `0.95`."""
    try:
        value = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1 or (what == "level" and value in (0, 1)):
        raise QueryError(f"`{text}` is no {what}", "write a share, for instance `50%` or `0.5`")
    return value


def asked_frontier(asked: Asked, sources: Sequence[Source], x: str, y: str) -> tuple[Question, Question]:
    """The two questions of a frontier; without `by`, groups are made by all names that differ.

    Raises:
        QueryError: for a name that is not there, or that could be several.
    """
    by = asked.by or ("recipe",)
    one, other = (
        asked_questions(replace(asked, metric=metric, by=by, groups=()), sources)[0] for metric in (x, y)
    )
    if asked.by:
        return one, other
    rows = [row for row in read(sources, one) if matches(row, one.given)]
    order = sorted(varying(rows), key=lambda name: name not in ("workspace", "experiment", "recipe"))
    return one.model_copy(update={"by": tuple(order)}), other
