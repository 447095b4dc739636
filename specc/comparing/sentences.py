"""Comparisons in words: what is shown, what is not, and what would show it."""

from __future__ import annotations

from collections.abc import Sequence

from specc.comparing.model import Effect, Group, Interval, Question
from specc.words import count

MOST_NAMED = 6
"""Groups that notes name one by one; more are counted."""

TWO_SOURCES = (
    "an interval over seeds says what training again would give on these documents, one over documents "
    "what other documents would give with these very models; that a recipe is better takes both"
)


def figure(value: float) -> str:
    """A number with three significant digits.

    >>> [figure(value) for value in (0.11812, 1234.5, 0.00001234, 0.0)]
    ['0.118', '1234', '1.23e-05', '0']
    """
    return f"{value:.0f}" if 1000 <= abs(value) < 1e9 else f"{value:.3g}"


def signed(value: float) -> str:
    """The same, with its sign.

    >>> signed(0.11812), signed(-0.5), signed(0.0)
    ('+0.118', '-0.5', '0')
    """
    return f"{'+' if value > 0 else ''}{figure(value)}"


def interval_text(interval: Interval | None) -> str:
    """An interval, for instance `[-0.222, -0.0152]`; empty if there is none."""
    return "" if interval is None else f"[{signed(interval.low)}, {signed(interval.high)}]"


def title(question: Question, baseline: str = "") -> str:
    """For instance `L_ret after finetune, by early`."""
    part = "" if question.position == 1 else f"{100 * question.position:.4g}% of "
    what = f"{question.eval} after {part}{question.stage}"
    if question.sides:
        names = [side.name for side in question.sides]
        return f"{what}: " + " against ".join([*reversed(names)] if len(names) == 2 else names)
    by = f", by {' and '.join(question.by)}" if question.by else ""
    given = "".join(f", {name} = {value}" for name, value in question.given.items())
    return what + by + given


def sentence(effect: Effect, question: Question) -> str:
    """An effect in a sentence."""
    names = f"`{effect.group}` against `{effect.baseline}`"
    if effect.refusal:
        return f"{names}: not comparable, {effect.refusal}"
    if effect.mean is None:
        why = "; ".join(effect.unpaired[:3]) or "no results yet"
        return f"{names}: no seed has both results ({why})"
    size = _size(effect, question)
    over = _over(effect)
    if effect.verdict in ("better", "worse", "higher", "lower"):
        told = f"`{effect.group}` is {effect.verdict} than `{effect.baseline}`: {size}{over}"
        return told + _caveat(effect, question) + _left_out(effect)
    if effect.verdict == "not resolvable":
        enough = f", n = {effect.n_needed:,} would be" if effect.n_needed else ", and takes a second one"
        within = f" {interval_text(effect.interval)}" if effect.interval else ""
        told = f"{names}: {size}{within}, not resolvable with {count(len(effect.pairs), 'seed')}{enough}"
        return told + _too_few(effect, question) + _holm(effect, question) + _left_out(effect)
    if effect.mean == 0 and effect.sd == 0:
        return f"{names}: the same results at {count(len(effect.pairs), 'seed')}" + _left_out(effect)
    told = f"{names}: no difference shown, {size}{over}"
    if effect.paired and effect.mean:
        needed = f"n = {effect.n_needed:,}" if effect.n_needed else "more seeds than anyone trains"
        told += f"; one of this size takes {needed}"
    return told + _holm(effect, question) + _left_out(effect)


def headline(question: Question, groups: Sequence[Group], effects: Sequence[Effect], best: str) -> str:
    """The answer in a sentence."""
    if not effects:
        return (
            f"only `{groups[0].name}` is there, and nothing to compare it with"
            if groups
            else "no results yet"
        )
    if not any(group.n for group in groups):
        lost = sum(group.left_out for group in groups)
        return f"no results yet, of {count(lost, 'arm')} in {count(len(groups), 'group')} ({_lost(groups)})"
    if len(effects) == 1:
        return effects[0].sentence
    baseline = effects[0].baseline
    shown = [each for each in effects if each.verdict in ("better", "higher", "lower")]
    worse = [each for each in effects if each.verdict == "worse"]
    measured = [each for each in effects if each.mean is not None]
    parts = []
    if shown:
        top = max(shown, key=lambda each: abs(each.mean or 0.0))
        word = "better than" if question.better else "other than"
        parts.append(
            f"{_of(len(shown), len(effects))} {word} `{baseline}`, most of all `{top.group}` "
            f"({_size(top, question)}{_over(top)})"
        )
    if worse:
        top = max(worse, key=lambda each: abs(each.mean or 0.0))
        parts.append(
            f"{_of(len(worse), len(effects))} worse{'' if shown else f' than `{baseline}`'}, most of all "
            f"`{top.group}` ({_size(top, question)}{_over(top)})"
        )
    if measured and all(each.mean == 0 and each.sd == 0 for each in measured):
        return f"all of {count(len(measured) + 1, 'group')} have the same results"
    if not parts and measured:
        top = max(measured, key=lambda each: abs(each.mean or 0.0))
        enough = (
            f", n = {top.n_needed:,} would be" if top.verdict == "not resolvable" and top.n_needed else ""
        )
        parts.append(
            f"none of {count(len(effects), 'group')} is shown to differ from `{baseline}`; the largest "
            f"difference is of `{top.group}` ({_size(top, question)}{_over(top)}, {top.verdict}{enough})"
        )
    if not measured:
        refused = next((each for each in effects if each.refusal), None)
        parts.append(refused.sentence if refused else f"nothing can be compared with `{baseline}` yet")
    best_group = next((group for group in groups if group.name == best), None)
    if best_group is not None and best_group.mean is not None and not any(f"`{best}`" in p for p in parts):
        parts.append(f"best mean: `{best}`, {figure(best_group.mean)}")
    return "; ".join(parts)


