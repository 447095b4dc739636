"""Replay: what the stages behind a stage have read, weighted by how long ago that was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from specc.analysis.findings import Finding
from specc.analysis.measures import mark_of
from specc.analysis.settings import StageSettings
from specc.diagnostics import Span

if TYPE_CHECKING:
    from specc.analysis.resolved import Reading, ResolvedStage


@dataclass(frozen=True, slots=True)
class Past:
    """What an earlier stage has read of a corpus, in tokens, and its weight among all that was read."""

    stage: str
    reading: Reading
    tokens: int
    weight: Fraction


def past_of(settings: StageSettings, stages: Mapping[str, ResolvedStage], decay: Fraction) -> list[Past]:
    """What the lineage of a stage has read, the latest first; what it read again is left out.

    A stage's tokens weigh 1 for the parent, `decay` for its parent, and so on. A stage of 0 tokens is
    none. Where several stages are behind a checkpoint, all of them are parents; one that is met twice
    counts where it is nearest.
    """
    found: list[Past] = []
    waiting = [(place, Fraction(1)) for place in settings.parent.stages]
    seen: set[str] = set()
    while waiting:
        further = []
        for place, weight in waiting:
            if place.stage in seen:
                continue
            seen.add(place.stage)
            stage = stages[place.stage]
            if not stage.steps:
                further += [(before, weight) for before in stage.settings.parent.stages]
                continue
            read = stage.counts(mark_of(place, stage).step * stage.settings.batch)
            for reading, sequences in zip(stage.readings, read, strict=True):
                tokens = sequences * stage.settings.sequence
                if tokens and not reading.replay_of:
                    found.append(Past(stage.name, reading, tokens, tokens * weight))
            further += [(before, weight * decay) for before in stage.settings.parent.stages]
        waiting = further
    return found


def shared_out(tokens: int, past: list[Past]) -> list[int]:
    """Tokens to be read again of each past reading, in proportion to their weights, none lost."""
    from specc.analysis.allocation import split_row

    whole = sum(each.weight for each in past)
    shares = {str(number): each.weight / whole for number, each in enumerate(past)}
    return list(split_row(tokens, shares).values())


def nothing_past(name: str, settings: StageSettings, span: Span) -> Finding:
    """Say that a stage has nothing to read again."""
    before = settings.parent.stages
    return Finding(
        "E0424",
        f"stage `{name}` has no past to replay",
        span,
        "no stage before it has read anything" if before else "it comes from a model: no stage is before it",
        help="leave `replay` out, or write `replay = past(share = 0%)`",
        key=(name,),
    )
