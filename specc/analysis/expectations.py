"""`expect` items, turned into queries that the results answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from specc.analysis.arms import axis_value
from specc.analysis.definition import Definition, axis_names
from specc.analysis.evaluate import Evaluator
from specc.analysis.measures import Mark, mark_of
from specc.analysis.resolved import ResolvedPoint
from specc.analysis.selection import ArmPlan, arm_plans
from specc.analysis.sweeps import Grid
from specc.analysis.values import ERROR, Amount, StageValue, Unit, Value, describe, show, show_share
from specc.analysis.weights import Atom, as_checkpoint, plain
from specc.diagnostics import Report, UsedSpan, nearest
from specc.language import ast
from specc.language.write import condition, expression
from specc.study import BASE, Axis, Expectation, Term

REDUCERS = {
    "mean": "avg(value)",
    "median": "median(value)",
    "min": "min(value)",
    "max": "max(value)",
    "sd": "stddev_samp(value)",
}
"""What an expectation may do with several results, and the SQL for it."""

_ALIASES = {"avg": "mean", "average": "mean", "std": "sd", "stddev": "sd", "stdev": "sd"}


@dataclass(slots=True)
class Arms:
    """The arms of one recipe: its resolved points, its seeds, and whether `best` may choose among them."""

    points: Sequence[ResolvedPoint]
    seeds: Sequence[int]
    chooses: bool = False
    _plans: list[ArmPlan] | None = None

    @property
    def plans(self) -> list[ArmPlan]:
        """What each arm holds."""
        if self._plans is None:
            self._plans = list(arm_plans(self.points, self.chooses))
        return self._plans


@dataclass(slots=True)
class ExpectReader:
    """Expectations of one experiment; `arms` by recipe.

    Attributes:
        complete: whether all arms could be resolved. If not, expectations are only checked.
    """

    definition: Definition
    evaluator: Evaluator
    axes: Sequence[Axis]
    grid: Grid
    arms: dict[str, Arms]
    report: Report
    complete: bool = True
    _terms: list[Term] = field(default_factory=list)

    def expectation(self, node: ast.Expect, number: int) -> Expectation | None:
        """The expectation as a tree over terms; None if something in it is wrong, and was reported."""
        self._terms = []
        left, right = self._tree(node.left), self._tree(node.right)
        margin = self._tree(node.margin) if node.margin else None
        if left is None or right is None or (node.margin and margin is None):
            return None
        if node.margin and margin and margin[0] == "number" and margin[1] < 0:
            self.report.add("E0303", f"a margin can't be below 0, as {margin[1]:g} is", node.margin.span)
            return None
        if node.operator.symbol == "!=":
            self.report.add(
                "E0602",
                "an expectation can't be `!=`",
                node.operator.span,
                help="write `<`, `<=`, `>`, `>=`, or `==` with `by`",
            )
            return None
        if not self._terms:
            self.report.add(
                "E0602",
                "this expectation names no result",
                node.left.span.to(node.right.span),
                help="write `mean(EVAL after STAGE)`; what is known before the run belongs into a `check`",
            )
            return None
        name = node.name.text if node.name else f"expect_{number}"
        text = " ".join(node.span.text.split()).removeprefix("expect ").strip()
        if node.name:
            text = text.split("=", 1)[1].strip()
        if isinstance(node.span, UsedSpan):  # its text has parameters, not what they were given
            text = condition(node)
        tree = [node.operator.symbol, left, right, ["number", 0.0] if margin is None else margin]
        return Expectation(name=name, text=text, tree=tree, terms=tuple(self._terms))

    def _tree(self, node: ast.Expression) -> list[Any] | None:
        match node:
            case ast.Measure():
                term = self._term(node)
                if term is None:
                    return None
                self._terms.append(term)
                return ["term", len(self._terms) - 1]
            case ast.Arithmetic():
                tree = self._tree(node.first)
                for symbol, operand in node.rest:
                    right = self._tree(operand)
                    if tree is None or right is None:
                        return None
                    tree = [symbol.symbol, tree, right]
                return tree
            case ast.Sign():
                inner = self._tree(node.operand)
                if inner is not None and inner[0] == "number":
                    return ["number", -inner[1]]
                return None if inner is None else ["-", ["number", 0.0], inner]
            case ast.Call() if node.function.text in REDUCERS:
                written = node.arguments[0].span.text if node.arguments else ""
                known = (
                    written if written in self.definition.evals else next(iter(self.definition.evals), "EVAL")
                )
                self.report.add(
                    "E0602",
                    f"`{node.function.text}` needs a result and where it is measured",
                    node.span,
                    help=f"write `{node.function.text}({known} after {self._place(known)})`",
                )
                return None
            case ast.Name() if node.text in self.definition.evals:
                self.report.add(
                    "E0602",
                    f"`{node.text}` has a result for each arm; this doesn't say how to reduce them",
                    node.span,
                    help=f"write `mean({node.text} after {self._place(node.text)})`",
                )
                return None
        axes = self.evaluator.dependencies(node)
        if axes:
            help = f"name it after `given`: `mean(EVAL after STAGE given {axes[0]} = ...)`"
            self.report.add("E0602", f"the axis `{axes[0]}` has no single value here", node.span, help=help)
            return None
        value = self.evaluator.value(node, {})
        if value is ERROR:
            return None
        if not isinstance(value, Amount) or value.unit not in (Unit.NUMBER, Unit.SHARE):
            self.report.add(
                "E0602",
                f"a result can't be compared with {describe(value)}",
                node.span,
                help="write a number",
            )
            return None
        return ["number", float(value.value)]

    def _place(self, name: str) -> str:
        """A stage after which an evaluation is made, as the recipe writes it."""
        node = self.definition.evals.get(name)
        after = node.after if node else None
        if isinstance(after, ast.ListOf) and after.items:
            after = after.items[-1]
        return " ".join(after.span.text.split()) if after is not None else "STAGE"

    # ---- terms

    def _term(self, node: ast.Measure) -> Term | None:
        reducer = REDUCERS.get(node.reducer.text)
        if reducer is None:
            close = _ALIASES.get(node.reducer.text) or nearest(node.reducer.text, REDUCERS)
            names = ", ".join(f"`{name}`" for name in REDUCERS)
            self.report.add(
                "E0602",
                f"there is no reducer `{node.reducer.text}`",
                node.reducer.span,
                help=f"write `{close}`" if close else f"reducers are {names}",
            )
            return None
        name = self._eval(node.target)
        points = self.arms[BASE].points
        place = self.evaluator.value(node.after, points[0].point if points else {})
        if name is None or place is ERROR:
            return None
        if as_checkpoint(place) is None:
            self.report.add("E0602", f"`after` needs a checkpoint, not {describe(place)}", node.after.span)
            return None
        conditions: list[str] = [f"eval = {_literal(name)}"]
        chosen: dict[str, list[Value]] = {}
        recipe = BASE
        for given in node.given:
            axis = given.axis.text
            if axis == "recipe":
                found = self._recipe(given.value)
                if found is None:
                    return None
                recipe = found
                continue
            values = self._given(given)
            if values is None:
                return None
            chosen[axis] = [value for value, _ in values]
            listed = ", ".join(text for _, text in values)
            column = f'"{axis}"'
            conditions.append(f"{column} = {listed}" if len(values) == 1 else f"{column} in ({listed})")
        conditions.insert(0, f"recipe = {_literal(recipe)}")
        if self._nowhere(chosen, node):
            return None
        asked, expected = self._expected(name, chosen, recipe, node)
        if asked is None:
            return None
        stage, position = asked
        conditions[2:2] = [f"stage = {_literal(stage)}"]
        conditions.append(f"position = {position!r}")
        where = " and ".join(conditions)
        sql = (
            f"select case when bool_or(isnan(value)) then 'nan'::double else {reducer} end as value, "
            f"count(value) as n from results where {where}"
        )
        return Term(text=_text(node), sql=sql, expected=expected)

    def _nowhere(self, chosen: dict[str, list[Value]], node: ast.Measure) -> bool:
        """Report values that axes take, but never together."""
        axes = {axis: values for axis, values in chosen.items() if axis != "seed"}
        if any(all(point[axis] in axes[axis] for axis in axes) for point in self.grid.points()):
            return False
        listed = " and ".join(f"{axis} = {' or '.join(map(show, values))}" for axis, values in axes.items())
        self.report.add(
            "E0602",
            f"no point of the sweep has {listed}",
            node.given[0].span.to(node.given[-1].span),
            help="name values that are swept together",
        )
        return True

    def _eval(self, node: ast.Expression) -> str | None:
        if isinstance(node, ast.Name) and node.text in self.definition.evals:
            return node.text
        close = nearest(node.span.text, self.definition.evals)
        names = ", ".join(f"`{name}`" for name in self.definition.evals) or "none"
        self.report.add(
            "E0201",
            f"there is no evaluation `{node.span.text}`",
            node.span,
            help=f"write `{close}`" if close else f"evaluations are {names}",
        )
        return None

    def _recipe(self, node: ast.Expression) -> str | None:
        names = list(self.arms)
        if isinstance(node, ast.Name) and node.text in self.arms:
            return node.text
        close = nearest(node.span.text, names)
        self.report.add(
            "E0201",
            f"there is no recipe `{node.span.text}`",
            node.span,
            help=f"write `{close}`" if close else "recipes are " + ", ".join(f"`{n}`" for n in names),
        )
        return None

    def _given(self, given: ast.Given) -> list[tuple[Value, str]] | None:
        axis = given.axis.text
        if axis == "seed":
            seeds = list(
                dict.fromkeys(
                    (_whole(seed), repr(seed)) for arms in self.arms.values() for seed in arms.seeds
                )
            )
            return self._chosen(given, seeds, "seed")
        factor = next((f for f in self.grid.factors if axis in f.names), None)
        if factor is None:
            if any(axis == name.text for sweep in self.definition.sweeps for name in axis_names(sweep)):
                return None  # what is wrong with the sweep was reported
            names = [*(name for f in self.grid.factors for name in f.names), "seed", "recipe"]
            close = nearest(axis, names)
            self.report.add(
                "E0201",
                f"there is no axis `{axis}`",
                given.axis.span,
                help=f"write `{close}`" if close else "axes are " + ", ".join(f"`{n}`" for n in names),
            )
            return None
        column = factor.names.index(axis)
        kind = next(a.type for a in self.axes if a.name == axis)
        known = [(row[column], _literal(axis_value(row[column], kind))) for row in factor.values]
        return self._chosen(given, known, axis)

    def _chosen(
        self, given: ast.Given, known: Sequence[tuple[Value, str]], axis: str
    ) -> list[tuple[Value, str]] | None:
        """The values that an axis is given, with their SQL, from those that it takes."""
        value = self.evaluator.value(given.value, {})
        if value is ERROR:
            return None
        chosen = []
        for item in value if isinstance(value, tuple) else (value,):
            text = next((text for taken, text in known if taken == item), None)
            if text is None:
                swept = ", ".join(dict.fromkeys(show(taken) for taken, _ in known))
                self.report.add(
                    "E0602",
                    f"`{axis}` is never {show(item)}",
                    given.value.span,
                    notes=[f"it is swept over {swept}"],
                )
                return None
            chosen.append((item, text))
        return chosen

    def _expected(
        self, name: str, chosen: dict[str, list[Value]], recipe: str, node: ast.Measure
    ) -> tuple[tuple[str, float] | None, int]:
        """The stage and the position to ask for, and the rows there will be."""
        arms = self.arms[recipe]
        rows = 0
        places: set[tuple[str, float]] = set()
        seeds = [s for s in arms.seeds if "seed" not in chosen or _whole(s) in chosen["seed"]]
        merged: set[str] = set()
        for arm in arms.plans:
            place = as_checkpoint(self.evaluator.value(node.after, arm.resolved.point))
            mark = _mark(arm, name, place) if place is not None else None
            if mark is None:
                continue
            axes = [axis for axis, values in chosen.items() if arm.point.get(axis) not in values]
            if all(axis == "seed" for axis in axes):
                places.add((mark.stage, mark.position))
                rows += len(seeds)
            merged.update(axis for axis in axes if axis in arm.without())
        shown = " ".join(node.after.span.text.split())
        measured = all(len(resolved.evals) == len(self.definition.evals) for resolved in arms.points)
        if len(places) > 1:
            listed = ", ".join(
                f"{show_share(Fraction(position))} of `{stage}`" for stage, position in sorted(places)
            )
            self.report.add(
                "E0602",
                f"`{shown}` lies at different places in different arms: at {listed}",
                node.after.span,
                help=f"name the arms with `given`, or a share of the stage: `{sorted(places)[0][0]}@50%`",
            )
        if not places and merged:
            axis = min(merged)
            self.report.add(
                "E0602",
                f"`{shown}` has no `{axis}`: `best` has chosen among its values",
                node.after.span,
                help=f"leave `{axis}` out of `given`",
            )
        elif not places and self.complete and measured:
            stages = ", ".join(f"`{m.stage}`" for m in _ends(arms, name))
            self.report.add(
                "E0602",
                f"`{name}` is not measured after `{shown}`",
                node.after.span,
                notes=[f"it is measured after {stages}"] if stages else [],
                help=f"add it to `after` of eval `{name}`",
            )
        return (places.pop() if len(places) == 1 else None), rows


def _mark(arm: ArmPlan, name: str, place: Atom) -> Mark | None:
    """The mark of an evaluation at a checkpoint, if the arm has one."""
    marks = next((marks for plan, marks in arm.measures if plan.name == name), ())
    if isinstance(place, StageValue):
        wanted = mark_of(place, arm.resolved.stages[place.stage])
        of_stage = (m for m in marks if m.value is None and (m.stage, m.step) == (wanted.stage, wanted.step))
        return next(of_stage, None)
    same = (mark for mark in marks if mark.value is not None and plain(mark.value) == plain(place))
    return next(same, None)


def _ends(arms: Arms, name: str) -> list[Mark]:
    """Marks of an evaluation, one for each stage."""
    found: dict[str, Mark] = {}
    for resolved in arms.points:
        for plan in resolved.evals:
            if plan.name == name:
                for mark in plan.marks:
                    found.setdefault(mark.stage, mark)
    return list(found.values())


def _text(node: ast.Expression) -> str:
    """An expression as it is written, or with arguments in place of parameters."""
    return expression(node) if isinstance(node.span, UsedSpan) else " ".join(node.span.text.split())


def _whole(number: int) -> Amount:
    """A bare whole number as a value of the language."""

    return Amount(Fraction(number), Unit.NUMBER)


def _literal(value: object) -> str:
    """An SQL literal; text is quoted, floats are written so that they read back the same."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return f"{value!r}::double"
    return "'" + str(value).replace("'", "''") + "'"


__all__ = ["REDUCERS", "Arms", "ExpectReader"]
