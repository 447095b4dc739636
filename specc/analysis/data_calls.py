"""Data sets as values: parts of corpora, and what is made of them."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from specc.analysis.values import (
    ERROR,
    ComponentValue,
    CorpusValue,
    DataValue,
    Value,
    describe,
    show,
    show_share,
)
from specc.components import Kind
from specc.diagnostics import Report, Span, nearest
from specc.language import ast

DEEPEST = 64
"""Data transforms on top of each other."""

MOST_PARTS = 1024
"""Parts of corpora that one data set may be made of, each counted as often as it is read."""

PARTS = ("train", "held_out")
"""Parts that every corpus has."""


def is_data(value: object) -> bool:
    """Whether a value is a data set; a corpus is none, for it has several parts."""
    return isinstance(value, DataValue) or (
        isinstance(value, ComponentValue) and value.signature.kind is Kind.DATA
    )


def as_data(value: object) -> DataValue | ComponentValue | None:
    """A value as a data set; of a corpus, whose parts are still to be named. None for others."""
    if isinstance(value, CorpusValue):
        span = value.source.span if value.source is not None else None
        return None if span is None else DataValue(value.corpus, "", span, value.source)
    return value if is_data(value) else None  # type: ignore[return-value]  # just looked at


def inputs_of(value: ComponentValue) -> tuple[DataValue | ComponentValue, ...]:
    """The data sets that a transform is applied to."""
    data = value.args["data"]
    return data if isinstance(data, tuple) else (data,)


def leaves(value: DataValue | ComponentValue) -> list[DataValue]:
    """The parts of corpora that a data set is made of, in order, each as often as it is read."""
    found = []
    waiting = [value]
    while waiting:
        current = waiting.pop()
        if isinstance(current, DataValue):
            found.append(current)
        else:
            waiting.extend(reversed(inputs_of(current)))
    return found


def open_leaf(value: DataValue | ComponentValue) -> DataValue | None:
    """A corpus in a data set of which it isn't said which part is meant."""
    return next((leaf for leaf in leaves(value) if not leaf.split), None)


def with_part(value: DataValue | ComponentValue, part: str) -> DataValue | ComponentValue:
    """A data set with one part of all corpora in it of which none is named."""
    if isinstance(value, DataValue):
        if value.split:
            return value
        return DataValue(value.corpus, part, value.span, value.source)
    if open_leaf(value) is None:
        return value
    changed: Any = tuple(with_part(data, part) for data in inputs_of(value))
    data = changed if isinstance(value.args["data"], tuple) else changed[0]
    name = f"{value.name}.{part}" if value.name else ""
    return ComponentValue(value.signature, {**value.args, "data": data}, value.spans, value.span, name)


def parts_of(source: ComponentValue) -> tuple[str, ...]:
    """Names of the parts of a corpus."""
    return (*PARTS, *(name for name, _ in source.args.get("splits", ())))


