"""Comparisons and frontiers as flat tables, for CSV, Markdown and LaTeX."""

from __future__ import annotations

from collections.abc import Sequence

from specc.comparing.model import Compared, Effect, Frontier, Group
from specc.comparing.sentences import figure, interval_text
from specc.results.query import Answer

COLUMNS: tuple[tuple[str, str], ...] = (
    ("eval", "VARCHAR"),
    ("metric", "VARCHAR"),
    ("stage", "VARCHAR"),
    ("position", "DOUBLE"),
    ("group", "VARCHAR"),
    ("baseline", "VARCHAR"),
    ("n", "BIGINT"),
    ("diverged", "BIGINT"),
    ("failed", "BIGINT"),
    ("missing", "BIGINT"),
    ("mean", "DOUBLE"),
    ("sd", "DOUBLE"),
    ("interquartile_mean", "DOUBLE"),
    ("low", "DOUBLE"),
    ("high", "DOUBLE"),
    ("pairs", "BIGINT"),
    ("difference", "DOUBLE"),
    ("difference_low", "DOUBLE"),
    ("difference_high", "DOUBLE"),
    ("relative", "DOUBLE"),
    ("p_t", "DOUBLE"),
    ("p_sign_flip", "DOUBLE"),
    ("p_holm", "DOUBLE"),
    ("verdict", "VARCHAR"),
    ("n_needed", "BIGINT"),
    ("tokens", "DOUBLE"),
    ("flops", "DOUBLE"),
    ("arms_left_out", "BIGINT"),
    ("selected", "BOOLEAN"),
    ("paired", "BOOLEAN"),
)


def full_table(answers: Sequence[Compared]) -> Answer:
    """A row for each group of each answer, with all numbers; the baseline's has no difference."""
    rows = []
    for answer in answers:
        effects = {effect.group: effect for effect in answer.effects}
        asked = answer.question
        for group in answer.groups:
            place = (asked.eval, asked.metric, asked.stage, asked.position)
            effect = effects.get(group.name)
            numbers = (*_group(group), *_effect(effect), group.tokens, group.flops)
            marks = (group.left_out, group.selected, None if effect is None else effect.paired)
            rows.append((*place, group.name, asked.baseline, *numbers, *marks))
    return Answer(tuple(name for name, _ in COLUMNS), tuple(type for _, type in COLUMNS), rows)


def short_table(answer: Compared) -> Answer:
    """What a paper shows: each group's mean and its difference, with intervals, and what its mean lacks.

    A group that was selected by these results, and a difference that is not paired, are marked.
    """
    effects = {effect.group: effect for effect in answer.effects}
    rows = []
    for group in answer.groups:
        effect = effects.get(group.name)
        rows.append(
            (
                group.name + " (selected)" * group.selected,
                group.n,
                ", ".join(f"{number} {state}" for state, number in group.lost.items()),
                "" if group.mean is None else figure(group.mean),
                interval_text(group.interval).replace("+", ""),
                "" if effect is None or effect.mean is None else figure(effect.mean),
                "" if effect is None else interval_text(effect.interval).replace("+", ""),
                "" if effect is None or effect.p_holm is None else figure(effect.p_holm),
                "baseline" if effect is None else effect.verdict + ", unpaired" * (not effect.paired),
            )
        )
    name = answer.question.eval
    columns = ("group", "n", "lost", name, "interval", "difference", "interval ", "p Holm", "verdict")
    types = ("VARCHAR", "BIGINT", *("VARCHAR",) * 7)
    if any(group.lost for group in answer.groups):
        return Answer(columns, types, rows)
    return Answer((*columns[:2], *columns[3:]), types[:-1], [(*row[:2], *row[3:]) for row in rows])


def frontier_table(found: Frontier) -> Answer:
    """A row for each point."""
    names = [each.eval for each in (found.x, found.y)]
    ends = [f"{name}_{end}" for name in names for end in ("low", "high")]
    columns = ("group", "series", "n", *names, *ends, "dominated", "strictly", "on_hull")
    rows = [
        (
            point.name,
            point.series,
            point.n,
            point.x,
            point.y,
            *(
                end
                for interval in (point.x_interval, point.y_interval)
                for end in ((None, None) if interval is None else (interval.low, interval.high))
            ),
            point.dominated,
            point.strictly,
            point.on_hull,
        )
        for point in found.points
    ]
    types = ("VARCHAR", "VARCHAR", "BIGINT", *("DOUBLE",) * 6, *("BOOLEAN",) * 3)
    return Answer(columns, types, rows)


def _group(group: Group) -> tuple[object, ...]:
    lost = (sum(seed.state == state for seed in group.seeds) for state in ("diverged", "failed", "missing"))
    ends = (None, None) if group.interval is None else (group.interval.low, group.interval.high)
    return group.n, *lost, group.mean, group.sd, group.interquartile_mean, *ends


def _effect(effect: Effect | None) -> tuple[object, ...]:
    if effect is None:
        return (None,) * 10
    ends = (None, None) if effect.interval is None else (effect.interval.low, effect.interval.high)
    numbers = (effect.relative, effect.p_t, effect.p_sign_flip, effect.p_holm)
    return len(effect.pairs), effect.mean, *ends, *numbers, effect.verdict, effect.n_needed
