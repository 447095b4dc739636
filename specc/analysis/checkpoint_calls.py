"""Functions of the language that make checkpoints of checkpoints: `mean`, `lerp` and `best`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from specc.analysis.values import ERROR, Amount, EvalValue, Unit, Value, describe, identity_of
from specc.analysis.weights import (
    DEEPEST,
    Atom,
    Combination,
    Selected,
    Transformed,
    as_checkpoint,
    as_weights,
    depth,
    is_delta,
    total,
    written,
)
from specc.diagnostics import Report, Span, nearest
from specc.language import ast

if TYPE_CHECKING:
    from specc.analysis.evaluate import Evaluator, Point
    from specc.analysis.scope import Scope

FUNCTIONS = {
    "mean": "the average of checkpoints, of all alike or by `weights`: "
    "`mean(pretrain, posttrain, weights = [3, 1])`",
    "lerp": "from the first checkpoint (0%) to the second (100%) in a straight line: "
    "`lerp(pretrain, posttrain, 25%)`",
    "best": "the best checkpoint, by an evaluation, among the arms that differ only in one axis or several: "
    "`best(posttrain, by = skill_loss, over = lr)`",
}
"""What each function is, with an example."""

OVER = "over"
"""Argument of `best` that names axes, and not their values."""

Evaluate = Callable[[ast.Expression], Value]
"""Value of an expression, at the point of the sweep and in the scope of the call."""


def names_axes(node: ast.Expression) -> tuple[ast.Expression, ...]:
    """Parts of an expression that name axes and don't depend on their values."""
    if not isinstance(node, ast.Call) or node.function.text != "best":
        return ()
    found: list[ast.Expression] = []
    for argument in node.arguments:
        if argument.name is not None and argument.name.text == OVER:
            found += ast.parts(argument.value)
    return tuple(found)


