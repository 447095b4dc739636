"""Expressions to values, at a point of the sweep.

Types are checked here: the values of an axis share one type, so that a mistake of types shows at
the first point, and a mistake of ranges at the points that make it. A mistake is reported once
and yields `ERROR`, which says nothing more on its way up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

from specc.analysis.arguments import Arguments
from specc.analysis.checkpoint_calls import FUNCTIONS, CheckpointCalls, names_axes
from specc.analysis.data_calls import DataCalls, as_data
from specc.analysis.declarations import Declarations, name_in, text_of
from specc.analysis.model_members import TOKENIZER, tokenizer_of
from specc.analysis.nesting import MOST_VALUES, holds_more
from specc.analysis.quantities import read_quantity
from specc.analysis.scope import TEMPLATE, Binding, Scope
from specc.analysis.sums import Sums
from specc.analysis.template_uses import TemplateUses
from specc.analysis.templates import DEEPEST as DEEPEST_USES
from specc.analysis.templates import example_help
from specc.analysis.tokenizers import has_tokenizer, tokenizer_of_corpus
from specc.analysis.values import (
    ERROR,
    UNITS,
    Amount,
    ComponentValue,
    CorpusValue,
    EvalValue,
    StageValue,
    Unit,
    Value,
    Word,
    describe,
    identity_of,
)
from specc.analysis.weights import (
    Combination,
    Selected,
    Transformed,
    as_weights,
    is_delta,
    total,
    transformed,
)
from specc.components import COMPONENTS, Kind, Signature
from specc.diagnostics import Report, Span, foreign, nearest
from specc.errors import PluginError
from specc.language import ast

Point = Mapping[str, Value]
"""Axis -> value: where in the sweep an expression is evaluated."""

_WORDS: dict[str, Value] = {"rest": Word.REST, "fill": Word.FILL, "true": True, "false": False}
_FUNCTIONS = tuple(FUNCTIONS)
SPLITS = ("train", "held_out")

_DEEPEST = 130
"""Expressions inside each other, with those of templates: more would end in Python's own limit."""


