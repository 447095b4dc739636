"""Whether a group is worse than the baseline: the rule by which `--fail-if-worse` ends a build.

A group is worse if its whole interval lies beyond the margin on the worse side, if it diverged or failed at
a seed at which the baseline has a result, or if more of its arms did than the baseline lacks. Where no
interval can be given (one seed, or differences that are all equal) a difference beyond a margin above 0
counts. What the interval leaves open passes; where more seeds would tell, that is told. Neither Holm's rule
nor the exact test is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from specc.comparing.model import Compared, Effect, Question, State
from specc.comparing.sentences import figure, interval_text, signed
from specc.errors import QueryError
from specc.words import count

LOST: tuple[State, ...] = ("diverged", "failed")
"""What a group may not be where the baseline is not."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is worse, and what could not be told, in sentences."""

    worse: tuple[str, ...]
    untold: tuple[str, ...]


def judge(answers: Sequence[Compared], margin: float = 0.0) -> Judgement:
    """Judge all effects of all answers.

    Args:
        margin: how much worse a group may be, in units of the result; 0 or more.
    Raises:
        QueryError: if there is nothing to judge, it isn't known what is better, or data differ.
    """
    worse: list[str] = []
    untold: list[str] = []
    judged = 0
    for answer in answers:
        if not answer.question.better:
            raise QueryError(
                f"it isn't known which results of `{answer.question.eval}` are better",
                "write `--better lower` or `--better higher`",
            )
        for effect in answer.effects:
            where = f"{answer.question.eval} after {answer.question.stage}: `{effect.group}`"
            if effect.refusal:
                raise QueryError(
                    f"{where} can't be judged: {effect.refusal}", "evaluate both on the same data"
                )
            lost = _lost(answer, effect)
            if lost:
                worse.append(f"{where} {lost}")
            elif effect.mean is None:
                untold.append(f"{where}: no seed has both results yet")
                continue
            elif _is_worse(effect, answer.question, margin):
                beyond = f", beyond the margin of {figure(margin)}" if margin else ""
                worse.append(
                    f"{where} is worse than `{effect.baseline}` by {figure(abs(effect.mean))} "
                    f"{interval_text(effect.interval)}".rstrip()
                    + beyond
                )
            elif effect.interval is None and effect.mean != 0 and margin == 0:
                untold.append(
                    f"{where}: {signed(effect.mean)}, but no interval follows from its "
                    "differences; a margin would judge it"
                )
            elif effect.verdict == "not resolvable":
                untold.append(f"{where}: {signed(effect.mean)}, not resolvable, passes")
            judged += 1
    if not judged:
        raise QueryError(
            "there is nothing to judge" + (f": {untold[0]}" if untold else ""),
            "wait for results of both sides, or name others",
        )
    return Judgement(tuple(worse), tuple(untold))


def _is_worse(effect: Effect, question: Question, margin: float) -> bool:
    assert effect.mean is not None
    sign = 1 if question.better == "lower" else -1
    if effect.interval is None:
        return margin > 0 and sign * effect.mean > margin
    return min(sign * effect.interval.low, sign * effect.interval.high) > margin


def _lost(answer: Compared, effect: Effect) -> str:
    """Seeds that the group lost and the baseline did not, in words, or that it lost more of its arms;
    empty if neither."""
    groups = {group.name: group for group in answer.groups}
    group, baseline = groups[effect.group], groups[effect.baseline]
    done = {seed.seed for seed in baseline.seeds if seed.state == "done"}
    lost = [seed for seed in group.seeds if seed.state in LOST and seed.seed in done]
    if lost:
        states = " and ".join(dict.fromkeys(seed.state for seed in lost))
        seeds = ", ".join(str(seed.seed) for seed in lost)
        return f"{states} at seed{'s' * (len(lost) > 1)} {seeds} where `{effect.baseline}` has results"
    ours = sum(group.lost.get(state, 0) for state in LOST)
    if ours > baseline.left_out:
        return (
            f"has {count(ours, 'arm')} that diverged or failed, where `{effect.baseline}` lacks "
            f"{baseline.left_out:,}"
        )
    return ""
