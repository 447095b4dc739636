"""The arms of a study as a report names them: groups of arms that differ by their seed alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from specc.graph.axes import arm_text, points_text, value_text
from specc.reporting.model import Choice
from specc.study import Arm, Study

Point = tuple[Any, ...]
"""Recipe and values of the axes, in their order."""


@dataclass(frozen=True)
class Arms:
    """The arms of a study."""

    study: Study

    @cached_property
    def axes(self) -> tuple[str, ...]:
        return tuple(axis.name for axis in self.study.axes)

    @cached_property
    def several_recipes(self) -> bool:
        return len({arm.recipe for arm in self.study.arms}) > 1

    @cached_property
    def _by_number(self) -> dict[int, Arm]:
        return {arm.arm: arm for arm in self.study.arms}

    @cached_property
    def groups(self) -> dict[Point, list[Arm]]:
        """Arms of each point, in order."""
        found: dict[Point, list[Arm]] = {}
        for arm in self.study.arms:
            found.setdefault(self.point(arm), []).append(arm)
        return found

    @cached_property
    def numbers(self) -> dict[Point, int]:
        """Place of each point, which chooses its colour and mark in all figures."""
        return {point: number for number, point in enumerate(self.groups)}

    def point(self, arm: Arm) -> Point:
        return (arm.recipe, *(arm.axes.get(name) for name in self.axes))

    def point_of(self, number: int) -> Point:
        return self.point(self._by_number[number])

    def name(self, point: Point) -> str:
        """A point as people name it, for instance `replay, early = 50%`."""
        return arm_text(self.study, self.groups[point][0], seed=False) or "all arms"

    def values(self, point: Point) -> dict[str, Any]:
        """Recipe (if there are several) and axes of a point, by name."""
        found = dict(zip(("recipe", *self.axes), point, strict=True))
        if not self.several_recipes:
            del found["recipe"]
        return found

    def shared(self, numbers: Iterable[int]) -> dict[str, Any]:
        """Values that some arms have in common."""
        found: dict[str, Any] | None = None
        for number in numbers:
            values = self.values(self.point_of(number))
            if found is None:
                found = values
            else:
                found = {name: value for name, value in found.items() if values[name] == value}
        return found or {}

    def text(self, numbers: Iterable[int]) -> str:
        """Which arms these are."""
        return points_text(self.study, numbers, most=4)

    @cached_property
    def choices(self) -> tuple[Choice, ...]:
        """What a page can be narrowed to."""
        found = []
        if self.several_recipes:
            recipes = dict.fromkeys(arm.recipe for arm in self.study.arms)
            found.append(Choice("recipe", tuple((each, each) for each in recipes)))
        for axis in self.study.axes:
            taken = {arm.axes.get(axis.name): arm for arm in reversed(self.study.arms)}
            if len(taken) > 1:
                texts = {value: value_text(arm, axis.name, axis.type) for value, arm in taken.items()}
                order = dict.fromkeys(arm.axes.get(axis.name) for arm in self.study.arms)
                found.append(Choice(axis.name, tuple((value, texts[value]) for value in order)))
        return tuple(found)

    def spread(self, most: int, first: Iterable[Point] = ()) -> list[Point]:
        """At most so many points, in order: those that come first, and others evenly chosen."""
        points = list(self.groups)
        if len(points) <= most:
            return points
        chosen = dict.fromkeys([point for point in first if point in self.groups][:most])
        left = [point for point in points if point not in chosen]
        room = most - len(chosen)
        chosen.update(dict.fromkeys(left[number * len(left) // room] for number in range(room)))
        return sorted(chosen, key=self.numbers.__getitem__)