def states(groups: Sequence[Group]) -> list[str]:
    """Results that are not there, by group; of many groups, how many."""
    lacking = [group for group in groups if group.left_out or group.n < len(group.seeds)]
    if len(lacking) > MOST_NAMED:
        lost = sum(group.left_out for group in lacking)
        return [f"{count(lost, 'result')} of {count(len(lacking), 'group')} are not there ({_lost(lacking)})"]
    told = []
    for group in lacking:
        parts = [
            f"{'seed' if len(seeds) == 1 else 'seeds'} {', '.join(seeds)} {state}"
            for state in ("diverged", "failed", "missing")
            if (seeds := [str(each.seed) for each in group.seeds if each.state == state])
        ]
        rest = group.left_out - sum(group.arms for each in group.seeds if each.state != "done")
        if rest > 0:
            verb = "is" if rest == 1 else "are"
            parts.append(
                f"{count(rest, 'arm')} of the other seeds {verb} left out of their means (of all its arms: "
                f"{_lost([group])})"
            )
        told.append(
            f"`{group.name}`: {'; '.join(parts)}; {group.n} of {count(len(group.seeds), 'seed')} done"
        )
    return told


def _lost(groups: Sequence[Group]) -> str:
    """Arms without a result by what became of them, for instance `3 diverged, 1 missing`."""
    numbers = {
        state: sum(group.lost.get(state, 0) for group in groups)
        for state in ("diverged", "failed", "missing")
    }
    return ", ".join(f"{number:,} {state}" for state, number in numbers.items() if number)


def _of(number: int, all_of_them: int) -> str:
    return f"{number} of {all_of_them} groups {'is' if number == 1 else 'are'}"


def _size(effect: Effect, question: Question) -> str:
    """For instance `L_ret 0.118 lower`."""
    assert effect.mean is not None
    if effect.mean == 0:
        return f"{question.eval} the same"
    return f"{question.eval} {figure(abs(effect.mean))} {'higher' if effect.mean > 0 else 'lower'}"


def _over(effect: Effect) -> str:
    if effect.interval is not None:
        how = f"{len(effect.pairs)} seeds paired" if effect.paired else "unpaired"
        return f" {interval_text(effect.interval)}, {how}"
    if effect.sd == 0:
        return f", equal at {count(len(effect.pairs), 'seed')}, so that no interval follows"
    return f" at {count(len(effect.pairs), 'seed')}"


def _caveat(effect: Effect, question: Question) -> str:
    alpha = 1 - question.level
    if not effect.paired:
        return "; the seeds are not the same, so nothing is paired"
    if effect.p_sign_flip is not None and effect.p_sign_flip > alpha:
        return f"; the exact sign-flip test does not confirm it (p = {figure(effect.p_sign_flip)})"
    return ""


def _too_few(effect: Effect, question: Question) -> str:
    """That an interval without 0 rests on normal noise where the exact test can't confirm it."""
    alpha = 1 - question.level + 1e-12
    if effect.p_holm is None or effect.smallest_p is None or not effect.p_holm <= alpha < effect.smallest_p:
        return ""
    return (
        f"; its interval leaves out 0 if noise is normal (p = {figure(effect.p_holm)}), which the exact "
        f"test can't confirm: it reaches p = {figure(effect.smallest_p)} at best"
    )


def _holm(effect: Effect, question: Question) -> str:
    """That an interval without 0 is not enough among several comparisons."""
    alpha = 1 - question.level
    if effect.p_t is not None and effect.p_holm is not None and effect.p_t <= alpha < effect.p_holm:
        return f"; its interval leaves out 0, but Holm's p over all comparisons is {figure(effect.p_holm)}"
    return ""


def _left_out(effect: Effect) -> str:
    if not effect.unpaired or not effect.paired:
        return ""
    if len(effect.unpaired) > 3:
        return f"; {len(effect.unpaired)} seeds are left out, the first: {effect.unpaired[0]}"
    return f"; left out: {'; '.join(effect.unpaired)}"
