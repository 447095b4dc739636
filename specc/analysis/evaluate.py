"""Expressions to values, at a point of the sweep.

Types are checked here: the values of an axis share one type, so that a mistake of types shows at
the first point, and a mistake of ranges at the points that make it. A mistake is reported once
and yields `ERROR`, which says nothing more on its way up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from specc.analysis.arguments import Arguments
from specc.analysis.load import Binding, Scope
from specc.analysis.units import combine, split_unit
from specc.analysis.values import (
    ERROR,
    UNITS,
    Amount,
    ComponentValue,
    CorpusValue,
    DataValue,
    EvalValue,
    StageValue,
    Unit,
    Value,
    Word,
    describe,
    identity_of,
    read_number,
)
from specc.components import COMPONENTS, Kind
from specc.diagnostics import Label, Report, Span, nearest
from specc.errors import PluginError
from specc.language import ast

Point = Mapping[str, Value]
"""Axis -> value: where in the sweep an expression is evaluated."""

_WORDS: dict[str, Value] = {"rest": Word.REST, "fill": Word.FILL, "true": True, "false": False}
_FUNCTIONS = ("take",)
SPLITS = ("train", "held_out")


class Evaluator:
    """Evaluates expressions of one experiment, each once for what it depends on."""

    def __init__(self, scope: Scope, report: Report) -> None:
        self.scope = scope
        self.report = report
        self.arguments = Arguments(report)
        self._dependencies: dict[int, tuple[str, ...]] = {}
        self._memo: dict[tuple[object, ...], Value] = {}
        self._kept: list[ast.Expression] = []
        self._too_early: dict[int, Binding] = {}
        self._prepared: set[int] = set()
        self._prepare(scope)

    def _prepare(self, scope: Scope) -> None:
        """Work out dependencies in order of declaration, so that long chains of names don't recurse.

        A declaration uses only earlier ones; names of later ones are noted, to be refused.
        """
        if id(scope) in self._prepared:
            return
        self._prepared.add(id(scope))
        if scope.parent is not None:
            self._prepare(scope.parent)
        for binding in scope.bindings.values():
            if binding.scope is not scope:
                self._prepare(binding.scope)
        for binding in scope.bindings.values():
            if binding.value is None or binding.scope is not scope:
                continue
            for part in ast.parts(binding.value):
                if isinstance(part, ast.Name):
                    used = scope.bindings.get(part.text)
                    if used is not None and used.value is not None and used.order >= binding.order:
                        self._too_early[id(part)] = used
            self.dependencies(binding.value, scope)

    # ---- what an expression depends on

    def dependencies(self, expression: ast.Expression, scope: Scope | None = None) -> tuple[str, ...]:
        """Axes whose values an expression may use, sorted."""
        known = self._dependencies.get(id(expression))
        if known is not None:
            return known
        scope = scope or self.scope
        self._dependencies[id(expression)] = ()
        self._kept.append(expression)
        found: set[str] = set()
        for part in ast.parts(expression):
            if isinstance(part, ast.Name) and id(part) not in self._too_early:
                binding = scope.find(part.text)
                if binding is not None and binding.kind == "axis":
                    found.add(part.text)
                elif binding is not None and binding.value is not None:
                    found.update(self.dependencies(binding.value, binding.scope))
        result = tuple(sorted(found))
        self._dependencies[id(expression)] = result
        return result

    # ---- values

    def value(self, expression: ast.Expression, point: Point, scope: Scope | None = None) -> Value:
        """Value of an expression at a point of the sweep."""
        scope = scope or self.scope
        key = self._key(expression, point, scope)
        if key not in self._memo:
            self._memo[key] = self._value(expression, point, scope)
        return self._memo[key]

    def _key(self, expression: ast.Expression, point: Point, scope: Scope) -> tuple[object, ...]:
        axes = self.dependencies(expression, scope)
        return (id(expression), *(identity_of(point[axis]) for axis in axes if axis in point))

    def _evaluate_chain(self, binding: Binding, point: Point) -> None:
        """Evaluate what a declaration builds on, first things first, so that long chains don't recurse."""
        waiting = [(binding, False)]
        while waiting:
            current, used_are_known = waiting.pop()
            if current.value is None or self._key(current.value, point, current.scope) in self._memo:
                continue
            if used_are_known:
                self.value(current.value, point, current.scope)
                continue
            waiting.append((current, True))
            for part in ast.parts(current.value):
                if isinstance(part, ast.Name) and id(part) not in self._too_early:
                    used = current.scope.find(part.text)
                    if used is not None:
                        waiting.append((used, False))

    def _value(self, expression: ast.Expression, point: Point, scope: Scope) -> Value:
        match expression:
            case ast.Quantity():
                return self._quantity(expression)
            case ast.String():
                return expression.value
            case ast.Name():
                return self._name(expression, point, scope)
            case ast.Attribute():
                return self._attribute(expression, scope)
            case ast.Call():
                return self._call(expression, point, scope)
            case ast.ListOf() | ast.TupleOf():
                items = tuple(self.value(item, point, scope) for item in expression.items)
                return ERROR if ERROR in items else items
            case ast.Sign():
                operand = self.value(expression.operand, point, scope)
                if isinstance(operand, Amount):
                    return Amount(-operand.value, operand.unit)
                return self._refuse("E0301", f"{describe(operand)} has no negative", expression.span, operand)
            case ast.Arithmetic():
                return self._arithmetic(expression, point, scope)
            case ast.With():
                return self._with(expression, point, scope)
            case ast.At():
                return self._at(expression, point, scope)
            case ast.Measure():
                return self._refuse(
                    "E0602",
                    "a result can't stand here: it is known only after the run",
                    expression.span,
                    help="results are judged by `expect`",
                )

    def _refuse(
        self, code: str, title: str, span: Span, value: Value = True, help: str | None = None, label: str = ""
    ) -> Value:
        if value is not ERROR:
            self.report.add(code, title, span, label, help=help)
        return ERROR

    def _quantity(self, node: ast.Quantity) -> Value:
        read = read_number(node.number.text)
        if isinstance(read, str):
            upper = node.number.text.upper()
            better = upper if not isinstance(read_number(upper), str) else None
            if node.unit is None and better is None:
                better = split_unit(node.number.text)
            return self._refuse(
                "E0105",
                f"`{node.number.text}` is no number: {read}",
                node.number.span,
                help=f"write `{better}`" if better else "numbers look like 20M, 1_000, 0.1, 3e-4 or 25%",
            )
        number, percent = read
        if node.unit is None:
            return Amount(number, Unit.SHARE if percent else Unit.NUMBER)
        unit = UNITS.get(node.unit.text)
        if unit is None:
            close = nearest(node.unit.text, UNITS)
            return self._refuse(
                "E0302",
                f"unknown unit `{node.unit.text}`",
                node.unit.span,
                help=f"write `{close}`" if close else "units are tokens, steps, sequences and epochs",
            )
        if percent:
            return self._refuse(
                "E0302",
                f"a percentage has no unit `{node.unit.text}`",
                node.span,
                help=f"write `{node.number.text}`, or an amount such as `1M {node.unit.text}`",
            )
        if unit is not Unit.EPOCHS and number.denominator != 1:
            return self._refuse("E0303", f"`{node.span.text}` is no whole number of {unit.value}", node.span)
        return Amount(number, unit)

    def _name(self, node: ast.Name, point: Point, scope: Scope) -> Value:
        binding = scope.find(node.text)
        if binding is None:
            if node.text in _WORDS:
                return _WORDS[node.text]
            return self.unknown_name(node.text, node.span, scope)
        match binding.kind:
            case "axis":
                return point.get(node.text, ERROR)
            case "stage":
                return StageValue(node.text, None, node.span)
            case "corpus":
                return CorpusValue(node.text)
            case "eval":
                return EvalValue(node.text)
            case "let" | "model":
                return self._declared(binding, node, point)
            case "failed":
                return ERROR
        what = f"{'an' if binding.kind[0] in 'aeiou' else 'a'} {binding.kind}"
        return self._refuse(
            "E0301", f"`{node.text}` is {what}; it has no value that can stand here", node.span
        )

    def _declared(self, binding: Binding, node: ast.Name, point: Point) -> Value:
        assert binding.value is not None
        later = self._too_early.get(id(node))
        if later is not None:
            self.report.add(
                "E0201",
                f"`{node.text}` is declared later",
                node.span,
                secondary=[Label(later.span, "here")],
                help="a declaration uses only names declared before it; move that one up",
            )
            return ERROR
        value = self._of_its_kind(binding, point)
        return replace(value, name=node.text) if isinstance(value, ComponentValue) else value

    def _of_its_kind(self, binding: Binding, point: Point) -> Value:
        """Value of a declaration, which is a model or a corpus if the declaration says so."""
        assert binding.value is not None
        self._evaluate_chain(binding, point)
        value = self.value(binding.value, point, binding.scope)
        wanted = {"model": Kind.MODEL, "corpus": Kind.CORPUS}.get(binding.kind)
        if value is ERROR or wanted is None:
            return value
        if isinstance(value, ComponentValue) and value.signature.kind is wanted:
            return value
        examples = 'a model is written as `llama(...)` or `checkpoint("FOLDER")`'
        if wanted is Kind.CORPUS:
            examples = (
                'a corpus is written as `text("data/*.txt")`, `jsonl("data.jsonl", text = "body")`, ...'
            )
        return self._refuse(
            "E0301",
            f"{binding.kind} `{binding.name}` is {describe(value)}",
            binding.value.span,
            help=examples,
        )

    def check_declarations(self, point: Point) -> None:
        """Report mistakes in the declarations of the scope, also in those that nothing uses."""
        for binding in self.scope.bindings.values():
            if binding.value is not None:
                self._of_its_kind(binding, point)

    def unknown_name(self, name: str, span: Span, scope: Scope | None = None) -> Value:
        """Report a name that is not declared."""
        scope = scope or self.scope
        if not scope.complete():
            return ERROR
        names = scope.names()
        close = nearest(name, names | set(_WORDS))
        if name in UNITS:
            help: str | None = f"`{name}` is a unit; write a number before it, for instance `64 {name}`"
        elif name in COMPONENTS:
            help = f"`{name}` is a component; write `{name}(...)`"
        else:
            help = f"write `{close}`" if close else None
        return self._refuse("E0201", f"`{name}` is not declared", span, help=help)

    def _attribute(self, node: ast.Attribute, scope: Scope) -> Value:
        binding = scope.find(node.owner.text)
        if binding is None:
            return self.unknown_name(node.owner.text, node.owner.span, scope)
        if binding.kind == "failed":
            return ERROR
        if binding.kind != "corpus":
            return self._refuse(
                "E0301",
                f"`{node.owner.text}` is no corpus; only a corpus has parts",
                node.owner.span,
                help="parts of a corpus are `.train` and `.held_out`",
            )
        if node.member.text not in SPLITS:
            close = nearest(node.member.text, SPLITS)
            return self._refuse(
                "E0201",
                f"a corpus has no part `{node.member.text}`",
                node.member.span,
                help=f"write `{node.owner.text}.{close}`"
                if close
                else "parts of a corpus are `.train` and `.held_out`",
            )
        return DataValue(node.owner.text, node.member.text, None, node.span)

    # ---- calls

    def _call(self, node: ast.Call, point: Point, scope: Scope) -> Value:
        name = node.function.text
        if name == "take":
            return self._take(node, point, scope)
        try:
            signature = COMPONENTS.get(name)
        except PluginError as error:
            return self._refuse("E0702", error.message, node.function.span, help=error.help)
        if signature is None:
            close = nearest(name, [*COMPONENTS, *_FUNCTIONS])
            return self._refuse(
                "E0203",
                f"there is no component `{name}`",
                node.function.span,
                help=f"write `{close}`" if close else None,
            )
        given = self._given(node.arguments, point, scope)
        args, spans = self.arguments.check(signature, given, node.function.span)
        return ERROR if args is None else ComponentValue(signature, args, spans, node.span)

    def _given(
        self, arguments: tuple[ast.Argument, ...], point: Point, scope: Scope
    ) -> list[tuple[ast.Identifier | None, Value, Span]]:
        return [(a.name, self.value(a.value, point, scope), a.value.span) for a in arguments]

    def _take(self, node: ast.Call, point: Point, scope: Scope) -> Value:
        example = "write `take(skill.held_out, 50K tokens)`"
        if len(node.arguments) != 2 or any(a.name for a in node.arguments):
            return self._refuse(
                "E0205", "`take` needs a data set and a number of tokens", node.span, help=example
            )
        data, size = (self.value(a.value, point, scope) for a in node.arguments)
        if not isinstance(data, DataValue):
            span = node.arguments[0].span
            return self._refuse(
                "E0301", f"`take` needs a data set, not {describe(data)}", span, data, help=example
            )
        if not isinstance(size, Amount) or size.unit is not Unit.TOKENS or size.value < 1:
            span = node.arguments[1].span
            return self._refuse(
                "E0301", f"`take` needs tokens, not {describe(size)}", span, size, help=example
            )
        limit = int(size.value) if data.tokens is None else min(data.tokens, int(size.value))
        return DataValue(data.corpus, data.split, limit, node.span)

    def _with(self, node: ast.With, point: Point, scope: Scope) -> Value:
        value = self.value(node.value, point, scope)
        if not isinstance(value, ComponentValue):
            return self._refuse(
                "E0301", f"`with` changes a component, not {describe(value)}", node.value.span, value
            )
        given = self._given(node.arguments, point, scope)
        args, spans = self.arguments.check(value.signature, given, node.value.span, base=value)
        return ERROR if args is None else ComponentValue(value.signature, args, spans, node.span)

    def _at(self, node: ast.At, point: Point, scope: Scope) -> Value:
        value = self.value(node.value, point, scope)
        position = self.value(node.position, point, scope)
        if value is ERROR or position is ERROR:
            return ERROR
        if not isinstance(value, StageValue) or value.position is not None:
            return self._refuse(
                "E0301", f"`@` marks a position in a stage, not in {describe(value)}", node.value.span
            )
        assert isinstance(position, Amount)
        if position.unit not in (Unit.SHARE, Unit.TOKENS, Unit.STEPS):
            return self._refuse(
                "E0301",
                f"a position is a percentage, tokens or steps, not {describe(position)}",
                node.position.span,
                help=f"write `{value.stage}@50%`, or `{value.stage}@1_000 steps`",
            )
        if position.value <= 0 or (position.unit is Unit.SHARE and position.value > 1):
            return self._refuse("E0303", f"position {position} lies outside of its stage", node.position.span)
        return StageValue(value.stage, position, node.span)

    # ---- arithmetic

    def _arithmetic(self, node: ast.Arithmetic, point: Point, scope: Scope) -> Value:
        left = self.value(node.first, point, scope)
        span = node.first.span
        for operator, operand in node.rest:
            right = self.value(operand, point, scope)
            left = self._combine(left, operator, right, span, operand.span)
            span = span.to(operand.span)
        return left

    def _combine(self, left: Value, operator: ast.Operator, right: Value, a: Span, b: Span) -> Value:
        if left is ERROR or right is ERROR:
            return ERROR
        for value, span in ((left, a), (right, b)):
            if isinstance(value, StageValue):
                return self._refuse(
                    "E0701",
                    "this version of specc can't compute with checkpoints",
                    span,
                    help="start the stage from one checkpoint, for instance `stage finetune from posttrain`",
                )
            if not isinstance(value, Amount):
                return self._refuse(
                    "E0301", f"`{operator.symbol}` can't be applied to {describe(value)}", span
                )
        assert isinstance(left, Amount)
        assert isinstance(right, Amount)
        combined = combine(left, operator.symbol, right)
        if isinstance(combined, Amount):
            return combined
        code, title, help = combined
        return self._refuse(code, title, b if code == "E0305" else a.to(b), help=help)
