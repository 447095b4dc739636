"""The answer to a question, from the results of one workspace or several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from specc.comparing import budgets, confounding, sentences
from specc.comparing.effects import Matched, adjusted, effect, match
from specc.comparing.groups import Members, baseline_of, described, grouped, same, varying
from specc.comparing.items import Documents, over_items
from specc.comparing.measures import completed
from specc.comparing.model import Compared, Effect, Group, Question, State
from specc.comparing.query import value_query
from specc.comparing.refusals import why_not
from specc.comparing.rows import Source, read
from specc.statistics.interval import mean
from specc.words import count

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

BEST = "best"
"""How an arm's label writes an axis whose value `best` chooses; an import may lack one for other reasons."""

MOST_WITH_ITEMS = 24
"""Groups up to which the difference over documents is taken as well: it reads all samples."""

MOST_RESAMPLED = 12
"""Groups up to which the documents are resampled, too."""


def compare(connection: DuckDBPyConnection, question: Question) -> Compared:
    """Compare groups of arms on a result, each paired with the baseline over the seeds that both have.

    Args:
        connection: of `specc.results.reader.open_results`.
    Raises:
        QueryError: for an experiment, result, axis, value or baseline that is not there.
    """
    return compare_sources([Source(connection)], question)


def compare_sources(sources: Sequence[Source], question: Question) -> Compared:
    """The same, over several workspaces."""
    question = completed(sources, question)
    names = [side.experiment for side in question.sides] or None
    rows = read(sources, question, names)
    members = [group for group in grouped(rows, question) if group.by_seed or question.sides]
    if not members:
        return Compared(
            question=question,
            title=sentences.title(question),
            headline="no results yet",
            groups=(),
            effects=(),
            sql=value_query(question, sources),
        )
    baseline = baseline_of(members, question)
    chosen = question.model_copy(update={"baseline": baseline.name})
    matched = {group.name: match(group, baseline) for group in members if group is not baseline}
    effects = _effects(members, baseline, matched, chosen)
    tested = sum(each.p_holm is not None for each in effects)
    refused = {each.group for each in effects if each.refusal}
    best = _best([group for group in members if group.name not in refused], chosen)
    groups = _groups(members, sources, chosen, best)
    notes = [
        *_baseline_note(question, members, baseline),
        *sentences.states(groups),
        *_pairing_notes(members, baseline, matched),
        *confounding.notes(members, baseline, question),
        *budgets.notes([(g.name, _budget(g)) for g in groups], baseline.name),
        *_selected_note(groups, best),
        *_survivors_note(groups, members, best, chosen),
        *([f"p is adjusted by Holm's rule over {count(tested, 'comparison')}"] if tested > 1 else []),
        *([sentences.TWO_SOURCES] if any(each.over_items for each in effects) else []),
    ]
    return Compared(
        question=chosen,
        title=sentences.title(chosen),
        headline=sentences.headline(chosen, groups, effects, best),
        groups=tuple(groups),
        effects=tuple(effects),
        best=best,
        notes=tuple(notes),
        sql=value_query(chosen, sources),
    )


def _effects(
    members: Sequence[Members], baseline: Members, matched: dict[str, Matched], question: Question
) -> list[Effect]:
    documents = Documents(question)
    others = [group for group in members if group is not baseline]
    found = []
    for group in others:
        pairing = matched[group.name]
        if pairing.differing is not None:
            refused = Effect(
                group=group.name,
                baseline=baseline.name,
                unpaired=pairing.unpaired,
                verdict="not comparable",
                refusal=why_not(*pairing.differing),
            )
            found.append(refused)
            continue
        each = effect(group, baseline, pairing, question, len(others))
        if each.pairs and len(others) <= MOST_WITH_ITEMS:
            items = over_items(pairing.rows, documents, question, len(others) <= MOST_RESAMPLED)
            each = each.model_copy(update={"over_items": items})
        found.append(each)
    told = []
    for group, each in zip(others, adjusted(found, question), strict=True):
        if each.verdict == "missing":
            each = each.model_copy(update={"verdict": _lost(group, baseline)})
        told.append(each.model_copy(update={"sentence": sentences.sentence(each, question)}))
    return told


def _lost(group: Members, baseline: Members) -> State:
    """Why nothing pairs: what is worst of the side that has no result at all, the group's before the
    baseline's; `missing` where both have results, but at other seeds."""
    for side in (group, baseline):
        states = {side.state(seed) for seed in side.by_seed}
        if "done" not in states:
            return next((state for state in ("diverged", "failed") if state in states), "missing")
    return "missing"


