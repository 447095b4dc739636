"""The wide view of an experiment: a row per arm, and a column for each thing that differs among arms."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from specc.results.settings import Rows, flattened
from specc.results.tables import Column
from specc.study import StageRun, Study

MOST_COLUMNS = 1000
"""Columns beside the arm's that a wide view has; later ones are left out, and stand in `results`."""

_ARM = ("arm", "recipe", "seed")
_COUNT = re.compile(r"-?[\d_,]*\.?\d+[KMBT]?( [a-z]+)?")


@dataclass(frozen=True, slots=True)
class WideColumn:
    """A column of a wide view: a setting of a stage, or the result of an evaluation after it.

    Attributes:
        source: the setting's dotted name, or the evaluation's.
    """

    name: str
    type: str
    kind: Literal["setting", "result"]
    stage: str
    source: str

    @property
    def column(self) -> Column:
        what = "setting" if self.kind == "setting" else "result of"
        place = "of" if self.kind == "setting" else "after"
        return Column(self.name, self.type, f"{what} `{self.source}` {place} stage `{self.stage}`")


def setting_sets(study: Study) -> tuple[list[int], list[Rows]]:
    """Of each stage of each arm, the number of its settings; and what the settings are."""
    numbers: dict[str, int] = {}
    by_text: dict[int, int] = {}
    sets: list[Rows] = []
    found = []
    for run in study.stages:
        known = by_text.get(id(run.settings))
        if known is None:
            known = numbers.setdefault(repr(run.settings), len(numbers))
            by_text[id(run.settings)] = known
            if known == len(sets):
                sets.append(flattened(run.settings))
        found.append(known)
    return found, sets


def wide_columns(
    study: Study, axes: Sequence[Column], numbers: Sequence[int], sets: Sequence[Rows]
) -> list[WideColumn]:
    """Columns of the wide view behind those of the arm: settings that differ among arms, then results.

    Args:
        axes: columns of the axes. numbers, sets: see `setting_sets`.
    """
    taken = {*_ARM, *(axis.name.lower() for axis in axes)}
    columns = []
    for kind, type, stage, source, wanted in [
        *_settings(study.stages, numbers, sets),
        *_results(study),
    ][:MOST_COLUMNS]:
        name = _free(wanted, taken)
        columns.append(WideColumn(name, type, kind, stage, source))
    return columns


_Found = tuple[Literal["setting", "result"], str, str, str, str]
"""Kind, type, stage, source and wanted name of a column."""


def _settings(stages: Sequence[StageRun], numbers: Sequence[int], sets: Sequence[Rows]) -> list[_Found]:
    """Settings that differ among the arms that have the stage."""
    by_stage: dict[str, set[int]] = {}
    for run, number in zip(stages, numbers, strict=True):
        by_stage.setdefault(run.stage, set()).add(number)
    found: list[_Found] = []
    for stage, used in by_stage.items():
        rows = [sets[number] for number in sorted(used)]
        for name in dict.fromkeys(name for each in rows for name in each):
            values = {each.get(name) for each in rows}
            if len(values) > 1:
                given = [value for value in values if value is not None and value[0] != "none"]
                found.append(("setting", _type(given), stage, name, f"{stage}_{name}"))
    return found


def _type(values: Sequence[tuple[str, float | None]]) -> str:
    numbers = [number for _, number in values if number is not None]
    if not values or len(numbers) < len(values):
        return "BOOLEAN" if values and {text for text, _ in values} <= {"true", "false"} else "VARCHAR"
    whole = all(_COUNT.fullmatch(text) for text, _ in values) and all(
        number.is_integer() and abs(number) < 2**53 for number in numbers
    )
    return "BIGINT" if whole else "DOUBLE"


def _results(study: Study) -> list[_Found]:
    """Results at the ends of stages; named after their evaluation alone if it is measured after one only."""
    places = dict.fromkeys((each.eval, each.stage) for each in study.measures if each.position == 1)
    stages: dict[str, int] = {}
    for name, _ in places:
        stages[name] = stages.get(name, 0) + 1
    return [
        ("result", "DOUBLE", stage, name, name if stages[name] == 1 else f"{name}_{stage}")
        for name, stage in places
    ]


def _free(wanted: str, taken: set[str]) -> str:
    """A name of letters, digits and underscores that no other column has; it is taken from now on."""
    plain = re.sub(r"\W+", "_", wanted).strip("_") or "value"
    name, number = plain, 2
    while name.lower() in taken:
        name, number = f"{plain}_{number}", number + 1
    taken.add(name.lower())
    return name
