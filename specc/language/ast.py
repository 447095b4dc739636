"""The syntax tree: what a file says, before names and types mean anything.

Nodes are frozen, carry the span of their text, and are compared by identity. Numbers stay text
here: units and suffixes are checked by `specc.analysis.values`.
"""

from __future__ import annotations

from dataclasses import dataclass

from specc.diagnostics import Span


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    span: Span


# ---- expressions


@dataclass(frozen=True, slots=True, eq=False)
class Identifier(Node):
    """A name where it is declared or named as a part of an item."""

    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Quantity(Node):
    """`20M tokens`: a number as it is written, and its unit if there is one."""

    number: Identifier
    unit: Identifier | None


@dataclass(frozen=True, slots=True, eq=False)
class String(Node):
    value: str


@dataclass(frozen=True, slots=True, eq=False)
class Sql(Node):
    """An SQL block; `start` is the offset of its text in the source."""

    text: str
    start: int


@dataclass(frozen=True, slots=True, eq=False)
class Name(Node):
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Attribute(Node):
    """`skill.held_out`."""

    owner: Identifier
    member: Identifier


@dataclass(frozen=True, slots=True, eq=False)
class Argument(Node):
    name: Identifier | None
    value: Expression


@dataclass(frozen=True, slots=True, eq=False)
class Call(Node):
    function: Identifier
    arguments: tuple[Argument, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Given(Node):
    """`early = 50%` or `early in [25%, 50%]` in a measure."""

    axis: Identifier
    value: Expression


@dataclass(frozen=True, slots=True, eq=False)
class Measure(Node):
    """`mean(skill_loss after finetune given early = 50%)`."""

    reducer: Identifier
    target: Expression
    after: Expression
    given: tuple[Given, ...]


@dataclass(frozen=True, slots=True, eq=False)
class ListOf(Node):
    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, eq=False)
class TupleOf(Node):
    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Sign(Node):
    """`-x`; a plus sign changes nothing."""

    operand: Expression


@dataclass(frozen=True, slots=True, eq=False)
class Operator(Node):
    symbol: str


@dataclass(frozen=True, slots=True, eq=False)
class Arithmetic(Node):
    """`a + b - c` or `a * b / c`: one level of precedence, left to right."""

    first: Expression
    rest: tuple[tuple[Operator, Expression], ...]


@dataclass(frozen=True, slots=True, eq=False)
class With(Node):
    """`warm with (beta2 = 0.99)`."""

    value: Expression
    arguments: tuple[Argument, ...]


@dataclass(frozen=True, slots=True, eq=False)
class At(Node):
    """`pretrain@50%`."""

    value: Expression
    position: Expression


Expression = (
    Quantity | String | Name | Attribute | Call | Measure | ListOf | TupleOf | Sign | Arithmetic | With | At
)

# ---- items


@dataclass(frozen=True, slots=True, eq=False)
class Broken(Node):
    """What could not be parsed, and was reported: the word it begins with, and the name it declares."""

    keyword: str
    name: Identifier | None


@dataclass(frozen=True, slots=True, eq=False)
class UseName(Node):
    name: Identifier
    alias: Identifier | None


