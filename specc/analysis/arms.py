"""Points of the sweep, and seeds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import prod

from specc.analysis.definition import Definition
from specc.analysis.evaluate import Evaluator, Point
from specc.analysis.values import ERROR, Amount, ComponentValue, StageValue, Unit, Value, describe, show
from specc.diagnostics import Label, Report, Span
from specc.language import ast
from specc.study import Axis, AxisType

MOST_ARMS = 100_000
"""Arms of an experiment, unless `--max-arms` says otherwise."""

_UNIT_TYPES: dict[Unit, AxisType] = {
    Unit.SHARE: "fraction",
    Unit.TOKENS: "tokens",
    Unit.STEPS: "steps",
    Unit.SEQUENCES: "sequences",
}


@dataclass(frozen=True, slots=True)
class Factor:
    """A `sweep`: names that move together, and the values they take."""

    names: tuple[str, ...]
    values: tuple[tuple[Value, ...], ...]
    span: Span


def factors(definition: Definition, evaluator: Evaluator, report: Report) -> list[Factor]:
    """The sweeps of an experiment, their values checked to be of one type each."""
    found = []
    for sweep in definition.sweeps:
        factor = _factor(sweep, evaluator, report)
        if factor is not None:
            found.append(factor)
    return found


def _factor(sweep: ast.Sweep, evaluator: Evaluator, report: Report) -> Factor | None:
    used = evaluator.dependencies(sweep.values)
    if used:
        report.add("E0304", f"values of a sweep can't depend on the axis `{used[0]}`", sweep.values.span)
        return None
    value = evaluator.value(sweep.values, {})
    if value is ERROR:
        return None
    names = ", ".join(name.text for name in sweep.names)
    if not isinstance(value, tuple) or not value:
        report.add(
            "E0304",
            "a sweep needs a list of values",
            sweep.values.span,
            help=f"write `sweep {names} in [0%, 50%]`" if not sweep.zipped else None,
        )
        return None
    nodes = sweep.values.items if isinstance(sweep.values, ast.ListOf) else ()
    rows: list[tuple[Value, ...]] = []
    alike: dict[object, list[tuple[Value, ...]]] = {}  # a sweep of thousands compares each with few
    for place, item in enumerate(value):
        span = nodes[place].span if nodes else sweep.values.span
        row = item if sweep.zipped else (item,)
        if sweep.zipped and (not isinstance(item, tuple) or len(item) != len(sweep.names)):
            report.add(
                "E0304",
                f"this must be a tuple of {len(sweep.names)} values, one for each of {names}",
                span,
                help=f"write it like `{_example(value, len(sweep.names))}`",
            )
            return None
        rivals = alike.setdefault(_bucket(row), [])
        if row in rivals:
            first = nodes[rows.index(row)].span if nodes else span
            report.add(
                "E0304",
                f"`{span.text}` is in the sweep twice",
                span,
                secondary=[Label(first, "first here")],
                help="remove one",
            )
            return None
        rivals.append(row)
        rows.append(row)
    for column, name in enumerate(sweep.names):
        kinds = {_axis_type([row[column]]) for row in rows}
        if kinds == {"int", "float"}:
            continue
        if len(kinds) > 1 or None in kinds:
            odd = next(
                (
                    i
                    for i, row in enumerate(rows)
                    if _axis_type([row[column]]) != _axis_type([rows[0][column]])
                ),
                0,
            )
            span = nodes[odd].span if nodes else sweep.values.span
            what = describe(rows[odd][column])
            if None in kinds:
                report.add("E0304", f"{what} can't be swept", span)
            else:
                report.add(
                    "E0304",
                    f"values of `{name.text}` have different types: {describe(rows[0][column])} and {what}",
                    span,
                    help="give all values of an axis in one unit",
                )
            return None
    return Factor(tuple(name.text for name in sweep.names), tuple(rows), sweep.span)


def _bucket(value: Value) -> object:
    """Something hashable that equal values have in common."""
    if isinstance(value, tuple):
        return tuple(_bucket(item) for item in value)
    return value.signature.name if isinstance(value, ComponentValue) else value


def _example(rows: tuple[Value, ...], length: int) -> str:
    """A tuple of the wanted length, from those that are right if there are any."""
    for row in rows:
        if isinstance(row, tuple) and len(row) == length:
            return "(" + ", ".join(show(value) for value in row) + ")"
    return "(" + ", ".join(["64", "1e-3", "10%", *["1"] * length][:length]) + ")"


def _shown(value: Value) -> str:
    number = isinstance(value, Amount) and value.unit is Unit.NUMBER
    return str(value) if number else describe(value)


def _axis_type(values: list[Value]) -> AxisType | None:
    first = values[0]
    if isinstance(first, bool):
        return "bool"
    if isinstance(first, str | ComponentValue | StageValue):
        return "string"
    if isinstance(first, Amount):
        if first.unit is Unit.NUMBER:
            return (
                "int" if all(isinstance(v, Amount) and v.value.denominator == 1 for v in values) else "float"
            )
        return _UNIT_TYPES.get(first.unit)
    return None


def axis_value(value: Value, kind: AxisType) -> object:
    """The value as it stands in a column of the results."""
    if isinstance(value, Amount):
        return int(value.value) if kind in ("tokens", "steps", "sequences", "int") else float(value.value)
    if isinstance(value, bool | str):
        return value
    return show(value)


def axes(found: list[Factor]) -> tuple[Axis, ...]:
    """Axes with their column types."""
    result = []
    for factor in found:
        for column, name in enumerate(factor.names):
            values = [row[column] for row in factor.values]
            kind = _axis_type(values)
            assert kind is not None
            unique = dict.fromkeys(axis_value(value, kind) for value in values)
            result.append(Axis(name=name, type=kind, values=tuple(unique)))
    return tuple(result)


def points(found: list[Factor]) -> Iterator[dict[str, Value]]:
    """All points of the sweep: the product of its factors, the last one moving fastest."""
    for rows in product(*(factor.values for factor in found)):
        yield {
            name: value
            for factor, row in zip(found, rows, strict=True)
            for name, value in zip(factor.names, row, strict=True)
        }


def count_points(found: list[Factor]) -> int:
    """Number of points, without making them."""
    return prod(len(factor.values) for factor in found)


def seeds(definition: Definition, evaluator: Evaluator, report: Report) -> tuple[int, ...]:
    """The seeds of an experiment; 0 alone if it names none."""
    node = definition.seeds
    if node is None:
        return (0,)
    values = []
    for expression in node.values:
        value = evaluator.value(expression, {})
        if value is ERROR:
            return (0,)
        if not isinstance(value, Amount) or value.unit is not Unit.NUMBER or value.value.denominator != 1:
            report.add("E0301", f"a seed is a whole number, not {_shown(value)}", expression.span)
            return (0,)
        if not 0 <= value.value < 2**31:
            report.add("E0303", f"a seed is at least 0 and below 2147483648, not {value}", expression.span)
            return (0,)
        values.append(int(value.value))
    if node.is_range:
        first, last = values
        if last < first:
            report.add(
                "E0303",
                f"the range of seeds {first}..{last} is empty",
                node.span,
                help=f"write `seeds {last}..{first}`",
            )
            return (0,)
        if last - first >= 10**7:
            report.add("E0505", f"{last - first + 1:,} seeds are more than an experiment may have", node.span)
            return (0,)
        return tuple(range(first, last + 1))
    if not values:
        report.add("E0303", "an experiment needs at least one seed", node.span, help="write `seeds 0..2`")
        return (0,)
    if len(set(values)) < len(values):
        report.add("E0304", "a seed is given twice", node.span, help="remove one")
        return tuple(dict.fromkeys(values))
    return tuple(values)


__all__ = ["MOST_ARMS", "Factor", "Point", "axes", "axis_value", "count_points", "factors", "points", "seeds"]
