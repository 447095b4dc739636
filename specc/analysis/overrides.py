"""`override`: what stands in place of a part of an experiment, in a recipe or in one that extends it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from specc.analysis.definition import Definition, axis_names, report_twice, unique_rows, unique_settings
from specc.analysis.extension import Link
from specc.analysis.scope import TEMPLATE, Binding, Scope
from specc.analysis.templates import declared
from specc.diagnostics import Label, Report, Span, nearest
from specc.language import ast

_KINDS = {
    "let": "value",
    "sweep": "axis",
    "eval": "evaluation",
    "compare": "comparison",
    "expect": "expectation",
}
"""What people call the things that a word of the language declares."""


def apply(definition: Definition, recipe: ast.Recipe, report: Report) -> Definition:
    """The experiment with a recipe's overrides: settings and rows are replaced whole, the rest stays."""
    scope = replace(definition.scope, bindings=dict(definition.scope.bindings))
    for binding in scope.bindings.values():
        if binding.scope is definition.scope:
            scope.bindings[binding.name] = replace(binding, scope=scope)
    changed = replace(
        definition,
        recipe=recipe.name.text,
        scope=scope,
        rows=dict(definition.rows),
        stages=dict(definition.stages),
        recipes={},
    )
    for each in recipe.overrides:
        if isinstance(each, ast.Override):
            override(each, changed, None, report, recipe)
    return changed


def report_repeated(members: Iterable[ast.Node], report: Report) -> None:
    """Report what one text overrides twice: the second would silently take the place of the first."""
    first: dict[tuple[bool, str], Span] = {}
    for member in members:
        if not isinstance(member, ast.Override):
            continue
        names = {(isinstance(member.item, ast.Allocate), n.text): n.span for n in _replaced(member.item)}
        for place, span in names.items():
            if place in first:
                report_twice(place[1], span, first[place], report)
        first |= names


def _replaced(item: ast.Replaced) -> list[ast.Identifier]:
    """The names that an override gives to something else."""
    match item:
        case ast.Allocate():
            return [row.corpus for row in item.rows if isinstance(row, ast.Row)]
        case ast.Sweep() | ast.SweepTable():
            return list(axis_names(item))
        case ast.Seeds():
            return [ast.Identifier(_head(item.span), "seeds")]
    return [] if item.name is None else [item.name]


def override(
    node: ast.Override,
    definition: Definition,
    link: Link[ast.Experiment] | None,
    report: Report,
    recipe: ast.Recipe | None = None,
) -> None:
    """Replace a part of an experiment; what can't be replaced is reported.

    Args:
        link: the experiment that overrides what it extends; None for one that extends nothing.
        recipe: that overrides.
    """
    if link is None and recipe is None:
        report.add(
            "E0208",
            f"there is nothing to override: experiment `{definition.name}` extends no other",
            _head(node.span),
            help="remove `override`, or write `extends` after the name of the experiment",
        )
        return
    item = node.item
    match item:
        case ast.Declaration():
            _declaration(item, definition, report)
        case ast.Seeds():
            if recipe is None and definition.seeds is None:
                _nothing("seeds", ast.Identifier(item.span, "seeds"), (), report)
            definition.seeds = item
        case ast.Allocate():
            for name, row in unique_rows(item.rows, {}, report).items():
                if name not in definition.rows:
                    _nothing("row", row.corpus, definition.rows, report)
                else:
                    definition.rows[name] = row
        case ast.OverrideStage():
            _stage(item, definition, report)
        case _ if recipe is not None:
            word = item.span.text.split(None, 1)[0]
            report.add(
                "E0208",
                f"a recipe can't override `{word}`: its arms share the sweep and what is measured",
                _head(item.span),
                help="write another experiment: `experiment NAME extends "
                f"{definition.name} {{ override {word} ... }}`",
            )
        case ast.Sweep() | ast.SweepTable():
            _sweep(item, definition, report)
        case ast.Eval():
            _named("eval", item, item.name, definition.evals, definition, report)
        case ast.Compare():
            _named("compare", item, item.name, definition.compares, definition, report)
        case ast.Expect() | ast.ExpectSql():
            _expect(item, definition, report)


def _head(span: Span) -> Span:
    """The first word of a text."""
    return Span(span.source, span.start, span.start + len(span.text.split(None, 1)[0]))


def _rename(definition: Definition, name: ast.Identifier) -> None:
    """Let messages speak of the place where something was overridden."""
    bindings = definition.scope.bindings
    bindings[name.text] = replace(bindings[name.text], span=name.span)