class CheckpointCalls:
    """Evaluates the functions; mistakes go to the report."""

    def __init__(self, evaluator: Evaluator, report: Report) -> None:
        self.evaluator = evaluator
        self.report = report

    def call(self, node: ast.Call, point: Point, scope: Scope) -> Value:
        """The value of a call of one of `FUNCTIONS`."""

        def evaluate(expression: ast.Expression) -> Value:
            return self.evaluator.value(expression, point, scope)

        match node.function.text:
            case "mean":
                return self._mean(node, evaluate, scope)
            case "lerp":
                return self._lerp(node, evaluate, scope)
        return self._best(node, evaluate, point, scope)

    def deep_enough(self, value: Transformed | Selected) -> Value:
        """The value, if it is not nested too deeply."""
        if value.depth <= DEEPEST:
            return value
        return self._refuse(
            "E0505", f"more than {DEEPEST} transforms and selections on top of each other", value.span
        )

    def _refuse(self, code: str, title: str, span: Span, help: str | None = None) -> Value:
        self.report.add(code, title, span, help=help)
        return ERROR

    def _two_stages(self, scope: Scope, count: int = 2) -> str:
        """Names of stages for an example."""
        return ", ".join([*_names(scope, "stage"), "pretrain", "posttrain"][:count])

    def _finished(self, made: Combination | tuple[str, str, str | None], span: Span) -> Value:
        if isinstance(made, Combination):
            return made
        code, title, help = made
        return self._refuse(code, title, span, help)

    # ---- mean, lerp

    def _mean(self, node: ast.Call, evaluate: Evaluate, scope: Scope) -> Value:
        given: list[tuple[Value, Span]] = []
        weights: tuple[Value, ast.Expression] | None = None
        for argument in node.arguments:
            value = evaluate(argument.value)
            if value is ERROR:
                return ERROR
            if argument.name is None:
                # A list is as good as its items: `mean(snapshots)`.
                items = value if isinstance(value, tuple) else (value,)
                given += [(item, argument.value.span) for item in items]
            elif argument.name.text == "weights" and weights is None:
                weights = (value, argument.value)
            else:
                return self._unknown(argument, "mean", ("weights",), weights is not None)
        if not given:
            return self._refuse(
                "E0205", "`mean` needs checkpoints", node.span, f"write `mean({self._two_stages(scope)})`"
            )
        atoms = self._alike(given, "mean")
        shares = [Fraction(1, len(given))] * len(given)
        if weights is not None:
            read = self._weights(*weights, len(given))
            if read is None:
                return ERROR
            shares = read
        if atoms is None:
            return ERROR
        return self._finished(
            total(zip(atoms, shares, strict=True), node.span, is_delta(atoms[0])), node.span
        )

    def _unknown(self, argument: ast.Argument, function: str, known: Sequence[str], twice: bool) -> Value:
        assert argument.name is not None
        name = argument.name.text
        if twice and name in known:
            return self._refuse("E0206", f"`{name}` is given twice", argument.name.span, "keep one")
        close = nearest(name, known)
        self.report.add(
            "E0204",
            f"`{function}` has no parameter `{name}`",
            argument.name.span,
            notes=["it takes " + ", ".join(f"`{each}`" for each in known)],
            help=f"write `{close}`" if close else None,
        )
        return ERROR

    def _alike(self, given: Sequence[tuple[Value, Span]], function: str) -> list[Atom] | None:
        """The arguments as checkpoints, or all of them as deltas."""
        found: list[Atom] = []
        for value, span in given:
            atom = as_weights(value)
            if atom is None:
                self._refuse("E0301", f"`{function}` needs checkpoints, not {describe(value)}", span)
                return None
            if found and is_delta(atom) != is_delta(found[0]):
                self._refuse(
                    "E0301",
                    f"`{function}` needs checkpoints alone, or deltas alone; this is {describe(value)}",
                    span,
                )
                return None
            found.append(atom)
        return found

    def _weights(self, value: Value, node: ast.Expression, count: int) -> list[Fraction] | None:
        """Weights that sum to 1; None if they can't, which was reported."""
        items = value if isinstance(value, tuple) else (value,)
        spans = [item.span for item in node.items] if isinstance(node, ast.ListOf) else [node.span]
        units = {item.unit for item in items if isinstance(item, Amount)}
        for place, item in enumerate(items):
            span = spans[place] if place < len(spans) else node.span
            if not isinstance(item, Amount) or item.unit not in (Unit.NUMBER, Unit.SHARE):
                self._refuse("E0301", f"a weight is a number or a percentage, not {describe(item)}", span)
                return None
            if item.value < 0:
                self._refuse("E0303", f"a weight of a mean is not below 0, as {item} is", span)
                return None
        if len(items) != count:
            self._refuse(
                "E0303", f"{len(items)} weight{'s' * (len(items) != 1)} for {count} checkpoints", node.span
            )
            return None
        whole = sum((item.value for item in items), Fraction(0))
        if units == {Unit.SHARE} and whole != 1:
            self._refuse("E0303", f"these weights sum to {Amount(whole, Unit.SHARE)}, not 100%", node.span)
            return None
        if len(units) > 1 or whole == 0:
            what = "all weights are 0" if whole == 0 else "weights are numbers or percentages, not both"
            self._refuse("E0303", what, node.span)
            return None
        return [item.value / whole for item in items]

    def _lerp(self, node: ast.Call, evaluate: Evaluate, scope: Scope) -> Value:
        example = f"write `lerp({self._two_stages(scope)}, 25%)`"
        values = [evaluate(argument.value) for argument in node.arguments]
        if len(values) != 3 or any(argument.name for argument in node.arguments):
            return self._refuse("E0205", "`lerp` needs two checkpoints and a percentage", node.span, example)
        if ERROR in values:
            return ERROR
        spans = [argument.value.span for argument in node.arguments]
        atoms = self._alike(list(zip(values[:2], spans[:2], strict=True)), "lerp")
        share = values[2]
        if not isinstance(share, Amount) or share.unit not in (Unit.NUMBER, Unit.SHARE):
            return self._refuse(
                "E0301", f"`lerp` needs a percentage, not {describe(share)}", spans[2], example
            )
        if atoms is None:
            return ERROR
        if not 0 <= share.value <= 1:
            a, b = written(spans[0]), written(spans[1])
            return self._refuse(
                "E0303",
                f"`lerp` goes from 0% to 100%, not to {share}",
                spans[2],
                f"to go beyond them, write `{a} + {written(spans[2])} * ({b} - {a})`",
            )
        parts = [(atoms[0], 1 - share.value), (atoms[1], share.value)]
        return self._finished(total(parts, node.span, is_delta(atoms[0])), node.span)

    # ---- best

    def _best(self, node: ast.Call, evaluate: Evaluate, point: Point, scope: Scope) -> Value:
        names = {kind: _names(scope, kind) for kind in ("eval", "axis")}
        first = written(node.arguments[0].value.span) if node.arguments else self._two_stages(scope, 1)
        usual = {"by": next(iter(names["eval"]), "skill_loss"), OVER: next(iter(names["axis"]), "lr")}
        example = f"write `best({first}, by = {usual['by']}, over = {usual[OVER]})`"
        given: dict[str, ast.Expression] = {}
        for place, argument in enumerate(node.arguments):
            name = argument.name.text if argument.name else "checkpoint" if place == 0 else ""
            if not name:
                return self._refuse(
                    "E0204",
                    f"`{written(argument.value.span)}` in `best` needs a name",
                    argument.value.span,
                    f"write `{('by', OVER)[min(place, 2) - 1]} = {written(argument.value.span)}`",
                )
            if argument.name is not None and (name not in ("by", OVER) or name in given):
                return self._unknown(argument, "best", ("by", OVER), name in given)
            given[name] = argument.value
        missing = [name for name in ("checkpoint", "by", OVER) if name not in given]
        if missing:
            words = {"checkpoint": "a checkpoint", "by": "`by` (an eval)", OVER: "`over` (an axis)"}
            listed = " and ".join(words[name] for name in missing)
            return self._refuse("E0205", f"`best` needs {listed}", node.span, example)
        value, by = evaluate(given["checkpoint"]), evaluate(given["by"])
        over = self._axes(given[OVER], scope)
        if value is ERROR or by is ERROR or over is None:
            return ERROR
        checkpoint = as_checkpoint(value)
        if checkpoint is None:
            return self._refuse(
                "E0301",
                f"`best` chooses among checkpoints, not {describe(value)}",
                given["checkpoint"].span,
            )
        if not isinstance(by, EvalValue):
            return self._refuse(
                "E0301", f"`by` needs an eval by its name, not {describe(by)}", given["by"].span
            )
        expression = given["checkpoint"]

        def candidate(where: Point) -> Atom | None:
            return as_checkpoint(self.evaluator.value(expression, where, scope))

        origin: tuple[object, ...] = (checkpoint,)
        used = self.evaluator.dependencies(expression, scope)
        if not set(over).isdisjoint(used):
            # Every point has a candidate of its own, so the value is what is written, not what it is here.
            rest = (identity_of(point[axis]) for axis in used if axis not in over and axis in point)
            origin = (written(expression.span), id(scope), *rest)
        made = Selected(checkpoint, candidate, origin, by.name, over, depth(checkpoint) + 1, node.span)
        return self.deep_enough(made)

    def _axes(self, node: ast.Expression, scope: Scope) -> tuple[str, ...] | None:
        items = node.items if isinstance(node, ast.ListOf) else (node,)
        found = []
        for item in items:
            binding = scope.find(item.text) if isinstance(item, ast.Name) else None
            if binding is None or binding.kind != "axis":
                axes = _names(scope, "axis")
                close = nearest(written(item.span), axes)
                listed = "axes are " + ", ".join(f"`{name}`" for name in axes) if axes else None
                self._refuse(
                    "E0201",
                    f"there is no axis `{written(item.span)}`",
                    item.span,
                    f"write `{close}`" if close else listed or "declare it: `sweep lr in [1e-3, 3e-3]`",
                )
                return None
            found.append(binding.name)
        if not found:
            help = f"write `{axis}`" if (axis := next(iter(_names(scope, "axis")), "")) else None
            self._refuse("E0205", "`over` names no axis", node.span, help)
            return None
        return tuple(sorted(set(found)))


def _names(scope: Scope, kind: str) -> list[str]:
    """Names of one kind that can be used, in order of declaration."""
    found = {name: binding for name in scope.names() if (binding := scope.find(name)) is not None}
    return sorted(
        (n for n, b in found.items() if b.kind == kind),
        key=lambda name: found[name].span.source.position(found[name].span.start),
    )