def _best(members: Sequence[Members], question: Question) -> str:
    """Name of the group with the best mean, the first of those that are equal but for rounding; "" if all
    are the same. A group of which an arm diverged is none: its mean is over what did not."""
    if not question.better:
        return ""
    whole = [group for group in members if not _diverged(group)]
    means = {group.name: mean(list(found.values())) for group in whole if (found := group.means())}
    if len(means) < 2 or same(min(means.values()), max(means.values())):
        return ""
    top = (min if question.better == "lower" else max)(means.values())
    return next(name for name, value in means.items() if same(value, top))


def _diverged(group: Members) -> bool:
    return any(row.state == "diverged" for row in group.rows())


def _groups(
    members: Sequence[Members], sources: Sequence[Source], question: Question, best: str
) -> list[Group]:
    known = {(id(row.source), row.experiment): row.source for group in members for row in group.rows()}
    costs = {place: budgets.budgets(source, place[1], question.stage) for place, source in known.items()}
    found = []
    for group in members:
        chosen = any(
            value is None and row.texts.get(name, BEST) == BEST
            for row in group.rows()
            for name, value in row.names.items()
        )
        selected = chosen or (group.name == best and sum(bool(each.means()) for each in members) > 2)
        budget = budgets.of_group(group, costs)
        found.append(
            described(group, question.level, selected).model_copy(
                update={} if budget is None else {"tokens": budget.tokens, "flops": budget.flops}
            )
        )
    return found


def _budget(group: Group) -> budgets.Budget | None:
    return None if group.tokens is None or group.flops is None else budgets.Budget(group.tokens, group.flops)


def _baseline_note(question: Question, members: Sequence[Members], baseline: Members) -> list[str]:
    if question.baseline or question.sides or len(members) < 2:
        return []
    why = "the recipe as written" if baseline.values.get("recipe") == "base" else "the first"
    return [f"`{baseline.name}` is the baseline: {why}"]


def _pairing_notes(members: Sequence[Members], baseline: Members, matched: dict[str, Matched]) -> list[str]:
    told = []
    matched = {name: each for name, each in matched.items() if each.differing is None}
    loose = [name for name, each in matched.items() if each.loose]
    if loose:
        rows = [row for group in members if group.name in loose for row in group.rows()]
        also = [name for name in varying([*rows, *baseline.rows()]) if name not in baseline.values]
        listed = " and ".join(f"`{name}`" for name in also if name not in ("experiment", "workspace"))
        which = f"`{loose[0]}`" if len(loose) == 1 else count(len(loose), "group")
        told.append(
            f"no arms of {which} and `{baseline.name}` are alike in everything else"
            + (f": they differ in {listed} too" if listed else "")
            + ", so means over all of them are compared"
        )
    dropped = [(name, each.dropped) for name, each in matched.items() if each.dropped]
    if len(dropped) > sentences.MOST_NAMED:
        told.append(
            f"{count(sum(n for _, n in dropped), 'arm')} are left out of pairs, for they or their twins are "
            "not done, or they have none"
        )
    else:
        told += [
            f"`{name}`: {count(number, 'arm')} left out of its pairs, for they or their twins are not done, "
            "or they have none"
            for name, number in dropped
        ]
    return told


def _selected_note(groups: Sequence[Group], best: str) -> list[str]:
    measured = [group for group in groups if group.n]
    chosen = [f"`{group.name}`" for group in measured if group.selected and group.name != best]
    told = []
    if chosen:
        more = f" and {len(chosen) - 3} more" if len(chosen) > 3 else ""
        told.append(f"settings of {', '.join(chosen[:3])}{more} were chosen by results (`best`)")
    if any(group.name == best and group.selected for group in measured) and len(measured) > 2:
        told.append(
            f"`{best}` is selected as the best of {len(measured)} by these very results, so its mean "
            "flatters it; fresh seeds tell what it is worth"
        )
    return told


def _survivors_note(
    groups: Sequence[Group], members: Sequence[Members], best: str, question: Question
) -> list[str]:
    """That a group has a better mean than the best, over those of its arms that did not diverge."""
    means = {group.name: group.mean for group in groups if group.mean is not None}
    if best not in means:
        return []
    sign = 1 if question.better == "higher" else -1
    ahead = [
        f"`{group.name}`"
        for group in members
        if group.name in means and _diverged(group) and sign * (means[group.name] - means[best]) > 0
    ]
    if not ahead:
        return []
    listed = ", ".join(ahead[:3]) + (f" and {len(ahead) - 3} more" if len(ahead) > 3 else "")
    return [f"{listed}: a better mean than the best, but only over arms that did not diverge"]