def _keyword(binding: Binding) -> str:
    of_template = binding.kind == TEMPLATE and isinstance(binding.node, ast.Declaration)
    return binding.node.keyword if of_template and isinstance(binding.node, ast.Declaration) else binding.kind


def _declaration(item: ast.Declaration, definition: Definition, report: Report) -> None:
    scope = definition.scope
    old = scope.bindings.get(item.name.text)
    if old is not None and old.kind == "failed":
        return
    if old is None or _keyword(old) != item.keyword:
        same = [b.name for b in scope.bindings.values() if _keyword(b) == item.keyword]
        around = scope.find(item.name.text, item.name.span)
        outside = around if around is not None and _keyword(around) == item.keyword else None
        _nothing(item.keyword, item.name, same, report, outside)
        return
    new = declared(item, Scope(scope.parent), report)
    written = len(scope.bindings)
    scope.bindings[item.name.text] = replace(new, scope=scope, order=old.order, written=written)


def _stage(item: ast.OverrideStage, definition: Definition, report: Report) -> None:
    stage = definition.stages.get(item.name.text)
    if stage is None:
        binding = definition.scope.find(item.name.text)
        if binding is None or binding.kind != "failed":
            _nothing("stage", item.name, definition.stages, report)
        return
    settings, broken = unique_settings(item.settings, report)
    definition.stages[stage.name] = replace(
        stage,
        parent=item.parent or stage.parent,
        settings=stage.settings | settings,
        broken=stage.broken or broken,
    )


def _sweep(item: ast.Sweep | ast.SweepTable, definition: Definition, report: Report) -> None:
    names = {name.text for name in axis_names(item)}
    for place, sweep in enumerate(definition.sweeps):
        theirs = {name.text for name in axis_names(sweep)}
        if theirs == names:
            definition.sweeps[place] = item
            # What was left out was said of the values that are gone.
            definition.excepts = [
                each
                for each in definition.excepts
                if not any(given.axis.text in names for given in each.given)
            ]
            for name in axis_names(item):
                _rename(definition, name)
            return
        if theirs & names:
            together = ", ".join(name.text for name in axis_names(sweep))
            report.add(
                "E0208",
                "axes that are swept together are overridden together",
                axis_names(item)[0].span,
                secondary=[Label(sweep.span, "swept here")],
                help=f"override them all: `override sweep ({together}) in [...]`"
                if len(theirs) > 1
                else f"override `{together}` alone",
            )
            return
    known = [name.text for sweep in definition.sweeps for name in axis_names(sweep)]
    missing = next(name for name in axis_names(item) if name.text not in known)
    _nothing("sweep", missing, known, report)


def _named(
    kind: str,
    item: ast.Eval | ast.Compare,
    name: ast.Identifier,
    known: dict[str, ast.Eval] | dict[str, ast.Compare],
    definition: Definition,
    report: Report,
) -> None:
    if name.text not in known:
        _nothing(kind, name, known, report)
        return
    known[name.text] = item  # type: ignore[assignment]  # of the kind that the table holds
    _rename(definition, name)


def _expect(item: ast.Expect | ast.ExpectSql, definition: Definition, report: Report) -> None:
    if item.name is None:
        report.add(
            "E0208",
            "an expectation without a name can't be overridden",
            _head(item.span),
            help="give it a name where it is declared, and here: `expect NAME = ...`",
        )
        return
    for place, other in enumerate(definition.expects):
        if other.name is not None and other.name.text == item.name.text:
            definition.expects[place] = item
            _rename(definition, item.name)
            return
    known = [other.name.text for other in definition.expects if other.name is not None]
    _nothing("expect", item.name, known, report)


def _nothing(
    kind: str, name: ast.Identifier, known: Iterable[str], report: Report, outside: Binding | None = None
) -> None:
    """Report an override of what the experiment doesn't have, or has only from the file around it."""
    known = list(known)
    if outside is not None:
        report.add(
            "E0208",
            f"`{name.text}` belongs to the file, not to the experiment",
            name.span,
            secondary=[Label(outside.span, "declared here")],
            help="only what the experiment declares can be replaced; declare it in the experiment",
        )
        return
    if kind == "seeds":
        report.add(
            "E0208",
            "there are no seeds to override",
            _head(name.span),
            help="remove `override`",
        )
        return
    close = nearest(name.text, known)
    listed = ", ".join(f"`{other}`" for other in known)
    report.add(
        "E0208",
        f"there is no {_KINDS.get(kind, kind)} `{name.text}` to override",
        name.span,
        notes=[f"the experiment declares {listed}" if known else "the experiment declares none"],
        help=f"write `{close}`" if close else None,
    )
