"""SQL of a template, and where each part of it comes from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from specc.diagnostics import nearest
from specc.quantities.templates.context import Context, Piece, Rendered, Value
from specc.quantities.templates.functions import FUNCTIONS, Refused, written
from specc.quantities.templates.parse import is_template, parse
from specc.quantities.templates.tree import (
    Called,
    Expression,
    Listed,
    Literal,
    Loop,
    Output,
    Part,
    TemplateError,
)
from specc.results.statements import without_end

LONGEST = 50_000
"""Characters of a template, and of what it gives."""

MOST_TURNS = 10_000
"""Turns of all loops of a template together."""

MOST_VALUES = 200_000
"""Names, numbers, texts, lists and calls that are worked out: loops do it anew at each turn."""

MOST_MADE = 1_000_000
"""Characters that the calls of a template give together, written or not."""

DEEPEST = 50
"""Comparisons that may refer to each other in a row."""


def render(text: str, context: Context) -> Rendered:
    """Render a query.

    Raises:
        TemplateError: pointing into `text`.
    """
    return _Renderer(context, ()).render(text)


@dataclass(slots=True)
class _Renderer:
    """A rendering: of one comparison, inside those in `around` that refer to it."""

    context: Context
    around: tuple[str, ...]
    _refs: set[str] = field(default_factory=set)
    _parts: list[str] = field(default_factory=list)
    _pieces: list[Piece] = field(default_factory=list)
    _length: int = 0
    _turns: int = 0
    _values: int = 0
    _made: int = 0

    def render(self, text: str) -> Rendered:
        if not is_template(text):
            return Rendered(text, (Piece(0, 0, len(text), True),))
        if len(text) > LONGEST:
            raise TemplateError(f"this template has more than {LONGEST:,} characters", 0, 1)
        self._write(parse(text), dict(self.context.names()))
        return Rendered("".join(self._parts), tuple(self._pieces), frozenset(self._refs))

    def _write(self, parts: tuple[Part, ...], names: Mapping[str, Value]) -> None:
        for part in parts:
            if isinstance(part, Loop):
                self._repeat(part, names)
            elif isinstance(part, Output):
                value = self._value(part.expression, names)
                if isinstance(value, list):
                    raise TemplateError(
                        "a list can't be written as it is",
                        part.expression.start,
                        part.expression.stop,
                        "write `listed(...)`, or a loop over it",
                    )
                self._add(written(value), part.start, part.stop, verbatim=False)
            else:
                self._add(part.text, part.start, part.start + len(part.text), verbatim=True)

    def _add(self, text: str, start: int, stop: int, verbatim: bool) -> None:
        self._pieces.append(Piece(self._length, start, stop, verbatim))
        self._parts.append(text)
        self._length += len(text)
        if self._length > LONGEST:
            raise TemplateError(
                f"this gives more than {LONGEST:,} characters",
                start,
                stop,
                "make it in parts, or loop over less",
            )

    def _repeat(self, loop: Loop, names: Mapping[str, Value]) -> None:
        items = self._value(loop.items, names)
        if not isinstance(items, list):
            raise TemplateError(
                "a loop goes over a list", loop.items.start, loop.items.stop, "write one, for instance `axes`"
            )
        for item in items:
            self._turns += 1
            if self._turns > MOST_TURNS:
                raise TemplateError(f"loops turn more than {MOST_TURNS:,} times", loop.start, loop.stop)
            self._write(loop.body, {**names, loop.name: item})

    def _value(self, node: Expression, names: Mapping[str, Value]) -> Value:
        self._values += 1
        if self._values > MOST_VALUES:
            raise TemplateError(
                f"more than {MOST_VALUES:,} values are worked out", node.start, node.stop, "loop over less"
            )
        if isinstance(node, Literal):
            return node.value
        if isinstance(node, Listed):
            return [self._value(item, names) for item in node.items]
        if isinstance(node, Called):
            return self._call(node, names)
        if node.name not in names:
            raise self._unknown(node.name, node.start, node.stop, names)
        return names[node.name]

    def _unknown(self, name: str, start: int, stop: int, names: Mapping[str, Value]) -> TemplateError:
        if name in (*FUNCTIONS, "ref"):
            return TemplateError(f"`{name}` is a function", start, stop, f"write `{name}(...)`")
        near = nearest(name, [*names, *FUNCTIONS, "ref"])
        listed = ", ".join(f"`{each}`" for each in names)
        return TemplateError(
            f"there is nothing called `{name}` here",
            start,
            stop,
            f"write `{near}`" if near else f"names: {listed}",
        )

    def _call(self, node: Called, names: Mapping[str, Value]) -> str:
        positional = [self._value(each, names) for each in node.positional]
        keywords = {key: self._value(each, names) for key, each in node.keywords}
        end = node.start + len(node.name)
        if node.name == "ref":
            return self._ref(node, positional, keywords)
        function = FUNCTIONS.get(node.name)
        if function is None:
            near = nearest(node.name, [*FUNCTIONS, "ref"])
            listed = ", ".join(f"`{each}`" for each in (*FUNCTIONS, "ref"))
            raise TemplateError(
                f"there is no function `{node.name}` for templates",
                node.start,
                end,
                f"write `{near}`" if near else f"functions: {listed}",
            )
        try:
            made = function.call(self.context, positional, keywords)
        except Refused as error:
            raise TemplateError(error.message, node.start, node.stop, error.help) from None
        return self._counted(made, node)

    def _counted(self, made: str, node: Called) -> str:
        self._made += len(made)
        if self._made > MOST_MADE:
            raise TemplateError(
                f"calls give more than {MOST_MADE:,} characters", node.start, node.stop, "loop over less"
            )
        return made

    def _ref(self, node: Called, positional: list[Value], keywords: Mapping[str, Value]) -> str:
        """Another comparison of the experiment, in brackets."""
        if len(positional) != 1 or keywords or not isinstance(positional[0], str):
            raise TemplateError(
                "`ref` takes the name of a comparison", node.start, node.stop, "write `ref('NAME')`"
            )
        name, place = positional[0], (node.start, node.stop)
        if name in self.around:
            circle = self.around[self.around.index(name) :]
            listed = " -> ".join(f"`{each}`" for each in (*circle, name))
            raise TemplateError(
                f"comparisons refer to each other in a circle: {listed}",
                *place,
                "let one of them do without",
                circle=circle,
            )
        if len(self.around) > DEEPEST:
            raise TemplateError(f"more than {DEEPEST} comparisons refer to each other in a row", *place)
        if name not in self.context.comparisons:
            near = nearest(name, self.context.comparisons)
            listed = ", ".join(f"`{each}`" for each in self.context.comparisons) or "none"
            help = f"write `ref('{near}')`" if near else f"comparisons: {listed}"
            raise TemplateError(f"there is no comparison `{name}`", *place, help)
        try:
            inner = self.context.kept.get(name) or render_named(name, self.context, self.around)
        except TemplateError as error:
            raise TemplateError(
                error.message, *place, error.help, error.inside or name, error.circle
            ) from None
        self._refs |= {name, *inner.refs}
        return self._counted(f"(\n{without_end(inner.text)}\n)", node)


def render_named(name: str, context: Context, around: tuple[str, ...] = ()) -> Rendered:
    """Render a comparison of the experiment by its name; it is kept for those that refer to it.

    Raises:
        TemplateError: pointing into the text of the comparison.
    """
    if name not in context.kept:
        context.kept[name] = _Renderer(context, (*around, name)).render(context.comparisons[name])
    return context.kept[name]


def protected(sql: str) -> str:
    """A text of SQL that is no template, or is one that gives that text.

    >>> protected("select '{{' as x")
    "select '{{ '{{' }}' as x"
    """
    if not is_template(sql):
        return sql
    return re.sub(r"\{[{%#]", lambda mark: f"{{{{ '{mark[0]}' }}}}", sql)
