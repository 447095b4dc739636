"""What two named groups differ in beside what was meant: a difference may come from any of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from specc.comparing.groups import PLACES, Members
from specc.comparing.model import Question
from specc.words import count


def notes(members: Sequence[Members], baseline: Members, question: Question) -> list[str]:
    """Named groups that differ from the baseline in several names, or share arms with it, in sentences.

    A name that no group fixes is none of them: arms pair with those that are equal in it.
    """
    fixed = [name for side in question.sides for name in side.given if name not in ("seed", *PLACES)]
    told = []
    for group in members if question.sides else ():
        if group is baseline:
            continue
        apart = [f"`{name}`" for name in dict.fromkeys(fixed) if _differ(group, baseline, name)]
        if len(apart) > 1:
            listed = f"{', '.join(apart[:-1])} and {apart[-1]}"
            told.append(
                f"`{group.name}` and `{baseline.name}` differ in {listed}: what each does can't be told apart"
            )
        shared = _arms(group) & _arms(baseline)
        if shared:
            told.append(
                f"{count(len(shared), 'arm')} of `{group.name}` {'is' if len(shared) == 1 else 'are'} in "
                f"`{baseline.name}` too"
            )
    return told


def _differ(group: Members, baseline: Members, name: str) -> bool:
    """Whether the arms of the two have other values of a name that all of them have."""
    sides = [[row.names for row in each.rows()] for each in (group, baseline)]
    if not all(name in names for side in sides for names in side):
        return False
    ours, theirs = ({_value(names[name]) for names in side} for side in sides)
    return ours != theirs


def _value(value: Any) -> Any:
    """A value to look up: a number as it is written with 12 digits."""
    return f"{value:.12g}" if isinstance(value, float) else value


def _arms(members: Members) -> set[tuple[int, str, int]]:
    return {(id(row.source), row.experiment, row.arm) for row in members.rows()}
