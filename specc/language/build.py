"""From lark's tree to the syntax tree, without recursion: inner nodes are built first."""

from __future__ import annotations

import ast as python_ast
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from specc.diagnostics import Source, Span
from specc.language import ast
from specc.language.layout import DEEPEST, TooDeep

if TYPE_CHECKING:
    from lark import Token, Tree


_HALF = re.compile("[\ud800-\udfff]")
"""Half a character, which an escape can make: no text, no name of a file, no query can have it."""


class Builder:
    """Builds syntax nodes for one source; `base` is where the parsed text starts in it."""

    def __init__(self, source: Source, base: int = 0) -> None:
        self.source = source
        self.base = base
        self.built: dict[int, Any] = {}

    def build(self, tree: Tree[Token]) -> Any:
        """The node of a tree."""
        trees = [tree]
        for outer in trees:
            trees.extend(child for child in outer.children if not isinstance(child, str))
        for part in reversed(trees):
            # What stands after a value, as in `a with (...)`, is built with it.
            if part.data not in ("with", "at"):
                name = "except_" if part.data == "except" else part.data
                method: Callable[[Tree[Token]], Any] = getattr(self, name)
                self.built[id(part)] = method(part)
        node = self.built[id(tree)]
        self.built = {}
        return node

    def span(self, tree: Tree[Token]) -> Span:
        if tree.meta.empty:
            return Span(self.source, self.base, self.base)
        return Span(self.source, self.base + tree.meta.start_pos, self.base + tree.meta.end_pos)

    def word(self, token: Token) -> ast.Identifier:
        start = self.base + (token.start_pos or 0)
        return ast.Identifier(Span(self.source, start, start + len(token)), str(token))

    def children(self, tree: Tree[Token]) -> list[Any]:
        """Nodes and identifiers of a tree's children, in order."""
        return [
            self.word(child) if isinstance(child, str) else self.built[id(child)] for child in tree.children
        ]

    # ---- expressions

    def quantity(self, tree: Tree[Token]) -> ast.Quantity:
        words = self.children(tree)
        return ast.Quantity(self.span(tree), words[0], words[1] if len(words) > 1 else None)

    def string(self, tree: Tree[Token]) -> ast.String:
        return self.text(tree.children[0])

    def text(self, token: Any) -> ast.String:
        word = self.word(token)
        try:
            value = python_ast.literal_eval(word.text)
        except (ValueError, SyntaxError):
            value = word.text[1:-1]
        return ast.String(word.span, _HALF.sub("\ufffd", value))

    def sql(self, token: Any) -> ast.Sql:
        word = self.word(token)
        fence = len("```sql")
        return ast.Sql(word.span, _HALF.sub("\ufffd", word.text[fence:-3]), word.span.start + fence)

    def name(self, tree: Tree[Token]) -> ast.Name:
        word = self.word(tree.children[0])  # type: ignore[arg-type]  # the rule holds one token
        return ast.Name(word.span, word.text)

    def attribute(self, tree: Tree[Token]) -> ast.Attribute:
        owner, member = self.children(tree)
        return ast.Attribute(self.span(tree), owner, member)

    def argument(self, tree: Tree[Token]) -> ast.Argument:
        parts = self.children(tree)
        return ast.Argument(self.span(tree), parts[0] if len(parts) > 1 else None, parts[-1])

    def call(self, tree: Tree[Token]) -> ast.Call:
        function, *arguments = self.children(tree)
        return ast.Call(self.span(tree), function, tuple(arguments))

    def given(self, tree: Tree[Token]) -> ast.Given:
        axis, value = self.children(tree)
        return ast.Given(self.span(tree), axis, value)

    def measure(self, tree: Tree[Token]) -> ast.Measure:
        reducer, target, after, *given = self.children(tree)
        return ast.Measure(self.span(tree), reducer, target, after, tuple(given))

    def list(self, tree: Tree[Token]) -> ast.ListOf:
        return ast.ListOf(self.span(tree), tuple(self.children(tree)))

    def paren(self, tree: Tree[Token]) -> Any:
        parts = self.children(tree)
        if len(parts) == 1:
            return parts[0]
        items = tuple(part for part in parts if not isinstance(part, ast.Identifier))
        return ast.TupleOf(self.span(tree), items)

    def unary(self, tree: Tree[Token]) -> Any:
        *signs, operand = self.children(tree)
        negative = sum(sign.text == "-" for sign in signs) % 2
        return ast.Sign(self.span(tree), operand) if negative else operand

    def sum(self, tree: Tree[Token]) -> ast.Arithmetic:
        first, *rest = self.children(tree)
        pairs = zip(rest[::2], rest[1::2], strict=True)
        return ast.Arithmetic(
            self.span(tree),
            first,
            tuple((ast.Operator(sign.span, sign.text), value) for sign, value in pairs),
        )

    product = sum

    def postfix(self, tree: Tree[Token]) -> Any:
        value = self.built[id(tree.children[0])]
        if len(tree.children) > DEEPEST:
            raise TooDeep(self.span(tree.children[DEEPEST]).start - self.base, "`with` or `@`")  # type: ignore[arg-type]  # a tree
        for part in tree.children[1:]:
            assert not isinstance(part, str)
            span = value.span.to(self.span(part))
            parts = self.children(part)
            value = (
                ast.At(span, value, parts[0]) if part.data == "at" else ast.With(span, value, tuple(parts))
            )
        return value

    # ---- items

    def file(self, tree: Tree[Token]) -> ast.File:
        return ast.File(self.span(tree), tuple(self.children(tree)))

    def item(self, tree: Tree[Token]) -> Any:
        return self.children(tree)[0]

    member = item

    def use(self, tree: Tree[Token]) -> ast.Use:
        path, *names = tree.children
        return ast.Use(self.span(tree), self.text(path), tuple(self.built[id(name)] for name in names))

    def use_name(self, tree: Tree[Token]) -> ast.UseName:
        words = self.children(tree)
        return ast.UseName(self.span(tree), words[0], words[1] if len(words) > 1 else None)

    def declaration(self, tree: Tree[Token]) -> ast.Declaration:
        name, *parameters, value = self.children(tree)
        return ast.Declaration(
            self.span(tree), str(tree.data), name, parameters[0] if parameters else (), value
        )

    let = model = corpus = declaration

    def parameters(self, tree: Tree[Token]) -> tuple[ast.Parameter, ...]:
        return tuple(self.children(tree))

    def parameter(self, tree: Tree[Token]) -> ast.Parameter:
        name, *default = self.children(tree)
        return ast.Parameter(self.span(tree), name, default[0] if default else None)

    def extends(self, tree: Tree[Token]) -> ast.Extends:
        name, *arguments = self.children(tree)
        return ast.Extends(self.span(tree), name, tuple(arguments))

    def experiment(self, tree: Tree[Token]) -> ast.Experiment:
        return ast.Experiment(self.span(tree), *self.headed(tree))

    def headed(
        self, tree: Tree[Token]
    ) -> tuple[ast.Identifier, tuple[ast.Parameter, ...], ast.Extends | None, tuple[Any, ...]]:
        """Name, parameters, what is extended, and body of an experiment or recipe."""
        name, *rest = self.children(tree)
        parameters = rest.pop(0) if rest and isinstance(rest[0], tuple) else ()
        extends = rest.pop(0) if rest and isinstance(rest[0], ast.Extends) else None
        return name, parameters, extends, tuple(rest)

    def docstring(self, tree: Tree[Token]) -> ast.Docstring:
        return ast.Docstring(self.span(tree), self.text(tree.children[0]).value)

    def sweep(self, tree: Tree[Token]) -> ast.Sweep:
        *names, values = self.children(tree)
        return ast.Sweep(self.span(tree), tuple(names), tree.data == "sweep_zip", values)

    sweep_zip = sweep

    def sweep_table(self, tree: Tree[Token]) -> ast.SweepTable:
        name, *rest = self.children(tree)
        by = tuple(part for part in rest if isinstance(part, ast.Identifier))
        return ast.SweepTable(self.span(tree), name, by, tuple(rest[len(by) :]))

    def entry(self, tree: Tree[Token]) -> ast.Entry:
        key, value = self.children(tree)
        return ast.Entry(self.span(tree), key, value)

    # a keyword of Python
    def except_(self, tree: Tree[Token]) -> ast.Except:
        return ast.Except(self.span(tree), tuple(self.children(tree)))

    def seeds_range(self, tree: Tree[Token]) -> ast.Seeds:
        values = tuple(self.children(tree))
        return ast.Seeds(self.span(tree), values, len(values) == 2)

    def seeds_list(self, tree: Tree[Token]) -> ast.Seeds:
        return ast.Seeds(self.span(tree), self.children(tree)[0].items, False)

    def allocate(self, tree: Tree[Token]) -> ast.Allocate:
        return ast.Allocate(self.span(tree), tuple(self.children(tree)))

    def row(self, tree: Tree[Token]) -> ast.Row:
        corpus, *rest = self.children(tree)
        total = rest.pop(0) if rest and not isinstance(rest[0], ast.Cell) else None
        return ast.Row(self.span(tree), corpus, total, tuple(rest))

    def cell(self, tree: Tree[Token]) -> ast.Cell:
        stage, value, *rest = self.children(tree)
        to = rest.pop(0)[0] if rest and isinstance(rest[0], tuple) else None
        of = rest.pop(0) if rest and isinstance(rest[0], ast.Identifier) else None
        return ast.Cell(self.span(tree), stage, value, to, of, tuple(rest))

    def ramp(self, tree: Tree[Token]) -> tuple[Any, ...]:
        return tuple(self.children(tree))

    def of(self, tree: Tree[Token]) -> ast.Identifier:
        return self.word(tree.children[0])  # type: ignore[arg-type]  # the rule holds one token

    def within(self, tree: Tree[Token]) -> ast.Place:
        return ast.Place(self.span(tree), "within", tuple(self.children(tree)))

    def early(self, tree: Tree[Token]) -> ast.Place:
        return ast.Place(self.span(tree), "early block", ())

    def late(self, tree: Tree[Token]) -> ast.Place:
        return ast.Place(self.span(tree), "late block", ())

    def at_positions(self, tree: Tree[Token]) -> ast.Place:
        return ast.Place(self.span(tree), "at", tuple(self.children(tree)))

    def stage(self, tree: Tree[Token]) -> ast.Stage:
        name, parent, *settings = self.children(tree)
        return ast.Stage(self.span(tree), name, parent, tuple(settings))

    def setting(self, tree: Tree[Token]) -> ast.Setting:
        name, value = self.children(tree)
        return ast.Setting(self.span(tree), name, value)

    def eval(self, tree: Tree[Token]) -> ast.Eval:
        name, value, after, *every = self.children(tree)
        return ast.Eval(self.span(tree), name, value, after, every[0] if every else None)

    def check(self, tree: Tree[Token]) -> ast.Check:
        left, operator, right = self.children(tree)
        return ast.Check(self.span(tree), left, ast.Operator(operator.span, operator.text), right, ())

    def check_equal(self, tree: Tree[Token]) -> ast.Check:
        left, *across = self.children(tree)
        return ast.Check(self.span(tree), left, None, None, tuple(across))

    def compare(self, tree: Tree[Token]) -> ast.Compare:
        name, block = tree.children
        return ast.Compare(self.span(tree), self.word(name), self.sql(block))  # type: ignore[arg-type]  # tokens both

    def expect(self, tree: Tree[Token]) -> ast.Expect:
        parts = self.children(tree)
        name = parts.pop(0) if isinstance(parts[0], ast.Identifier) else None
        left, operator, right, *margin = parts
        sign = ast.Operator(operator.span, operator.text)
        return ast.Expect(self.span(tree), name, left, sign, right, margin[0] if margin else None)

    def expect_sql(self, tree: Tree[Token]) -> ast.ExpectSql:
        name, block = tree.children
        return ast.ExpectSql(self.span(tree), self.word(name), self.sql(block))  # type: ignore[arg-type]  # tokens both

    def recipe(self, tree: Tree[Token]) -> ast.Recipe:
        return ast.Recipe(self.span(tree), *self.headed(tree))

    def override(self, tree: Tree[Token]) -> ast.Override:
        return ast.Override(self.span(tree), self.children(tree)[0])

    def override_stage(self, tree: Tree[Token]) -> ast.OverrideStage:
        name, *rest = self.children(tree)
        parent = rest.pop(0) if rest and not isinstance(rest[0], ast.Setting) else None
        return ast.OverrideStage(self.span(tree), name, parent, tuple(rest))