@dataclass(frozen=True, slots=True, eq=False)
class Use(Node):
    path: String
    names: tuple[UseName, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Parameter(Node):
    """`width` or `layers = 2` in the head of a declaration that is a template."""

    name: Identifier
    default: Expression | None


@dataclass(frozen=True, slots=True, eq=False)
class Extends(Node):
    """`extends replay(share = 1%)`."""

    name: Identifier
    arguments: tuple[Argument, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Declaration(Node):
    """`let`, `model` or `corpus`: a name for a value; `keyword` says which."""

    keyword: str
    name: Identifier
    parameters: tuple[Parameter, ...]
    value: Expression


@dataclass(frozen=True, slots=True, eq=False)
class Docstring(Node):
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Sweep(Node):
    """`sweep early in [...]`; with several names, `values` holds tuples."""

    names: tuple[Identifier, ...]
    zipped: bool
    values: Expression


@dataclass(frozen=True, slots=True, eq=False)
class Entry(Node):
    """`128: [5e-4, 1e-3]` in a table."""

    key: Expression
    value: Expression


@dataclass(frozen=True, slots=True, eq=False)
class SweepTable(Node):
    """`sweep rate by width in { 64: 1e-3, 128: [5e-4, 1e-3] }`; keys are tuples if `by` has several names."""

    name: Identifier
    by: tuple[Identifier, ...]
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Except(Node):
    """`except width = 128, rate in [3e-3]`: points of the sweep that are left out."""

    given: tuple[Given, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Seeds(Node):
    """`seeds 0..4` (both ends included) or `seeds [1, 5]`."""

    values: tuple[Expression, ...]
    is_range: bool


@dataclass(frozen=True, slots=True, eq=False)
class Place(Node):
    """Where in a stage the tokens of a cell lie.

    `kind` is "within" (two positions), "early block", "late block" or "at" (positions; the unit of
    the last one holds for those before it that have none).
    """

    kind: str
    positions: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Cell(Node):
    """`posttrain: 2% of stage within 80%..100%`.

    `to` is the end of a ramp such as `0%..10% of stage`; `of` is the word after `of`.
    """

    stage: Identifier
    value: Expression
    to: Expression | None
    of: Identifier | None
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Row(Node):
    corpus: Identifier
    total: Expression | None
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Allocate(Node):
    rows: tuple[Row | Broken, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Setting(Node):
    name: Identifier
    value: Expression


@dataclass(frozen=True, slots=True, eq=False)
class Stage(Node):
    name: Identifier
    parent: Expression
    settings: tuple[Setting | Broken, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Eval(Node):
    name: Identifier
    value: Expression
    after: Expression
    every: Expression | None


@dataclass(frozen=True, slots=True, eq=False)
class Check(Node):
    """`check a <= b`, or `check a is equal across early`."""

    left: Expression
    operator: Operator | None
    right: Expression | None
    across: tuple[Identifier, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Compare(Node):
    name: Identifier
    sql: Sql


@dataclass(frozen=True, slots=True, eq=False)
class Expect(Node):
    name: Identifier | None
    left: Expression
    operator: Operator
    right: Expression
    margin: Expression | None


@dataclass(frozen=True, slots=True, eq=False)
class ExpectSql(Node):
    name: Identifier
    sql: Sql


@dataclass(frozen=True, slots=True, eq=False)
class OverrideStage(Node):
    """`override stage finetune from pretrain { ... }`: a new parent if one is given, and settings."""

    name: Identifier
    parent: Expression | None
    settings: tuple[Setting | Broken, ...]


Replaced = (
    Declaration | Allocate | Seeds | Sweep | SweepTable | Eval | Compare | Expect | ExpectSql | OverrideStage
)


@dataclass(frozen=True, slots=True, eq=False)
class Override(Node):
    """`override ...`: what stands in place of the item of that name."""

    item: Replaced


@dataclass(frozen=True, slots=True, eq=False)
class Recipe(Node):
    name: Identifier
    parameters: tuple[Parameter, ...]
    extends: Extends | None
    overrides: tuple[Override | Broken, ...]


Member = (
    Declaration
    | Docstring
    | Sweep
    | SweepTable
    | Except
    | Seeds
    | Allocate
    | Stage
    | Eval
    | Check
    | Compare
    | Expect
    | ExpectSql
    | Recipe
    | Override
    | Broken
)


@dataclass(frozen=True, slots=True, eq=False)
class Experiment(Node):
    name: Identifier
    parameters: tuple[Parameter, ...]
    extends: Extends | None
    members: tuple[Member, ...]


Item = Use | Experiment | Member


@dataclass(frozen=True, slots=True, eq=False)
class File(Node):
    items: tuple[Item, ...]


def parts(expression: Expression) -> list[Expression]:
    """All expressions inside one, itself included, each once: arguments of templates are in many places."""
    found: list[Expression] = []
    seen: set[int] = set()
    open_parts: list[Expression] = [expression]
    while open_parts:
        part = open_parts.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        found.append(part)
        match part:
            case Call() | With():
                open_parts.extend(argument.value for argument in part.arguments)
                if isinstance(part, With):
                    open_parts.append(part.value)
            case ListOf() | TupleOf():
                open_parts.extend(part.items)
            case Sign():
                open_parts.append(part.operand)
            case Arithmetic():
                open_parts.append(part.first)
                open_parts.extend(operand for _, operand in part.rest)
            case At():
                open_parts += [part.value, part.position]
    return found