class Evaluator:
    """Evaluates expressions of one experiment, each once for what it depends on."""

    def __init__(self, scope: Scope, report: Report) -> None:
        self.scope = scope
        self.report = report
        self.arguments = Arguments(report)
        self.checkpoints = CheckpointCalls(self, report)
        self.data = DataCalls(report)
        self._dependencies: dict[int, tuple[str, ...]] = {}
        self._memo: dict[tuple[object, ...], Value] = {}
        self._kept: list[ast.Expression] = []
        self.declarations = Declarations(report)
        self.uses = TemplateUses(self.declarations, report, self._prepare)
        self.sums = Sums(self, report)
        self._depth = 0
        self._prepare(scope)

    def _prepare(self, scope: Scope) -> None:
        """Work out dependencies in order of declaration, so that long chains of names don't recurse."""
        for value, home in self.declarations.prepare(scope):
            self.dependencies(value, home)

    # ---- what an expression depends on

    def dependencies(self, expression: ast.Expression, scope: Scope | None = None) -> tuple[str, ...]:
        """Axes whose values an expression may use, sorted."""
        known = self._dependencies.get(id(expression))
        if known is not None:
            return known
        scope = scope or self.scope
        self._dependencies[id(expression)] = ()
        self._kept.append(expression)
        if isinstance(expression, ast.Quantity | ast.String):
            return ()
        found: set[str] = set()
        parts = ast.parts(expression)
        named = {id(axis) for part in parts for axis in names_axes(part)}
        for part in parts:
            if isinstance(part, ast.Call):
                instance = self.instance(part, scope)
                if instance is not None:
                    found.update(self.dependencies(instance[1], instance[2]))
            name = name_in(part)
            if name is not None and id(part) not in self.declarations.too_early and id(part) not in named:
                binding = scope.find(name, part.span)
                if binding is not None and binding.kind == "axis":
                    found.add(name)
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
        known = self._memo.get(key)
        if known is None:
            self._depth += 1
            if self._depth > _DEEPEST:
                self._too_deep(expression.span)
                known = ERROR
            else:
                known = self._value(expression, point, scope)
            self._memo[key] = known
            self._depth -= 1
        return known

    def _too_deep(self, span: Span) -> None:
        self.report.add(
            "E0209",
            f"templates are used inside each other more than {DEEPEST_USES} deep",
            span,
            help="declare what the inner ones make: `model NAME = TEMPLATE(...)`",
        )

    def _key(self, expression: ast.Expression, point: Point, scope: Scope) -> tuple[object, ...]:
        axes = self._dependencies.get(id(expression))
        if axes is None:
            axes = self.dependencies(expression, scope)
        if not axes:
            return (id(expression),)
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
                name = name_in(part)
                if name is not None and id(part) not in self.declarations.too_early:
                    used = current.scope.find(name, part.span)
                    if used is not None:
                        waiting.append((used, False))

    def _value(self, expression: ast.Expression, point: Point, scope: Scope) -> Value:
        match expression:
            case ast.Quantity():
                return read_quantity(expression, self.report)
            case ast.String():
                return expression.value
            case ast.Name():
                return self._name(expression, point, scope)
            case ast.Attribute():
                return self._attribute(expression, point, scope)
            case ast.Call():
                return self._call(expression, point, scope)
            case ast.ListOf() | ast.TupleOf():
                items = tuple(self.value(item, point, scope) for item in expression.items)
                if ERROR in items:
                    return ERROR
                if holds_more(items, MOST_VALUES):
                    title = f"a list may hold at most {MOST_VALUES:,} values, those of lists in it included"
                    return self._refuse("E0505", title, expression.span)
                return items
            case ast.Sign():
                operand = self.value(expression.operand, point, scope)
                if isinstance(operand, Amount):
                    return Amount(-operand.value, operand.unit)
                weights = as_weights(operand)
                if weights is not None and is_delta(weights):
                    opposite = total([(weights, Fraction(-1))], expression.span, delta=True)
                    assert isinstance(opposite, Combination)
                    return opposite
                return self._refuse("E0301", f"{describe(operand)} has no negative", expression.span, operand)
            case ast.Arithmetic():
                return self.sums.value(expression, point, scope)
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

    def _name(self, node: ast.Name, point: Point, scope: Scope) -> Value:
        binding = scope.find(node.text, node.span)
        if binding is None:
            if node.text in _WORDS:
                return _WORDS[node.text]
            return self.unknown_name(node.text, node.span, scope)
        match binding.kind:
            case "axis":
                return point.get(node.text, ERROR)
            case "stage":
                return StageValue(node.text, None, node.span)
            case "eval":
                return EvalValue(node.text)
            case "let" | "model" | "corpus":
                return self._declared(binding, node, node.text, node.span, point)
            case "failed":
                return ERROR
            case _ if isinstance(binding.node, ast.Declaration):
                return self._refuse(
                    "E0301",
                    f"`{node.text}` is {binding.what}, which needs arguments",
                    node.span,
                    help=example_help(node.text, binding.node.parameters, [binding.node.value]),
                )
        return self._refuse(
            "E0301", f"`{node.text}` is {binding.what}; it has no value that can stand here", node.span
        )

    def named(self, name: ast.Identifier, point: Point) -> Value:
        """What a name stands for that is written outside of an expression."""
        return self._name(ast.Name(name.span, name.text), point, self.scope)

    def _declared(self, binding: Binding, node: ast.Expression, name: str, span: Span, point: Point) -> Value:
        assert binding.value is not None
        if self.declarations.used_too_early(node, name, span):
            return ERROR
        value = self._of_its_kind(binding, point)
        if isinstance(value, ComponentValue) and value.signature.kind is Kind.CORPUS:
            return CorpusValue(name, value) if binding.kind == "corpus" else value
        if isinstance(value, ComponentValue | Combination | Transformed | Selected):
            return replace(value, name=name)
        return value

    def _of_its_kind(self, binding: Binding, point: Point) -> Value:
        """Value of a declaration, which is a model or a corpus if the declaration says so."""
        assert binding.value is not None
        self._evaluate_chain(binding, point)
        value = self.value(binding.value, point, binding.scope)
        return self._as_declared(value, binding.kind, binding.name, binding.value.span)

    def _as_declared(self, value: Value, keyword: str, name: str, span: Span) -> Value:
        """A value that was declared by `model` or `corpus`, if it is one."""
        wanted = {"model": Kind.MODEL, "corpus": Kind.CORPUS}.get(keyword)
        if value is ERROR or wanted is None:
            return value
        if isinstance(value, ComponentValue) and value.signature.kind is wanted:
            return value
        if wanted is Kind.CORPUS and as_data(value) is not None:
            return value
        examples = 'a model is written as `llama(...)` or `checkpoint("FOLDER")`'
        if wanted is Kind.CORPUS:
            examples = (
                'a corpus is written as `text("data/*.txt")`, `jsonl("data.jsonl", text = "body")`, ...'
            )
        return self._refuse(
            "E0301",
            f"{keyword} `{name}` is {describe(value)}",
            span,
            help=examples,
        )

    def check_declarations(self, point: Point) -> None:
        """Report mistakes in the declarations of the scope, also in those that nothing uses."""
        for binding in self.scope.bindings.values():
            if binding.value is not None:
                self._of_its_kind(binding, point)
            elif binding.kind == TEMPLATE and binding.scope is self.scope:
                self._check_template(binding)

    def _check_template(self, binding: Binding) -> None:
        """Report names in a template that stand for nothing; values are checked where it is used."""
        assert isinstance(binding.node, ast.Declaration)
        name = binding.node.name
        if name.text in _FUNCTIONS:
            self.report.add(
                "E0207",
                f"`{name.text}` can't name a template: it is a function of the language",
                name.span,
                help="give the template another name",
            )
            return
        depth = self.declarations.depth.get(id(binding.node), 0)
        if depth == DEEPEST_USES + 1:  # those that use it are as deep because of it
            self._too_deep(name.span)
        parameters = {p.name.text for p in binding.node.parameters}
        for part in text_of(binding):
            if isinstance(part, ast.Name) and part.text not in parameters:
                self._name(part, {}, binding.scope)
            elif isinstance(part, ast.Attribute) and part.owner.text not in parameters:
                self._attribute(part, {}, binding.scope)
            elif isinstance(part, ast.Call) and not self.declarations.used_too_early(
                part, part.function.text, part.function.span
            ):
                self._component_named(part, binding.scope)

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
        elif name in foreign.VALUES:
            help = foreign.VALUES[name]
        else:
            help = f"write `{close}`" if close else None
        return self._refuse("E0201", f"`{name}` is not declared", span, help=help)

    def _attribute(self, node: ast.Attribute, point: Point, scope: Scope) -> Value:
        name, span = node.owner.text, node.owner.span
        binding = scope.find(name, span)
        if binding is None:
            return self.unknown_name(name, span, scope)
        if binding.kind == "failed":
            return ERROR
        value: Value = True
        if binding.kind in ("corpus", "let") and binding.value is not None:
            value = self._declared(binding, node, name, span, point)
            if node.member.text == TOKENIZER and has_tokenizer(value):
                return tokenizer_of_corpus(value)
        elif binding.kind == "axis":
            value = point.get(name, ERROR)
        elif binding.kind == "model" and node.member.text == TOKENIZER and binding.value is not None:
            return tokenizer_of(self._declared(binding, node, name, span, point), node, self.report)
        return self.data.part(value, node)

    # ---- calls

    def _call(self, node: ast.Call, point: Point, scope: Scope) -> Value:
        instance = self.instance(node, scope)
        if instance is not None:
            return self._used(node, instance[1], instance[2], point, scope)
        if self.uses.knows(node):
            return ERROR  # a template whose arguments are wrong
        name = node.function.text
        if name in FUNCTIONS:
            return self.checkpoints.call(node, point, scope)
        signature = self._component_named(node, scope)
        if signature is None:
            return ERROR
        given = self._given(node.arguments, point, scope)
        args, spans = self.arguments.check(signature, given, node.function.span)
        if args is None:
            return ERROR
        return self._component(ComponentValue(signature, args, spans, node.span))

    def _component_named(self, node: ast.Call, scope: Scope) -> Signature | None:
        """The component that a call names; None if it names something else, or nothing, which is reported."""
        name = node.function.text
        binding = scope.find(name, node.function.span)
        if name in _FUNCTIONS or (binding is not None and binding.kind in (TEMPLATE, "failed")):
            return None
        try:
            signature = COMPONENTS.get(name)
        except PluginError as error:
            self._refuse("E0702", error.message, node.function.span, help=error.help)
            return None
        if signature is not None:
            return signature
        if binding is not None:
            changes = binding.kind in ("let", "model", "corpus") and node.arguments
            written_with = f"{name} with {node.span.text[len(name) :].lstrip()}"
            self._refuse(
                "E0203",
                f"`{name}` is {binding.what} without parameters",
                node.span,
                help=f"write `{written_with}`" if changes else f"name it without parentheses: `{name}`",
            )
            return None
        templates = [n for n in scope.names() if (b := scope.find(n)) and b.kind == TEMPLATE]
        close = nearest(name, [*COMPONENTS, *_FUNCTIONS, *templates])
        self._refuse(
            "E0203",
            f"there is no component `{name}`",
            node.function.span,
            help=f"write `{close}`" if close else None,
        )
        return None

    # ---- uses of templates

    def instance(self, node: ast.Call, scope: Scope) -> tuple[ast.Call, ast.Expression, Scope] | None:
        """As `TemplateUses.instance`."""
        return self.uses.instance(node, scope)

    def _used(self, node: ast.Call, body: ast.Expression, inner: Scope, point: Point, scope: Scope) -> Value:
        binding = scope.find(node.function.text, node.function.span)
        assert binding is not None
        assert isinstance(binding.node, ast.Declaration)
        value = self.value(body, point, inner)
        return self._as_declared(value, binding.node.keyword, node.function.text, body.span)

    def _component(self, value: ComponentValue) -> Value:
        """A component; a checkpoint transform is a checkpoint, a data transform a data set."""
        if value.signature.kind is Kind.DATA:
            return self.data.checked(value)
        if value.signature.kind is not Kind.CHECKPOINT:
            return value
        return self.checkpoints.deep_enough(transformed(value))

    def _given(
        self, arguments: tuple[ast.Argument, ...], point: Point, scope: Scope
    ) -> list[tuple[ast.Identifier | None, Value, Span]]:
        return [(a.name, self.value(a.value, point, scope), a.value.span) for a in arguments]

    def _with(self, node: ast.With, point: Point, scope: Scope) -> Value:
        value = self.value(node.value, point, scope)
        if isinstance(value, Transformed):
            value = value.given
        if not isinstance(value, ComponentValue):
            return self._refuse(
                "E0301", f"`with` changes a component, not {describe(value)}", node.value.span, value
            )
        given = self._given(node.arguments, point, scope)
        args, spans = self.arguments.check(value.signature, given, node.value.span, base=value)
        if args is None:
            return ERROR
        return self._component(ComponentValue(value.signature, args, spans, node.span))

    def _at(self, node: ast.At, point: Point, scope: Scope) -> Value:
        value = self.value(node.value, point, scope)
        position = self.value(node.position, point, scope)
        if value is ERROR or position is ERROR:
            return ERROR
        if not isinstance(value, StageValue) or value.position is not None:
            return self._refuse(
                "E0301", f"`@` marks a position in a stage, not in {describe(value)}", node.value.span
            )
        if not isinstance(position, Amount) or position.unit not in (Unit.SHARE, Unit.TOKENS, Unit.STEPS):
            return self._refuse(
                "E0301",
                f"a position is a percentage, tokens or steps, not {describe(position)}",
                node.position.span,
                help=f"write `{value.stage}@50%`, or `{value.stage}@1_000 steps`",
            )
        if position.value <= 0 or (position.unit is Unit.SHARE and position.value > 1):
            return self._refuse("E0303", f"position {position} lies outside of its stage", node.position.span)
        return StageValue(value.stage, position, node.span)
