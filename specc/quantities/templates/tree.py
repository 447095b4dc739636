"""What a template is made of; offsets are in characters of its text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from specc.errors import QueryError


class TemplateError(QueryError):
    """A template that can't be rendered: what is wrong lies at `start` to `stop` of its text.

    Attributes:
        inside: the comparison that it refers to and that is wrong; empty if the mistake is its own.
        circle: comparisons that refer to each other in a circle, if that is wrong.
    """

    def __init__(
        self,
        message: str,
        start: int,
        stop: int,
        help: str | None = None,
        inside: str = "",
        circle: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message, help, start)
        self.start, self.stop, self.inside, self.circle = start, stop, inside, circle


@dataclass(frozen=True, slots=True)
class Literal:
    """A string, a number, true or false."""

    value: str | int | float | bool
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Listed:
    """`[a, b]`."""

    items: tuple[Expression, ...]
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Named:
    """A name."""

    name: str
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Called:
    """`name(a, key = b)`; `stop` is behind the bracket."""

    name: str
    positional: tuple[Expression, ...]
    keywords: tuple[tuple[str, Expression], ...]
    start: int
    stop: int


Expression: TypeAlias = "Literal | Listed | Named | Called"


@dataclass(frozen=True, slots=True)
class Text:
    """Text that stays as it is: that of the template from `start`."""

    text: str
    start: int


@dataclass(frozen=True, slots=True)
class Output:
    """`{{ expression }}`, braces included."""

    expression: Expression
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Loop:
    """`{% for name in items %} body {% endfor %}`; start and stop are those of its head."""

    name: str
    items: Expression
    body: tuple[Part, ...]
    start: int
    stop: int


Part: TypeAlias = "Text | Output | Loop"
