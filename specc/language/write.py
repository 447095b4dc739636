"""From the syntax tree back to text: one line a statement, for `specc.formatting` to lay out.

What is written parses to the same tree, also where the tree was put together from several texts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from specc.language import ast

_SUM, _PRODUCT, _SIGN, _POSTFIX, _ATOM = range(5)
"""How tightly parts of an expression hold together."""


class TooLong(Exception):
    """A text longer than a recipe may be."""


def expression(node: ast.Expression, most: int = 512 * 1024) -> str:
    """The text of an expression.

    Args:
        most: characters.
    Raises:
        TooLong: if it has more. Parts that stand in many places of the tree are written as often.

    >>> from specc.diagnostics import Source, Span
    >>> span = Span(Source("", ""), 0, 0)
    >>> name, plus = ast.Name(span, "a"), ast.Operator(span, "-")
    >>> inner = ast.Arithmetic(span, name, ((plus, name),))
    >>> expression(ast.Arithmetic(span, name, ((plus, inner),)))
    'a - (a - a)'
    """
    return _Writer(most).write(node)


class _Writer:
    def __init__(self, most: int) -> None:
        self.left = most

    def write(self, node: ast.Expression, within: int = _SUM) -> str:
        """The text of an expression, in brackets if what is around it holds more tightly."""
        text, level = self._text(node)
        text = text if level >= within else f"({text})"
        self.left -= len(text) + 1
        if self.left < 0:
            raise TooLong
        return text

    def _text(self, node: ast.Expression) -> tuple[str, int]:
        match node:
            case ast.Quantity():
                unit = f" {node.unit.text}" if node.unit is not None else ""
                return node.number.text + unit, _ATOM
            case ast.String():
                return quoted(node.value), _ATOM
            case ast.Name():
                return node.text, _ATOM
            case ast.Attribute():
                return f"{node.owner.text}.{node.member.text}", _ATOM
            case ast.Call():
                return f"{node.function.text}({self.arguments(node.arguments)})", _ATOM
            case ast.Measure():
                target, after = self.write(node.target), self.write(node.after)
                given = ", ".join(self.given(each) for each in node.given)
                tail = f" given {given}" if given else ""
                return f"{node.reducer.text}({target} after {after}{tail})", _ATOM
            case ast.ListOf():
                return f"[{', '.join(self.write(item) for item in node.items)}]", _ATOM
            case ast.TupleOf():
                comma = "," if len(node.items) == 1 else ""
                return f"({', '.join(self.write(item) for item in node.items)}{comma})", _ATOM
            case ast.Sign():
                return f"-{self.write(node.operand, _POSTFIX)}", _SIGN
            case ast.Arithmetic():
                level = _SUM if node.rest[0][0].symbol in "+-" else _PRODUCT
                parts = [self.write(node.first, level)]
                parts += [f"{sign.symbol} {self.write(operand, level + 1)}" for sign, operand in node.rest]
                return " ".join(parts), level
            case ast.With():
                return f"{self.write(node.value, _POSTFIX)} with ({self.arguments(node.arguments)})", _POSTFIX
            case ast.At():
                return f"{self.write(node.value, _POSTFIX)}@{self._position(node.position)}", _POSTFIX

    def _position(self, node: ast.Expression) -> str:
        text = self.write(node)
        return text if isinstance(node, ast.Quantity | ast.Name) else f"({text})"

    def arguments(self, arguments: Iterable[ast.Argument]) -> str:
        return ", ".join(
            f"{each.name.text} = {self.write(each.value)}" if each.name else self.write(each.value)
            for each in arguments
        )

    def given(self, node: ast.Given) -> str:
        sign = "in" if isinstance(node.value, ast.ListOf) else "="
        return f"{node.axis.text} {sign} {self.write(node.value)}"


def quoted(value: str) -> str:
    """A string as a recipe writes it."""
    return json.dumps(value, ensure_ascii=False)


def _names(names: Sequence[ast.Identifier]) -> str:
    return ", ".join(name.text for name in names)


def statement(node: ast.Member | ast.OverrideStage) -> str:
    """The text of an item of an experiment, in which nothing is broken, and which extends nothing.

    Raises:
        TooLong: if one of its expressions is longer than a recipe may be.
    """
    match node:
        case ast.Docstring():
            return quoted(node.text)
        case ast.Declaration():
            return f"{node.keyword} {node.name.text}{_parameters(node)} = {expression(node.value)}"
        case ast.Sweep():
            names = f"({_names(node.names)})" if node.zipped else _names(node.names)
            return f"sweep {names} in {expression(node.values)}"
        case ast.SweepTable():
            by = _names(node.by) if len(node.by) == 1 else f"({_names(node.by)})"
            entries = ", ".join(f"{expression(e.key)}: {expression(e.value)}" for e in node.entries)
            return f"sweep {node.name.text} by {by} in {{ {entries} }}"
        case ast.Except():
            writer = _Writer(512 * 1024)
            return "except " + ", ".join(writer.given(each) for each in node.given)
        case ast.Seeds():
            values = [expression(value) for value in node.values]
            return f"seeds {'..'.join(values)}" if node.is_range else f"seeds [{', '.join(values)}]"
        case ast.Allocate():
            rows = [row(each) for each in node.rows if isinstance(each, ast.Row)]
            return _braced("allocate", rows)
        case ast.Stage() | ast.OverrideStage():
            source = f" from {expression(node.parent)}" if node.parent is not None else ""
            settings = (s for s in node.settings if isinstance(s, ast.Setting))
            return _braced(
                f"stage {node.name.text}{source}",
                [f"{each.name.text} = {expression(each.value)}" for each in settings],
            )
        case ast.Eval():
            every = f" every {expression(node.every)}" if node.every is not None else ""
            return f"eval {node.name.text} = {expression(node.value)} after {expression(node.after)}{every}"
        case ast.Check():
            if node.operator is not None and node.right is not None:
                return f"check {expression(node.left)} {node.operator.symbol} {expression(node.right)}"
            return f"check {expression(node.left)} is equal across {_names(node.across)}"
        case ast.Compare():
            return f"compare {node.name.text} = {_sql(node.sql)}"
        case ast.ExpectSql():
            return f"expect {node.name.text} = {_sql(node.sql)}"
        case ast.Expect():
            return f"expect {f'{node.name.text} = ' if node.name else ''}{condition(node)}"
        case ast.Recipe():
            overrides = [each for each in node.overrides if isinstance(each, ast.Override)]
            return _braced(f"recipe {node.name.text}", [statement(each) for each in overrides])
        case ast.Override():
            return f"override {statement(node.item)}"
        case ast.Broken():
            raise ValueError("what could not be read can't be written")


def condition(node: ast.Expect) -> str:
    """What an expectation expects."""
    margin = f" by {expression(node.margin)}" if node.margin is not None else ""
    return f"{expression(node.left)} {node.operator.symbol} {expression(node.right)}{margin}"


def row(node: ast.Row) -> str:
    """A row of an allocation table."""
    total = f" {expression(node.total)}" if node.total is not None else ""
    return f"{node.corpus.text}{total} {{ {', '.join(_cell(cell) for cell in node.cells)} }}"


def _cell(node: ast.Cell) -> str:
    text = f"{node.stage.text}: {expression(node.value)}"
    if node.to is not None:
        text += f"..{expression(node.to)}"
    if node.of is not None:
        text += f" of {node.of.text}"
    for place in node.places:
        text += f" {place.kind}"
        positions = [expression(position) for position in place.positions]
        if positions:
            text += f" {('..' if place.kind == 'within' else ', ').join(positions)}"
    return text


def _sql(node: ast.Sql) -> str:
    return f"```sql{node.text}```"


def _parameters(node: ast.Declaration) -> str:
    if not node.parameters:
        return ""
    each = (
        f"{p.name.text} = {expression(p.default)}" if p.default is not None else p.name.text
        for p in node.parameters
    )
    return f"({', '.join(each)})"


def _braced(head: str, lines: Sequence[str]) -> str:
    return f"{head} {{\n" + "".join(f"{line}\n" for line in lines) + "}"
