"""What the arms of an experiment differ in: columns for the axes, and seeds."""

from __future__ import annotations

from specc.analysis.definition import Definition
from specc.analysis.evaluate import Evaluator
from specc.analysis.sweeps import Grid
from specc.analysis.values import (
    ERROR,
    Amount,
    ComponentValue,
    Computed,
    CorpusValue,
    DataValue,
    StageValue,
    Unit,
    Value,
    describe,
    show,
)
from specc.diagnostics import Report
from specc.study import Axis, AxisType

MOST_ARMS = 100_000
"""Arms of an experiment, unless `--max-arms` says otherwise."""

_UNIT_TYPES: dict[Unit, AxisType] = {
    Unit.SHARE: "fraction",
    Unit.TOKENS: "tokens",
    Unit.STEPS: "steps",
    Unit.SEQUENCES: "sequences",
}


def _shown(value: Value) -> str:
    number = isinstance(value, Amount) and value.unit is Unit.NUMBER
    return str(value) if number else describe(value)


def axis_type(values: list[Value]) -> AxisType | None:
    """Type of the column that holds an axis' values, which are of one type; None if it can't be swept."""
    first = values[0]
    if isinstance(first, bool):
        return "bool"
    if isinstance(first, str | ComponentValue | StageValue | Computed | CorpusValue | DataValue):
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


def axes(grid: Grid) -> tuple[Axis, ...]:
    """Axes with their column types."""
    result = []
    for factor in grid.factors:
        for column, name in enumerate(factor.names):
            values = [row[column] for row in factor.values]
            kind = axis_type(values)
            assert kind is not None
            unique = dict.fromkeys(axis_value(value, kind) for value in values)
            result.append(Axis(name=name, type=kind, values=tuple(unique)))
    return tuple(result)


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


__all__ = ["MOST_ARMS", "axes", "axis_type", "axis_value", "seeds"]
