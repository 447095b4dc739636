"""A group against the baseline: paired seed by seed, over arms that both have."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from specc.comparing.groups import Members, freedom
from specc.comparing.model import Effect, Interval, Pair, Question
from specc.comparing.rows import Measured
from specc.statistics.aggregates import probability_of_improvement
from specc.statistics.interval import Mean, mean, sd, t_interval, welch_interval
from specc.statistics.power import pairs_needed
from specc.statistics.several import holm
from specc.statistics.sign_flip import pairs_to_reach, sign_flip

ROUNDING = 1e-12
"""Share of results below which differences are rounding: 0.51 - 0.5 is not quite 0.53 - 0.52, and a spread
of such would be taken for certainty."""

FEASIBLE = 100
"""Pairs up to which more seeds are an answer; a difference that needs more is not worth calling one."""


@dataclass(frozen=True, slots=True)
class Matched:
    """A group's rows against the baseline's.

    Attributes:
        pairs: one for each seed that both have done. rows: of each pair the rows that it is a mean over.
        unpaired: other seeds, and why, in words. differing: rows of one seed whose data differ.
        loose: whether no arms of the two differ by the group alone, so that means over all are paired.
        dropped: arms, of either side, that are not in the pairs of seeds that pair all the same.
    """

    pairs: tuple[Pair, ...]
    rows: tuple[tuple[tuple[Measured, ...], tuple[Measured, ...]], ...]
    unpaired: tuple[str, ...]
    differing: tuple[Measured, Measured] | None
    loose: bool
    dropped: int


def match(group: Members, baseline: Members) -> Matched:
    """Pair the seeds of a group with those of the baseline."""
    shared = sorted(set(group.by_seed) & set(baseline.by_seed))
    # Arms that differ by the group alone, if there are any; else all arms of a seed against all.
    loose = bool(shared) and not any(
        set(group.by_seed[seed]) & set(baseline.by_seed[seed]) for seed in shared
    )
    pairs, sides, unpaired = [], [], []
    differing = None
    dropped = 0
    for seed in sorted(set(group.by_seed) | set(baseline.by_seed)):
        if seed not in shared:
            lacking = baseline if seed in group.by_seed else group
            unpaired.append(f"seed {seed}: `{lacking.name}` does not have it")
            continue
        rows = len(group.at(seed)) + len(baseline.at(seed))
        if loose:
            both = [(_done(group.at(seed)), _done(baseline.at(seed)))]
        else:
            ours, theirs = group.by_seed[seed], baseline.by_seed[seed]
            both = [(_done(ours[twin]), _done(theirs[twin])) for twin in ours if twin in theirs]
        both = [(one, other) for one, other in both if one and other]
        if not both:
            unpaired.append(f"seed {seed}: {_why(group, baseline, seed)}")
            continue
        one = tuple(row for rows_of, _ in both for row in rows_of)
        other = tuple(row for _, rows_of in both for row in rows_of)
        dropped += rows - len(one) - len(other)
        # Twin by twin: what is measured may vary with an axis that groups leave out.
        differing = differing or next((found for each in both if (found := _differing(*each))), None)
        value = mean([mean(_values(each)) for each, _ in both])
        base = mean([mean(_values(each)) for _, each in both])
        pairs.append(Pair(seed=seed, value=value, baseline=base, difference=value - base))
        sides.append((one, other))
    if len(pairs) < 2 and differing is None:  # then all seeds of the two are compared, unpaired
        differing = _apart(group, baseline)
    return Matched(_without_rounding(pairs), tuple(sides), tuple(unpaired), differing, loose, dropped)


def _without_rounding(pairs: Sequence[Pair]) -> tuple[Pair, ...]:
    """Pairs whose differences are 0, or equal, where only rounding keeps them from it."""
    if not pairs:
        return ()
    found = [pair.difference if abs(pair.difference) > _rounding([pair]) else 0.0 for pair in pairs]
    if max(found) - min(found) <= _rounding(pairs):
        found = [found[0]] * len(found)
    return tuple(pair.model_copy(update={"difference": d}) for pair, d in zip(pairs, found, strict=True))


def _rounding(pairs: Sequence[Pair]) -> float:
    return ROUNDING * max(max(abs(pair.value), abs(pair.baseline)) for pair in pairs)


def effect(group: Members, baseline: Members, matched: Matched, question: Question, compared: int) -> Effect:
    """A group's effect, without its sentence and Holm's p.

    Args:
        compared: groups that are compared with this baseline.
    """
    found = Effect(
        group=group.name,
        baseline=baseline.name,
        pairs=matched.pairs,
        unpaired=matched.unpaired,
        verdict="missing",
    )
    if not matched.pairs:
        return _unpaired(found, group, baseline, question)
    differences = [pair.difference for pair in matched.pairs]
    if len(differences) < 2:
        whole = _unpaired(found, group, baseline, question)
        if not whole.paired:
            return whole
    center, base = mean(differences), mean([pair.baseline for pair in matched.pairs])
    center = center if abs(center) > _rounding(matched.pairs) else 0.0
    interval = t_interval(differences, question.level)
    test = sign_flip(differences)
    assert test is not None, "there are differences"
    spread = sd(differences) if len(differences) > 1 else None
    return found.model_copy(
        update={
            "mean": center,
            "sd": spread,
            "interval": _interval(interval, question.level, "paired t"),
            **_wins(differences, question),
            "improvement": _improvement(
                [pair.value for pair in matched.pairs], [pair.baseline for pair in matched.pairs], question
            ),
            "relative": _relative(center, base),
            "p_t": None if interval is None else interval.p,
            "p_sign_flip": test.p,
            "smallest_p": test.smallest,
            "n_needed": None
            if spread is None
            else needed(center, spread, 1 - question.level, compared, sum(not each for each in differences)),
        }
    )


def adjusted(effects: Sequence[Effect], question: Question) -> list[Effect]:
    """Effects with Holm's p over all of them, and their verdicts."""
    judged = {
        number: each.p_t if each.p_t is not None else each.p_sign_flip
        for number, each in enumerate(effects)
        if not each.refusal and each.mean is not None and (each.p_t is not None or each.sd is not None)
    }
    known = {number: p for number, p in judged.items() if p is not None}
    by_holm = dict(zip(known, holm(list(known.values())), strict=True))
    found = []
    for number, each in enumerate(effects):
        each = each.model_copy(update={"p_holm": by_holm.get(number)})
        found.append(each.model_copy(update={"verdict": verdict(each, question)}))
    return found