class DataCalls:
    """Checks what is asked of data sets; mistakes go to the report."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self._sizes: dict[int, tuple[ComponentValue, int, int]] = {}

    def _refuse(self, code: str, title: str, span: Span, help: str | None = None, label: str = "") -> Value:
        self.report.add(code, title, span, label, help=help)
        return ERROR

    # ---- parts of corpora

    def part(self, value: Value, node: ast.Attribute) -> Value:
        """`skill.train`; also the part of what transforms make of corpora as a whole."""
        if value is ERROR:
            return ERROR
        owner, member = node.owner.text, node.member.text
        data = as_data(value)
        if data is None or open_leaf(data) is None:
            what = "a data set without parts" if data is not None else "no corpus"
            return self._refuse(
                "E0301",
                f"`{owner}` is {what}; only a corpus has parts",
                node.owner.span,
                help=f"write `{owner}` alone" if data is not None else _listed(PARTS),
            )
        if any(leaf.split for leaf in leaves(data)):
            return self._refuse(
                "E0301",
                f"`{owner}` has no parts: of some of its corpora a part is named already",
                node.owner.span,
                help="name the part of every corpus in it, or of none",
            )
        known = [parts_of(leaf.source) for leaf in leaves(data) if leaf.source is not None]
        shared = [name for name in known[0] if all(name in names for names in known)]
        if member not in shared:
            close = nearest(member, shared)
            return self._refuse(
                "E0201",
                f"a corpus has no part `{member}`"
                if len(shared) == 2
                else f"`{owner}` has no part `{member}`",
                node.member.span,
                help=f"write `{owner}.{close}`" if close else _listed(shared),
            )
        if isinstance(data, DataValue):
            return DataValue(owner, member, node.span, data.source)
        return with_part(data, member)

    # ---- transforms

    def checked(self, value: ComponentValue) -> Value:
        """A data transform whose arguments are complete, if they fit together."""
        if value.signature.name == "where" and not self._conditions(value):
            return ERROR
        if value.signature.name == "annotate" and not value.args["prefix"]:
            return self._refuse("E0303", "`prefix` is empty; there is no tag", value.spans["prefix"])
        deep, parts = self._size(value)
        if deep > DEEPEST:
            return self._refuse(
                "E0505", f"more than {DEEPEST} data transforms on top of each other", value.span
            )
        if parts > MOST_PARTS:
            return self._refuse(
                "E0505",
                f"this data set reads corpora {parts:,} times; at most {MOST_PARTS:,} are allowed",
                value.span,
            )
        return value

    def _size(self, value: DataValue | ComponentValue) -> tuple[int, int]:
        """How deep transforms are nested in a data set, and how many parts of corpora it reads.

        What a transform is applied to was looked at before: names stand for declarations above.
        """
        if isinstance(value, DataValue):
            return 0, 1
        known = self._sizes.get(id(value))
        if known is None:
            sizes = [self._size(data) for data in inputs_of(value)]
            known = (value, 1 + max(deep for deep, _ in sizes), sum(parts for _, parts in sizes))
            self._sizes[id(value)] = known
        return known[1], known[2]

    def _conditions(self, value: ComponentValue) -> bool:
        """Whether `where` has conditions, and they can be met."""
        args, spans = value.args, value.spans
        conditions = ("min_tokens", "max_tokens", "contains", "share")
        if not any(name in args for name in conditions):
            self._refuse(
                "E0205",
                "`where` needs a condition",
                value.span,
                "conditions are `min_tokens`, `max_tokens`, `contains` and `share`",
            )
            return False
        low, high = args.get("min_tokens", 0), args.get("max_tokens", 0)
        if high and low > high:
            self._refuse(
                "E0303", f"no document has at least {low} and at most {high} tokens", spans["max_tokens"]
            )
            return False
        share, part = Fraction(args.get("share", "1/1")), args.get("part", 0)
        if share * (part + 1) > 1:
            last = int(1 / share) - 1
            parts = f"parts of {show_share(share)} count from 0 to {last}"
            self._refuse("E0303", f"there is no part {part}: {parts}", spans["part"])
            return False
        return True


def refuse_corpus(report: Report, owner: str, data: DataValue | ComponentValue, span: Span) -> None:
    """Report a corpus where one of its parts is to be named."""
    leaf = open_leaf(data)
    assert leaf is not None
    inside = isinstance(data, ComponentValue) and not data.name
    written = leaf.corpus if inside or isinstance(data, DataValue) else show(data)
    where = (
        leaf.span if inside and leaf.span.source is span.source and span.start <= leaf.span.start else span
    )
    report.add(
        "E0301",
        f"`{owner}` needs a data set, not a corpus",
        where,
        help=f"write `{written}.held_out`",
    )


def needs_data(report: Report, owner: str, value: Value, span: Span) -> None:
    """Report a value that is no data set."""
    help = None
    if isinstance(value, ComponentValue) and value.signature.kind is Kind.CORPUS:
        help = f"give it a name: `corpus NAME = {value.signature.name}(...)`, and name a part of it"
    elif isinstance(value, tuple):
        help = "leave the brackets out" if owner == "concat" else "join several with `concat(a, b)`"
    report.add("E0301", f"`{owner}` needs a data set, not {describe(value)}", span, help=help)


def _listed(parts: tuple[str, ...] | list[str]) -> str:
    return "parts of a corpus are " + " and ".join(f"`.{part}`" for part in parts)
