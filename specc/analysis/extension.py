"""What an experiment or a recipe extends, with arguments in place of parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from specc.analysis.scope import Binding, Scope
from specc.analysis.templates import DEEPEST, matched, report_misplaced
from specc.diagnostics import Label, Report, Span, nearest
from specc.language import ast
from specc.language.substitute import Misplaced, children, substitute

LONGEST = 256
"""Experiments, or recipes, that extend one another in a row."""

Extended = TypeVar("Extended", ast.Experiment, ast.Recipe)


@dataclass(frozen=True, slots=True)
class Link(Generic[Extended]):
    """One of a chain of extensions.

    Attributes:
        node: with arguments in place of parameters. scope: of the file in which it is written.
        use: where it is extended; None for the one that nothing extends.
    """

    node: Extended
    scope: Scope
    use: Span | None = None


@dataclass(frozen=True, slots=True)
class Chain(Generic[Extended]):
    """What is extended first, and what extends all others last.

    Attributes:
        complete: whether all of it is known; what is missing was reported if not.
    """

    links: tuple[Link[Extended], ...]
    complete: bool = True


def chain_of(node: Extended, scope: Scope, report: Report) -> Chain[Extended]:
    """Follow `extends` to its end.

    Args:
        scope: in which the node's own `extends` is looked up.
    """
    links = [Link(node, scope)]
    trail: dict[int, ast.Extends | None] = {id(node): None}
    depths: dict[int, int] = {}
    while node.extends is not None:
        extends = node.extends
        binding = _extended(node, extends, scope, report)
        original = binding.node if binding is not None else None
        if binding is None or not isinstance(original, type(node)):
            return Chain(tuple(reversed(links)), False)
        if id(original) in trail:
            _report_circle([*trail.values(), extends], list(trail).index(id(original)), report)
            return Chain(tuple(reversed(links)), False)
        if binding.endless or len(trail) >= LONGEST:
            if not binding.endless:
                report.add(
                    "E0209",
                    f"more than {LONGEST} extend one another",
                    extends.span,
                    help="extend one that extends fewer",
                )
            own = links[0].scope.find(links[0].node.name.text)
            if own is not None:
                own.endless = True
            return Chain(tuple(reversed(links)), False)
        trail[id(original)] = extends
        name = extends.name.text
        given = matched(name, original.parameters, extends.arguments, extends.span, [original], report)
        if given is None:
            return Chain(tuple(reversed(links)), False)
        if any(_depth(argument, depths) > DEEPEST for argument in given.values()):
            report.add(
                "E0209",
                f"arguments of extensions are put into each other more than {DEEPEST} deep",
                extends.span,
                help="give a value here that doesn't come from a parameter",
            )
            return Chain(tuple(reversed(links)), False)
        misplaced: list[Misplaced] = []
        node = substitute(original, given, extends.span, misplaced) if given else original
        report_misplaced(misplaced, report)
        if misplaced:
            return Chain(tuple(reversed(links)), False)
        scope = binding.scope
        links.append(Link(node, scope, extends.span))
    return Chain(tuple(reversed(links)))


def _word(node: ast.Experiment | ast.Recipe) -> str:
    return "experiment" if isinstance(node, ast.Experiment) else "recipe"


def _extended(
    node: ast.Experiment | ast.Recipe, extends: ast.Extends, scope: Scope, report: Report
) -> Binding | None:
    """What `extends` names; None if it names something else or nothing, and that was reported."""
    word, name = _word(node), extends.name
    article = "an" if word == "experiment" else "a"
    binding = scope.find(name.text, name.span)
    if binding is not None and binding.kind == word:
        return binding
    if binding is not None and binding.kind != "failed":
        report.add(
            "E0301",
            f"{article} {word} extends {article} {word}; `{name.text}` is {binding.what}",
            name.span,
            secondary=[Label(binding.span, "declared here")],
        )
    elif binding is None and scope.complete():
        known = [n for n in sorted(scope.names()) if (b := scope.find(n)) is not None and b.kind == word]
        close = nearest(name.text, known)
        listed = ", ".join(f"`{n}`" for n in known if n != node.name.text)
        report.add(
            "E0201",
            f"there is no {word} `{name.text}` to extend",
            name.span,
            notes=[f"{word}s are {listed}"] if listed else [],
            help=f"write `{close}`" if close else None,
        )
    return None


def _report_circle(trail: list[ast.Extends | None], first: int, report: Report) -> None:
    """Report what extends itself, once for the whole circle: at its earliest `extends`."""
    circle = [extends for extends in trail[first + 1 :] if extends is not None]
    earliest = min(
        circle,
        key=lambda extends: (extends.span.source.name, *extends.span.source.position(extends.span.start)),
    )
    start = circle.index(earliest)
    turned = circle[start:] + circle[:start]
    names = [turned[-1].name.text, *(extends.name.text for extends in turned)]
    report.add(
        "E0210",
        f"`{earliest.name.text}` extends itself"
        if len(turned) == 1
        else "these extend each other in a circle",
        earliest.name.span,
        notes=[" -> ".join(f"`{name}`" for name in names)] if len(turned) > 1 else [],
        help="extend one that extends none of them",
    )


def _depth(expression: ast.Node, known: dict[int, int]) -> int:
    """Levels of an expression, counted without recursion."""
    waiting = [(expression, False)]
    while waiting:
        node, parts_are_known = waiting.pop()
        if id(node) in known:
            continue
        if parts_are_known:
            known[id(node)] = 1 + max((known[id(part)] for part in children(node)), default=0)
        else:
            waiting.append((node, True))
            waiting.extend((part, False) for part in children(node))
    return known[id(expression)]
