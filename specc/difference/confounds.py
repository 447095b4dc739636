"""Where two recipes differ in more than one thing, so that a difference of results has no single cause."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from math import isclose

from specc.difference.causes import DATA, NEW, POSITIONS, Cause, Found, Place
from specc.difference.match import Pairs
from specc.difference.result import Confound
from specc.graph.axes import points_text
from specc.words import count, printable


def confounds_of(pairs: Pairs, found: Found) -> list[Confound]:
    """Factors that moved together, unequal budgets, evaluations that differ, and seeds."""
    return [*_factors(pairs, found), *_budgets(pairs), *_evaluations(pairs), *_seeds(pairs)]


def _factors(pairs: Pairs, found: Found) -> list[Confound]:
    """Arms whose training differs from their counterpart's in several factors.

    All that changes how tokens are divided is one factor: a share that is taken from one stage goes
    to another. Asking for more states of a stage is none.
    """
    together: dict[tuple[str, ...], set[int]] = {}
    of_places: dict[frozenset[Place], tuple[str, ...]] = {}
    new = {cause.subject for cause in found.causes.values() if (cause.kind, cause.name) == ("stage", NEW)}
    for run in pairs.second.study.stages:
        if run.arm in pairs.arms:
            places = found.of_step.get(run.checkpoint, frozenset())
            if places not in of_places:
                causes = (found.causes[place] for place in places)
                names = {_factor(cause, new) for cause in causes if cause.name != POSITIONS}
                of_places[places] = tuple(sorted(names))
            together.setdefault(of_places[places], set()).add(run.arm)
    largest = {factors: arms for factors, arms in together.items() if len(factors) > 1}
    result = []
    told: set[int] = set()
    for factors, arms in sorted(largest.items(), key=lambda item: -len(item[0])):
        arms = arms - told
        if arms:
            told |= arms
            points = points_text(pairs.second.study, arms)
            text = f"{len(factors)} factors moved at once ({points}): {'; '.join(factors)}"
            result.append(Confound(kind="factors", text=text, arms=len(arms)))
    return result


def _factor(cause: Cause, new: Collection[str]) -> str:
    """What moved: for a stage that starts from a new one, that this is there."""
    if cause.name == DATA:
        return "tokens by stage and corpus"
    parents = {after for _, after in cause.variants}
    if cause.name == "from" and parents <= set(new):
        return printable(", ".join(sorted(f"stage {parent}" for parent in parents)))
    if (cause.kind, cause.name) == ("stage", NEW):
        return printable(f"stage {cause.subject}")
    stages = ", ".join([cause.subject, *cause.also])
    return printable(stages if cause.name == NEW else f"{cause.name} of {stages}")


def _budgets(pairs: Pairs) -> list[Confound]:
    """Training tokens and operations of arms against their counterparts'."""
    totals: list[dict[int, tuple[int, float]]] = []
    for side in (pairs.first, pairs.second):
        sums: dict[int, tuple[int, float]] = {}
        for run in side.study.stages:
            tokens, flops = sums.get(run.arm, (0, 0.0))
            sums[run.arm] = (tokens + run.tokens, flops + run.flops)
        totals.append(sums)
    both = {arm: (totals[0][old], totals[1][arm]) for arm, old in pairs.arms.items() if old in totals[0]}
    read = {arm: (float(old[0]), float(new[0])) for arm, (old, new) in both.items()}
    computed = {arm: (old[1], new[1]) for arm, (old, new) in both.items()}
    result = []
    if text := _unequal(pairs, read, ",.0f"):
        result.append(Confound(kind="tokens", text=f"unequal token budgets: {text[0]}", arms=text[1]))
    if text := _unequal(pairs, computed, ".3g"):
        result.append(Confound(kind="flops", text=f"unequal compute, in FLOPs: {text[0]}", arms=text[1]))
    return result


def _unequal(pairs: Pairs, values: Mapping[int, tuple[float, float]], form: str) -> tuple[str, int] | None:
    """Sums that differ, as text, and in how many arms."""
    differing = {arm: pair for arm, pair in values.items() if not isclose(*pair, rel_tol=1e-9)}
    if not differing:
        return None
    ratios = [after / before - 1 for before, after in differing.values() if before]
    points = points_text(pairs.second.study, differing)
    before, after = next(iter(differing.values()))
    pair = f"{before:{form}} -> {after:{form}}"
    if len(set(differing.values())) > 1 and ratios:
        least, most = f"{min(ratios):+.1%}", f"{max(ratios):+.1%}"
        pair = least if least == most else f"{least} to {most}"
    elif ratios:
        pair += f" ({ratios[0]:+.1%})"
    return f"{pair} ({points})", len(differing)


def _evaluations(pairs: Pairs) -> list[Confound]:
    """Evaluations of the same name that measure another thing, or on other data."""
    first, second = pairs.first, pairs.second
    changed: dict[str, dict[int, None]] = {}
    for measure in second.study.measures:
        old_arm = pairs.arms.get(measure.arm)
        stage = pairs.stages.get(measure.stage, measure.stage)
        key = first.places.get((old_arm, measure.eval, stage, measure.position))
        if key is None or key == measure.key:
            continue
        step, other = second.steps[measure.key], first.steps[key]
        data, was = (
            {role: source for role, source in each.inputs.items() if role != "checkpoint"}
            for each in (step, other)
        )
        if data != was or step.params != other.params:
            changed.setdefault(measure.eval, {})[measure.arm] = None
    return [
        Confound(
            kind="evaluation",
            text=f"`{printable(name)}` does not measure the same in both ({points_text(second.study, arms)})",
            arms=len(arms),
        )
        for name, arms in changed.items()
    ]


def _seeds(pairs: Pairs) -> list[Confound]:
    """Seeds that only one of the recipes has: arms pair by seed."""
    before, after = set(pairs.first.study.seeds), set(pairs.second.study.seeds)
    if before == after:
        return []
    both = len(before & after)
    text = (
        f"the seeds differ: {count(both, 'seed')} in both, of {len(before)} and {len(after)}"
        if both
        else "no seed is in both: arms can't be paired"
    )
    return [Confound(kind="seeds", text=text, arms=len(pairs.arms))]
