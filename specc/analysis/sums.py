"""Arithmetic of quantities and of checkpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specc.analysis.scope import Scope
from specc.analysis.units import combine
from specc.analysis.values import ERROR, Amount, Value, describe
from specc.analysis.weights import Combination, arithmetic, as_checkpoint, as_weights, written
from specc.diagnostics import Report, Span
from specc.language import ast

if TYPE_CHECKING:
    from specc.analysis.evaluate import Evaluator, Point


class Sums:
    """Evaluates arithmetic; mistakes go to the report."""

    def __init__(self, evaluator: Evaluator, report: Report) -> None:
        self.evaluator = evaluator
        self.report = report

    def value(self, node: ast.Arithmetic, point: Point, scope: Scope) -> Value:
        """The value of a sum, a difference, a product or a quotient; `ERROR` if it has none."""
        if self._scaled_sum(node, point, scope):
            return ERROR
        left = self.evaluator.value(node.first, point, scope)
        span = node.first.span
        for operator, operand in node.rest:
            right = self.evaluator.value(operand, point, scope)
            left = self._combine(left, operator, right, span, operand.span)
            span = span.to(operand.span)
        return left

    def _combine(self, left: Value, operator: ast.Operator, right: Value, a: Span, b: Span) -> Value:
        if left is ERROR or right is ERROR:
            return ERROR
        for value, span in ((left, a), (right, b)):
            if not isinstance(value, Amount) and as_weights(value) is None:
                return self._refuse(
                    "E0301", f"`{operator.symbol}` can't be applied to {describe(value)}", span
                )
        if not (isinstance(left, Amount) and isinstance(right, Amount)):
            made = arithmetic(left, operator.symbol, right, a, b)
            if isinstance(made, Combination):
                return made
            code, title, help = made
            return self._refuse(code, title, b if code == "E0305" else a.to(b), help=help)
        combined = combine(left, operator.symbol, right)
        if isinstance(combined, Amount):
            return combined
        code, title, help = combined
        return self._refuse(code, title, b if code == "E0305" else a.to(b), help=help)

    def _scaled_sum(self, node: ast.Arithmetic, point: Point, scope: Scope) -> bool:
        """Report `0.3 * a + 0.7 * b`, where a mean is meant, and `a + 0.5 * b`, where a delta is."""
        first, operator = node.first, node.rest[0][0]
        pairs = [self._scaled(operand, point, scope) for operand in (first, *(o for _, o in node.rest))]
        names = [written(pair[0].span) for pair in pairs if pair is not None]
        weights = [written(pair[1].span) for pair in pairs if pair is not None]
        if len(names) == len(pairs) and all(symbol.symbol == "+" for symbol, _ in node.rest):
            help = f"write `mean({', '.join(names)}, weights = [{', '.join(weights)}])`"
        elif pairs[0] is None and len(pairs) == 2 and names and operator.symbol in "+-":
            if not isinstance(first, ast.Name | ast.At | ast.Call):
                return False
            if as_checkpoint(self.evaluator.value(first, point, scope)) is None:
                return False
            base = written(first.span)
            help = f"write `{base} {operator.symbol} {weights[0]} * ({names[0]} - {base})`"
        else:
            return False
        self.report.add(
            "E0301",
            "a checkpoint can't be scaled; only a delta, a checkpoint minus a checkpoint, can",
            node.span,
            help=help,
        )
        return True

    def _scaled(
        self, node: ast.Expression, point: Point, scope: Scope
    ) -> tuple[ast.Expression, ast.Expression] | None:
        """The checkpoint and the number in `0.5 * a` or `a * 0.5`; None for anything else."""
        if not isinstance(node, ast.Arithmetic) or len(node.rest) != 1:
            return None
        ((operator, second),) = node.rest
        name, weight = sorted((node.first, second), key=lambda side: isinstance(side, ast.Quantity))
        if operator.symbol != "*" or not isinstance(name, ast.Name | ast.At | ast.Call):
            return None
        if not isinstance(weight, ast.Quantity) or weight.unit is not None:
            return None
        return (name, weight) if as_checkpoint(self.evaluator.value(name, point, scope)) is not None else None

    def _refuse(self, code: str, title: str, span: Span, help: str | None = None) -> Value:
        self.report.add(code, title, span, help=help)
        return ERROR
