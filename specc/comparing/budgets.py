"""What groups cost to train: a comparison of recipes that read or compute more is told as such."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from specc.comparing.groups import Members
from specc.comparing.rows import Source, relation
from specc.words import count

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

NOTABLE = 0.005
"""Share by which budgets may differ without a note: rounding to whole steps."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Tokens read and floating-point operations of training, as planned, along an arm's lineage."""

    tokens: float
    flops: float


@dataclass(frozen=True, slots=True)
class _Stage:
    parent: str
    tokens: int
    flops: float


def budgets(source: Source, experiment: str, stage: str) -> dict[int, Budget]:
    """What each arm's training costs up to the end of a stage.

    Followed along the stages' parents. An arm whose stage starts from a checkpoint that is computed, or
    from the middle of a stage, is left out: its lineage is not a chain of whole stages.
    """
    stages: dict[int, dict[str, _Stage]] = {}
    for arm, name, parent, tokens, flops in source.connection.execute(
        f"SELECT arm, stage, parent, tokens, flops FROM {relation(experiment, 'stages')}"
    ).fetchall():
        stages.setdefault(arm, {})[name] = _Stage(parent, tokens, flops)
    return {arm: found for arm, chain in stages.items() if (found := _along(chain, stage)) is not None}


def _along(stages: Mapping[str, _Stage], last: str) -> Budget | None:
    tokens, flops = 0.0, 0.0
    current, seen = last, set[str]()
    if current not in stages:
        return None
    while current in stages and current not in seen:
        seen.add(current)
        tokens += stages[current].tokens
        flops += stages[current].flops
        current = stages[current].parent
    # What the chain ends at is a model's name; other text that speaks of a stage is a computed checkpoint.
    return None if set(_NAME.findall(current)) & set(stages) else Budget(tokens, flops)


def of_group(group: Members, known: Mapping[tuple[int, str], Mapping[int, Budget]]) -> Budget | None:
    """Mean over the arms of a group; None if one of them is unknown."""
    found = [known.get((id(row.source), row.experiment), {}).get(row.arm) for row in group.rows()]
    if not found or any(each is None for each in found):
        return None
    kept = [each for each in found if each is not None]
    return Budget(sum(each.tokens for each in kept) / len(kept), sum(each.flops for each in kept) / len(kept))


def notes(found: Sequence[tuple[str, Budget | None]], baseline: str) -> list[str]:
    """What differs from the baseline's budget, in sentences; many groups in one."""
    base = next((budget for name, budget in found if name == baseline), None)
    if base is None:
        return []
    told = []
    for what, verb in (("tokens", "reads"), ("flops", "takes")):
        reference = getattr(base, what)
        amounts = [(name, float(getattr(budget, what))) for name, budget in found if budget is not None]
        apart = [
            (name, amount / reference - 1, amount)
            for name, amount in amounts
            if reference and abs(amount / reference - 1) > NOTABLE
        ]
        what = "FLOPs" if what == "flops" else what
        if len(apart) > 2:
            low, high = min(share for _, share, _ in apart), max(share for _, share, _ in apart)
            told.append(
                f"{count(len(apart), 'group')} differ from `{baseline}` in the {what} of their training: "
                f"by {low:+.1%} to {high:+.1%}"
            )
            continue
        told += [
            f"`{name}` {verb} {abs(share):.1%} {'more' if share > 0 else 'fewer'} {what} in training than "
            f"`{baseline}`: {_amount(amount)} against {_amount(reference)}"
            for name, share, amount in apart
        ]
    return told


def _amount(value: float) -> str:
    """A number with a decimal suffix, or an exponent.

    >>> _amount(950.0), _amount(460_800.0), _amount(9e9), _amount(3.465e11)
    ('950', '460.8K', '9B', '3.465e+11')
    """
    for size, suffix in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
        if size <= value < 1e11:
            return f"{value / size:.4g}{suffix}"
    return f"{value:.4g}"
