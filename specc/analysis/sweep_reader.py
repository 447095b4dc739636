"""`sweep` and `except` items, turned into the grid of an experiment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from specc.analysis.arms import axes, axis_type
from specc.analysis.definition import Definition, axis_names
from specc.analysis.evaluate import Evaluator
from specc.analysis.sweeps import Entry, Exclusion, Factor, Grid, Row, alike, chosen
from specc.analysis.values import ERROR, Amount, Value, describe, show
from specc.diagnostics import Label, Report, Span, nearest
from specc.language import ast
from specc.study import AxisType


@dataclass(frozen=True, slots=True)
class Sweeps:
    """What could be read of the sweeps of an experiment.

    Attributes:
        grid: of the axes that are right.
        lost: the other axes, with the types of their columns where these can be told.
        exact: whether the points of the grid are, as far as its axes go, those that are meant.
        good: whether nothing is wrong.
    """

    grid: Grid
    lost: Mapping[str, AxisType | None]
    exact: bool
    good: bool


def read_sweeps(definition: Definition, evaluator: Evaluator, report: Report) -> Sweeps:
    """The sweeps of an experiment, their values checked to be of one type each.

    Where something is wrong, which is reported, the rest is there to check the experiment with.
    """
    return _Reader(definition, evaluator, report).sweeps()


class _Reader:
    def __init__(self, definition: Definition, evaluator: Evaluator, report: Report) -> None:
        self.definition = definition
        self.evaluator = evaluator
        self.report = report
        self.factors: list[Factor] = []
        self.values: dict[str, dict[object, list[Value]]] = {}
        self.lost: dict[str, AxisType | None] = {}
        self.good = True

    def sweeps(self) -> Sweeps:
        for sweep in self.definition.sweeps:
            factor = self._table(sweep) if isinstance(sweep, ast.SweepTable) else self._plain(sweep)
            if factor is not None:
                self.factors.append(factor)
                continue
            self.good = False
            for name in axis_names(sweep):
                self.lost.setdefault(name.text, self._type_of(sweep))
        exclusions = [self._exclusion(node) for node in self.definition.excepts]
        grid = Grid(tuple(self.factors), tuple(each for each in exclusions if each is not None))
        exact = None not in exclusions
        if exact and (grid.plain or grid.too_large or (not self.lost and self._fits(grid))):
            return Sweeps(grid, self.lost, exact, self.good)
        for factor in grid.factors:
            if factor.by:
                self.lost |= {axis.name: axis.type for axis in axes(Grid((factor,), ()))}
        return Sweeps(Grid(tuple(f for f in grid.factors if not f.by), ()), self.lost, False, False)

    def _type_of(self, sweep: ast.Sweep | ast.SweepTable) -> AxisType | None:
        """The type that the axis of a wrong sweep seems to have."""
        if isinstance(sweep, ast.Sweep):
            nodes = sweep.values.items if isinstance(sweep.values, ast.ListOf) else (sweep.values,)
            nodes = () if sweep.zipped else nodes
        else:
            nodes = tuple(entry.value for entry in sweep.entries)
        values = [self.evaluator.value(node, {}) for node in nodes if not self.evaluator.dependencies(node)]
        first = next((value for value in values if value is not ERROR), None)
        while isinstance(first, tuple):
            first = first[0] if first else None
        return axis_type([first]) if first is not None else None

    def refuse(self, title: str, span: Span, help: str | None = None, notes: Sequence[str] = ()) -> None:
        self.report.add("E0304", title, span, help=help, notes=notes)

    # ---- plain sweeps

    def _plain(self, sweep: ast.Sweep) -> Factor | None:
        value = self._constant(sweep.values, "values of a sweep")
        if value is ERROR:
            return None
        names = ", ".join(name.text for name in sweep.names)
        if not isinstance(value, tuple) or not value:
            self.refuse(
                "a sweep needs a list of values",
                sweep.values.span,
                help=f"write `sweep {names} in [0%, 50%]`" if not sweep.zipped else None,
            )
            return None
        nodes = sweep.values.items if isinstance(sweep.values, ast.ListOf) else ()
        spans = [nodes[place].span if nodes else sweep.values.span for place in range(len(value))]
        rows: list[Row] = []
        for item, span in zip(value, spans, strict=True):
            if sweep.zipped and (not isinstance(item, tuple) or len(item) != len(sweep.names)):
                self.refuse(
                    f"this must be a tuple of {len(sweep.names)} values, one for each of {names}",
                    span,
                    help=f"write it like `{_example(value, len(sweep.names))}`",
                )
                return None
            rows.append(item if sweep.zipped else (item,))
        if not self._typed(sweep.names, rows, spans):
            return None
        if self._doubled(rows, spans, "the sweep"):
            self.good = False
            rows = _unique(rows)
        return Factor(tuple(name.text for name in sweep.names), tuple(rows), sweep.span)

    def _constant(self, node: ast.Expression, what: str) -> Value:
        """A value that is the same at all points."""
        used = self.evaluator.dependencies(node)
        if used:
            self.refuse(f"{what} can't depend on the axis `{used[0]}`", node.span)
            return ERROR
        return self.evaluator.value(node, {})

    def _doubled(self, rows: Sequence[Row], spans: Sequence[Span], where: str) -> bool:
        """Report a value that is given twice."""
        known: dict[object, list[int]] = {}  # a sweep of thousands compares each with few
        for place, row in enumerate(rows):
            rivals = known.setdefault(alike(row), [])
            first = next((other for other in rivals if rows[other] == row), None)
            if first is not None:
                self.report.add(
                    "E0304",
                    f"`{' '.join(spans[place].text.split())}` is in {where} twice",
                    spans[place],
                    secondary=[Label(spans[first], "first here")],
                    help="remove one",
                )
                return True
            rivals.append(place)
        return False

    def _typed(self, names: Sequence[ast.Identifier], rows: Sequence[Row], spans: Sequence[Span]) -> bool:
        """Whether the values of each axis are of one type; reported if not."""
        for column, name in enumerate(names):
            each = [axis_type([row[column]]) for row in rows]
            kinds = set(each)
            if kinds == {"int", "float"}:
                continue
            if len(kinds) > 1 or None in kinds:
                odd = next((i for i, kind in enumerate(each) if kind != each[0]), 0)
                what = describe(rows[odd][column])
                if None in kinds:
                    self.refuse(f"{what} can't be swept", spans[odd])
                else:
                    self.refuse(
                        f"values of `{name.text}` have different types: "
                        f"{describe(rows[0][column])} and {what}",
                        spans[odd],
                        help="give all values of an axis in one unit",
                    )
                return False
        return True

    # ---- sweeps by table

    def _table(self, sweep: ast.SweepTable) -> Factor | None:
        unknown = [name for name in sweep.by if not self._known_axis(sweep, name)]
        if unknown:
            return None
        by = tuple(name.text for name in sweep.by)
        if len(set(by)) < len(by):
            again = next(name for place, name in enumerate(sweep.by) if name.text in by[:place])
            self.report.add("E0206", f"`{again.text}` is given twice", again.span, help="keep one")
            return None
        if not sweep.entries:
            self.refuse(
                "this table has no entries",
                sweep.name.span,
                help=f"give one for each value of {_listed(by)}",
            )
            return None
        entries = []
        rows: list[Row] = []
        spans: list[Span] = []
        for node in sweep.entries:
            key, found = self._key(node, by), self._rows(node)
            if key is None or found is None:
                return None
            values, places = found
            if self._doubled(values, places, "the entry"):
                return None
            entries.append(Entry(key, tuple(values), node))
            rows += values
            spans += places
        if not self._typed([sweep.name], rows, spans):
            return None
        table: dict[object, list[Entry]] = {}
        for entry in entries:
            others = table.setdefault(alike(entry.key), [])
            other = next((each for each in others if each.key == entry.key), None)
            if other is not None:
                self.report.add(
                    "E0206",
                    f"a second entry for {_at(by, entry.key)}",
                    entry.node.key.span,
                    secondary=[Label(other.node.key.span, "first here")],
                    help="put all values into one entry: a list",
                )
                return None
            others.append(entry)
        return Factor((sweep.name.text,), tuple(_unique(rows)), sweep.span, by, table)

    def _known_axis(self, sweep: ast.SweepTable, name: ast.Identifier) -> bool:
        """Whether an axis is swept above; if not, that is reported, unless the axis itself was wrong."""
        if any(name.text in factor.names for factor in self.factors):
            return True
        later = [other for each in self.definition.sweeps for other in axis_names(each)]
        declared = next((other for other in later if other.text == name.text), None)
        if declared is None:
            above = [known for factor in self.factors for known in factor.names]
            close = nearest(name.text, above)
            self.report.add(
                "E0201",
                f"there is no axis `{name.text}`",
                name.span,
                help=f"write `{close}`" if close else None,
            )
        elif self.definition.sweeps.index(sweep) <= next(
            place for place, each in enumerate(self.definition.sweeps) if declared in axis_names(each)
        ):
            self.report.add(
                "E0201",
                f"`{name.text}` is swept later",
                name.span,
                secondary=[Label(declared.span, "here")],
                help="a table depends on axes that are declared before it; move that one up",
            )
        return False

    def _key(self, node: ast.Entry, by: tuple[str, ...]) -> Row | None:
        """Key of an entry; None if it is no value of the axes, and was reported."""
        value = self._constant(node.key, "a key")
        if value is ERROR:
            return None
        key: Row = value if isinstance(value, tuple) else (value,)
        if len(key) != len(by):
            self.refuse(
                f"a key of this table is {'one value' if len(by) == 1 else f'a tuple of {len(by)} values'}, "
                f"for {_listed(by)}",
                node.key.span,
                help=None
                if len(by) == 1
                else f"write `({', '.join(['64', '2', '1', *['1'] * len(by)][: len(by)])})`",
            )
            return None
        items = node.key.items if isinstance(node.key, ast.TupleOf) and len(by) > 1 else (node.key,) * len(by)
        for axis, part, item in zip(by, key, items, strict=True):
            if not self._taken(axis, part, item.span):
                return None
        return key

    def _taken(self, axis: str, value: Value, span: Span) -> bool:
        """Whether an axis takes a value somewhere; reported if not."""
        if axis not in self.values:
            factor = next(factor for factor in self.factors if axis in factor.names)
            column = factor.names.index(axis)
            known: dict[object, list[Value]] = {}
            for row in factor.values:
                known.setdefault(alike(row[column]), []).append(row[column])
            self.values[axis] = known
        if value in self.values[axis].get(alike(value), ()):
            return True
        values = [each for alikes in self.values[axis].values() for each in alikes]
        swept = ", ".join(dict.fromkeys(show(each) for each in values))
        close = _closest(value, values)
        self.refuse(
            f"`{axis}` is never {show(value)}",
            span,
            notes=[f"it is swept over {swept}"],
            help=f"write `{show(close)}`" if close is not None else None,
        )
        return False

    def _rows(self, node: ast.Entry) -> tuple[list[Row], list[Span]] | None:
        """The values of an entry, one or a list, and where they stand."""
        value = self._constant(node.value, "values of a sweep")
        if value is ERROR:
            return None
        if not isinstance(value, tuple):
            return [(value,)], [node.value.span]
        if not value:
            self.refuse("this entry has no values", node.value.span, help="give one value, or a list of some")
            return None
        items = node.value.items if isinstance(node.value, ast.ListOf) else (node.value,) * len(value)
        return [(item,) for item in value], [item.span for item in items]

    # ---- what is left out

    def _exclusion(self, node: ast.Except) -> Exclusion | None:
        """An `except`; None if something is wrong with it or with the sweeps, which is reported."""
        given: dict[str, Row] = {}
        known = [name for factor in self.factors for name in factor.names]
        for each in node.given:
            axis = each.axis.text
            if axis in given:
                first = next(one.axis for one in node.given if one.axis.text == axis)
                self.report.add(
                    "E0206",
                    f"`{axis}` is given twice",
                    each.axis.span,
                    secondary=[Label(first.span, "first here")],
                    help=f"several values of an axis are a list: `{axis} in [{_both(node, axis)}]`",
                )
                return None
            if axis not in known:
                if axis not in self.lost:
                    self._no_axis(each.axis, known)
                return None
            value = self._constant(each.value, "what is left out")
            if value is ERROR:
                return None
            values: Row = value if isinstance(value, tuple) else (value,)
            listed = each.value.items if isinstance(each.value, ast.ListOf) else (each.value,) * len(values)
            taken = [self._taken(axis, v, item.span) for v, item in zip(values, listed, strict=True)]
            if not all(taken):
                return None
            given[axis] = values
        return Exclusion(given, node)

    def _no_axis(self, name: ast.Identifier, known: list[str]) -> None:
        close = nearest(name.text, [*known, *self.lost])
        help = f"write `{close}`" if close else None
        if name.text in ("seed", "recipe"):
            help = "`except` leaves out points of the sweep, with all of their seeds and recipes"
        self.report.add("E0201", f"there is no axis `{name.text}`", name.span, help=help)

    def _fits(self, grid: Grid) -> bool:
        """Whether tables have the entries that are needed, and exclusions leave out some points, not all."""
        missing: dict[int, list[Row]] = {}
        whole = list(chosen(grid.factors, grid.exclusions, missing))
        for place, keys in missing.items():
            self._report_missing(place, keys)
        if missing:
            return False
        good = self._unused_entries(grid)
        for exclusion in grid.exclusions:
            last = max(
                n for n, factor in enumerate(grid.factors, 1) if set(factor.names) & set(exclusion.given)
            )
            if not any(exclusion.holds(point) for point in chosen(grid.factors[:last], ())):
                at = " and ".join(f"{axis} = {_either(values)}" for axis, values in exclusion.given.items())
                self.refuse(
                    "this leaves out nothing",
                    exclusion.node.span,
                    notes=[f"no point of the sweep has {at}"],
                    help="remove it",
                )
                good = False
        if good and not whole:
            self.refuse("nothing is left of the sweep", grid.exclusions[-1].node.span)
            good = False
        return good

    def _report_missing(self, place: int, keys: list[Row]) -> None:
        factor = self.factors[place]
        sweep = self.definition.sweeps[place]
        assert isinstance(sweep, ast.SweepTable)
        written = [_spelled(key) for key in keys]
        more = f", and {len(keys) - 4} more" if len(keys) > 4 else ""
        self.refuse(
            f"`{factor.names[0]}` has no value where {_at(factor.by, keys[0])}",
            sweep.name.span,
            notes=[f"entries are missing for {', '.join(written[:4])}{more}"] if len(keys) > 1 else [],
            help="add "
            + ", ".join(f"`{key}: {show(factor.values[0][0])}`" for key in written[:4])
            + (" ..." if more else ""),
        )

    def _unused_entries(self, grid: Grid) -> bool:
        """Report entries that no point of the axes before can reach."""
        good = True
        for factor in grid.factors:
            if not factor.by:
                continue
            reached: dict[object, list[Row]] = {}
            for point in chosen(grid.factors[: grid.factors.index(factor)], ()):
                key = tuple(point[axis] for axis in factor.by)
                keys = reached.setdefault(alike(key), [])
                if key not in keys:
                    keys.append(key)
            for entries in factor.table.values():
                for entry in entries:
                    if entry.key not in reached.get(alike(entry.key), ()):
                        self.refuse(
                            f"no point of the sweep has {_at(factor.by, entry.key)}",
                            entry.node.key.span,
                            help="remove this entry",
                        )
                        good = False
        return good


def _unique(rows: Sequence[Row]) -> list[Row]:
    """Each row once."""
    unique: dict[object, list[Row]] = {}
    for row in rows:
        alikes = unique.setdefault(alike(row), [])
        if row not in alikes:
            alikes.append(row)
    return [row for alikes in unique.values() for row in alikes]


def _listed(names: Sequence[str]) -> str:
    return " and ".join(f"`{name}`" for name in names)


def _at(names: Sequence[str], key: Row) -> str:
    return " and ".join(f"{name} = {show(value)}" for name, value in zip(names, key, strict=True))


def _either(values: Row) -> str:
    return " or ".join(show(value) for value in values)


def _both(node: ast.Except, axis: str) -> str:
    """All values that an `except` gives one axis, as they are written."""
    return ", ".join(each.value.span.text.strip("[]") for each in node.given if each.axis.text == axis)


def _spelled(key: Row) -> str:
    """A key as it is written in a table."""
    return show(key[0]) if len(key) == 1 else "(" + ", ".join(show(value) for value in key) + ")"


def _closest(value: Value, values: Sequence[Value]) -> Value | None:
    """The value of an axis that was probably meant: the nearest amount, or the nearest name."""
    if isinstance(value, Amount):
        amounts = [each for each in values if isinstance(each, Amount) and each.unit is value.unit]
        return min(amounts, key=lambda each: abs(each.value - value.value), default=None)
    if isinstance(value, str):
        close = nearest(value, [each for each in values if isinstance(each, str)])
        return close
    return None


def _example(rows: tuple[Value, ...], length: int) -> str:
    """A tuple of the wanted length, from those that are right if there are any."""
    for row in rows:
        if isinstance(row, tuple) and len(row) == length:
            return "(" + ", ".join(show(value) for value in row) + ")"
    return "(" + ", ".join(["64", "1e-3", "10%", *["1"] * length][:length]) + ")"
