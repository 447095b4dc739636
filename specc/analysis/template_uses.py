"""Uses of templates: the expression that a call of one stands for."""

from __future__ import annotations

from collections.abc import Callable

from specc.analysis.declarations import Declarations
from specc.analysis.scope import Scope
from specc.analysis.templates import DEEPEST, matched, report_misplaced
from specc.diagnostics import Report
from specc.language import ast
from specc.language.substitute import Misplaced, substitute


class TemplateUses:
    """Puts the arguments of calls into templates, once for each call; mistakes go to the report.

    Args:
        prepare: is told of each scope that comes of a use, before anything in it is evaluated.
    """

    def __init__(self, declarations: Declarations, report: Report, prepare: Callable[[Scope], None]) -> None:
        self.declarations = declarations
        self.report = report
        self.prepare = prepare
        self._instances: dict[int, tuple[ast.Call, ast.Expression, Scope] | None] = {}
        self._kept: list[ast.Call] = []

    def knows(self, node: ast.Call) -> bool:
        """Whether a call was met that is of a template, also one whose arguments are wrong."""
        return id(node) in self._instances

    def instance(self, node: ast.Call, scope: Scope) -> tuple[ast.Call, ast.Expression, Scope] | None:
        """The call of a template with the expression that it stands for, and the scope of that.

        None if the call is of something else, or if its arguments are wrong, which is reported.
        """
        if id(node) in self._instances:
            return self._instances[id(node)]
        binding = scope.find(node.function.text, node.function.span)
        if binding is None or not isinstance(binding.node, ast.Declaration):
            return None
        self._instances[id(node)] = None
        self._kept.append(node)
        span = node.function.span
        if self.declarations.used_too_early(node, node.function.text, span):
            return None
        if (
            id(binding.node) in self.declarations.endless
            or self.declarations.depth.get(id(binding.node), 0) > DEEPEST
        ):
            return None  # reported where it is declared
        template = binding.node
        body = template.value
        arguments = matched(
            node.function.text, template.parameters, node.arguments, node.span, [body], self.report
        )
        if arguments is None:
            return None
        misplaced: list[Misplaced] = []
        made = substitute(body, arguments, node.span, misplaced)
        report_misplaced(misplaced, self.report)
        inner = binding.scope.used_by(scope, body.span.source.name)
        self.prepare(inner)
        self._instances[id(node)] = None if misplaced else (node, made, inner)
        return self._instances[id(node)]