def verdict(effect: Effect, question: Question) -> str:
    """What the seeds show: a difference if Holm's p is at most 1 - level, and there are seeds enough for
    the exact test to be able to say so too; else whether more seeds would tell."""
    if effect.refusal:
        return "not comparable"
    if effect.mean is None:
        return "missing"
    alpha = 1 - question.level + 1e-12
    reachable = effect.smallest_p is None or effect.smallest_p <= alpha
    if effect.p_holm is not None and effect.p_holm <= alpha and effect.mean and reachable:
        if not question.better:
            return "higher" if effect.mean > 0 else "lower"
        return "better" if (effect.mean > 0) == (question.better == "higher") else "worse"
    if effect.sd == 0 and effect.mean == 0:
        return "no difference shown"
    if effect.sd is None and effect.paired:
        return "not resolvable"  # one seed
    if not effect.paired:
        return "no difference shown"
    return "not resolvable" if (effect.n_needed or FEASIBLE + 1) <= FEASIBLE else "no difference shown"


def needed(center: float, spread: float, alpha: float, compared: int, ties: int = 0) -> int | None:
    """Pairs that resolve a difference like this one: by the t test at power 0.8, with alpha divided by
    the number of comparisons, and enough for the exact test to be able to reach alpha, beside `ties`."""
    found = pairs_needed(center, spread, alpha / max(1, compared))
    return None if found is None else max(found, pairs_to_reach(alpha) + ties)


def _unpaired(found: Effect, group: Members, baseline: Members, question: Question) -> Effect:
    """Two independent samples, where fewer than two seeds are shared: Welch's interval."""
    ours, theirs = list(group.means().values()), list(baseline.means().values())
    interval = welch_interval(ours, theirs, question.level)
    if interval is None:
        return found
    base = mean(theirs)
    return found.model_copy(
        update={
            "paired": False,
            "mean": interval.mean,
            "interval": _interval(interval, question.level, "Welch's t, unpaired"),
            "improvement": _improvement(ours, theirs, question),
            "relative": _relative(interval.mean, base),
            "p_t": interval.p,
        }
    )


def _interval(found: Mean | None, level: float, method: str) -> Interval | None:
    if found is None:
        return None
    return Interval(low=found.low, high=found.high, level=level, method=f"{method}, {freedom(found.df)}")


def _relative(difference: float, base: float) -> float | None:
    """A difference over the baseline's mean; None where that is 0, or so small that this is no number."""
    found = difference / base if base else math.inf
    return found if math.isfinite(found) else None


def _wins(differences: Sequence[float], question: Question) -> dict[str, int]:
    up, down = sum(each > 0 for each in differences), sum(each < 0 for each in differences)
    return {"wins": down, "losses": up} if question.better == "lower" else {"wins": up, "losses": down}


def _improvement(ours: Sequence[float], theirs: Sequence[float], question: Question) -> float | None:
    if not question.better:
        return None
    return probability_of_improvement(ours, theirs, question.better == "higher")


def _done(rows: Sequence[Measured]) -> tuple[Measured, ...]:
    return tuple(row for row in rows if row.value is not None)


def _values(rows: Sequence[Measured]) -> list[float]:
    return [row.value for row in rows if row.value is not None]


def _differing(ours: Sequence[Measured], theirs: Sequence[Measured]) -> tuple[Measured, Measured] | None:
    """Two rows that were measured on other data; None if all are the same or unknown."""
    for one in ours:
        for other in theirs:
            if one.data != other.data and one.data is not None and other.data is not None:
                return one, other
    return None


def _apart(group: Members, baseline: Members) -> tuple[Measured, Measured] | None:
    """A row of each, if no two rows of them were measured on the same data."""
    ours, theirs = _done(list(group.rows())), _done(list(baseline.rows()))
    known = {row.data for row in ours}
    if (
        not ours
        or not theirs
        or None in known
        or any(row.data is None or row.data in known for row in theirs)
    ):
        return None
    return ours[0], theirs[0]


def _why(group: Members, baseline: Members, seed: int) -> str:
    parts = [
        f"`{side.name}` {'has ' if side.state(seed) != 'missing' else 'is '}{side.state(seed)}"
        for side in (group, baseline)
        if not side.done(seed)
    ]
    return " and ".join(parts) or "no arms of it are done on both sides"
