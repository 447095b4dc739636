"""The order of declarations: which of them build on which, and which may not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from specc.analysis.scope import TEMPLATE, Binding, Scope
from specc.diagnostics import Label, Report, Span
from specc.language import ast


class Declarations:
    """What has been found out of the declarations of an experiment's scopes.

    Attributes:
        too_early: uses (by identity) of what is declared later, or leads back to its user.
        circular: those of them that lead back. endless: templates that do.
        depth: how deep a template uses others.
    """

    def __init__(self, report: Report) -> None:
        self.report = report
        self.too_early: dict[int, Binding] = {}
        self.circular: set[int] = set()
        self.endless: set[int] = set()
        self.depth: dict[int, int] = {}
        self.seen: set[int] = set()

    def prepare(self, scope: Scope) -> Iterator[tuple[ast.Expression, Scope]]:
        """The values that are declared in a scope and those around it, each after what it uses.

        A declaration uses only earlier ones; names of later ones are noted, to be refused. A scope
        is gone through once.
        """
        if id(scope) in self.seen:
            return
        self.seen.add(id(scope))
        for other in (scope.parent, scope.caller, *scope.elsewhere.values()):
            if other is not None:
                yield from self.prepare(other)
        for binding in scope.bindings.values():
            if binding.scope is not scope:
                yield from self.prepare(binding.scope)
        uses: dict[str, list[tuple[ast.Expression, Binding]]] = {}
        for binding in scope.bindings.values():
            if binding.scope is scope and (binding.value is not None or binding.kind == TEMPLATE):
                uses[binding.name] = self._uses(binding, scope)
        overridden = any(binding.written >= 0 for binding in scope.bindings.values())
        for name in self._in_order(uses, scope) if overridden else uses:
            binding = scope.bindings[name]
            if binding.value is not None:
                yield binding.value, scope

    def _uses(self, binding: Binding, scope: Scope) -> list[tuple[ast.Expression, Binding]]:
        """The declarations of a scope that one of them uses, and where; later ones are noted."""
        found = []
        parameters = {p.name.text for p in binding.node.parameters} if binding.node is not None else set()
        depth = 0
        for part in text_of(binding):
            name = name_in(part) or ""
            span = part.span
            if isinstance(part, ast.Call):
                name, span = part.function.text, part.function.span
                called = scope.find(name, span)
                if called is not None and called.kind == TEMPLATE:
                    depth = max(depth, self.depth.get(id(called.node), 0))
            used = scope.bindings.get(name)
            if used is None or name in parameters or not (used.value is not None or used.kind == TEMPLATE):
                continue
            if used.order >= max(binding.order, binding.written):
                self.too_early[id(part)] = used
                self.endless.add(id(binding.node))  # of a template, which is then of no use
            else:
                found.append((part, used))
        if binding.kind == TEMPLATE:
            self.depth[id(binding.node)] = depth + 1
        return found

    def _in_order(self, uses: Mapping[str, list[tuple[ast.Expression, Binding]]], scope: Scope) -> list[str]:
        """Declarations, each after those that it uses; names that lead back to their user are noted.

        Without overrides that is the order in which they are declared.
        """
        done: dict[str, None] = {}
        for start in uses:
            trail = {start: iter(uses[start])} if start not in done else {}
            while trail:
                current = next(reversed(trail))
                part, used = next(trail[current], (None, None))
                if part is None or used is None:
                    done[current] = None
                    del trail[current]
                elif used.name in trail:
                    self.too_early[id(part)] = used
                    self.circular.add(id(part))
                    self.endless.add(id(scope.bindings[current].node))
                elif used.name in uses and used.name not in done:
                    trail[used.name] = iter(uses[used.name])
        return list(done)

    def used_too_early(self, node: ast.Expression, name: str, span: Span) -> bool:
        """Report a name that is declared later, or comes back to the declaration that uses it."""
        later = self.too_early.get(id(node))
        if later is None:
            return False
        if (
            isinstance(later.node, ast.Declaration)
            and later.node.span.source is span.source
            and later.node.value.span.start <= span.start < later.node.span.stop
        ):
            self.report.add(
                "E0210",
                f"template `{name}` uses itself",
                span,
                help="a template uses only what is declared before it",
            )
        elif id(node) in self.circular:
            self.report.add(
                "E0210",
                f"`{name}` is made from the value that uses it here",
                span,
                secondary=[Label(later.span, "declared here")],
                help="give the replaced value without it",
            )
        else:
            self.report.add(
                "E0201",
                f"`{name}` is declared later",
                span,
                secondary=[Label(later.span, "here")],
                help="a declaration uses only names declared before it; move that one up",
            )
        return True


def text_of(binding: Binding) -> list[ast.Expression]:
    """All expressions in a declaration."""
    roots = [binding.value] if binding.value is not None else []
    if isinstance(binding.node, ast.Declaration):
        roots = [binding.node.value, *(p.default for p in binding.node.parameters if p.default is not None)]
    return [part for root in roots for part in ast.parts(root)]


def name_in(part: ast.Expression) -> str | None:
    """The name of a declaration that an expression uses by itself, not in its parts."""
    if isinstance(part, ast.Name):
        return part.text
    return part.owner.text if isinstance(part, ast.Attribute) else None
