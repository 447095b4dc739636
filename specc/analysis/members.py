"""From an experiment's syntax tree to its parts by name, with those of the experiments that it extends."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from specc.analysis.definition import (
    LONGEST_NAME,
    MOST_RECIPES,
    MOST_STAGES,
    Definition,
    StageDefinition,
    axis_names,
    report_twice,
    unique_rows,
    unique_settings,
)
from specc.analysis.extension import Link, chain_of
from specc.analysis.overrides import override, report_repeated
from specc.analysis.scope import Binding, Scope
from specc.analysis.templates import check_parameters, declared
from specc.diagnostics import Label, Report, Span
from specc.language import ast
from specc.study import BASE


def define(experiment: ast.Experiment, file_scope: Scope, report: Report) -> Definition:
    """Collect an experiment's parts and those of what it extends, which come first.

    Doubles, names that can't be names, and overrides of nothing are reported.
    """
    chain = chain_of(experiment, file_scope, report)
    scope = Scope(file_scope, uncertain=not chain.complete)
    definition = Definition(experiment.name.text, experiment.name.span, scope)
    definition.broken = definition.table_broken = not chain.complete
    check_name(experiment.name, "experiment", report)
    for link in chain.links:
        if link.scope is not file_scope:
            scope.elsewhere[link.node.name.span.source.name] = link.scope
    for number, link in enumerate(chain.links):
        collector = _Collector(definition, link, report, {} if number == 0 else dict(scope.bindings))
        definition.origins.append((f"experiment `{link.node.name.text}`", link.node.span))
        report_repeated(link.node.members, report)
        for member in link.node.members:
            if isinstance(member, ast.Override):
                override(member, definition, link if number else None, report)
            else:
                collector.collect(member)
        if link.scope is not file_scope:
            _unlike_the_file(definition, chain.links[-1], file_scope, report)
    _unlike_elsewhere(definition, chain.links[-1], report)
    _flatten_recipes(definition, report)
    if not definition.stages and not definition.broken:
        report.add(
            "E0507",
            f"experiment `{definition.name}` has no stages",
            definition.span,
            help="add a stage, for instance `stage pretrain from MODEL { ... }`",
        )
    return definition


def _unlike_the_file(
    definition: Definition, link: Link[ast.Experiment], file_scope: Scope, report: Report
) -> None:
    """Report names of an experiment in another file that this file gives to something else."""
    for name, binding in definition.scope.bindings.items():
        other = file_scope.find(name)
        extends = link.node.extends
        if other is None or other.kind in ("experiment", "failed") or extends is None:
            continue
        report.add(
            "E0202",
            f"`{name}` is declared here and in experiment `{extends.name.text}`, which is extended",
            other.span,
            secondary=[Label(binding.span, "declared there"), Label(extends.name.span, "extended here")],
            help="give this one another name",
        )


def _unlike_elsewhere(definition: Definition, link: Link[ast.Experiment], report: Report) -> None:
    """Report names that this experiment adds, and that mean something else in the file of what it extends."""
    for file, scope in definition.scope.elsewhere.items():
        for name, binding in list(definition.scope.bindings.items()):
            other = scope.find(name)
            if other is None or binding.span.source.name == file or other.kind == "experiment":
                continue
            origins = [span for _, span in definition.origins if span.source.name == file]
            if any(re.search(rf"\b{name}\b", span.text) for span in origins):
                report.add(
                    "E0202",
                    f"`{name}` means something else in `{file}`, which this experiment builds on",
                    binding.span,
                    secondary=[Label(other.span, "declared here")],
                    help="give it another name",
                )
                definition.scope.bindings[name] = Binding("failed", name, binding.span, definition.scope)


def _flatten_recipes(definition: Definition, report: Report) -> None:
    """Put the overrides of what a recipe extends before its own, and leave out what is wrong."""
    for name, recipe in list(definition.recipes.items()):
        if recipe.extends is None:
            definition.origins.append((f"recipe `{name}`", recipe.span))
            report_repeated(recipe.overrides, report)
            continue
        chain = chain_of(recipe, definition.scope, report)
        if not chain.complete:
            del definition.recipes[name]
            definition.broken = True
            continue
        for link in chain.links:
            definition.origins.append((f"recipe `{link.node.name.text}`", link.node.span))
            report_repeated(link.node.overrides, report)
            if link.scope is not definition.scope and link.scope is not definition.scope.parent:
                definition.scope.elsewhere.setdefault(link.node.name.span.source.name, link.scope)
        overrides = tuple(each for link in chain.links for each in link.node.overrides)
        definition.recipes[name] = ast.Recipe(recipe.span, recipe.name, (), None, overrides)


@dataclass(slots=True)
class _Collector:
    """Adds the members of one experiment of a chain; `inherited` are the names that it extends."""

    definition: Definition
    link: Link[ast.Experiment]
    report: Report
    inherited: dict[str, Binding]
    full: set[str] = field(default_factory=set)

    def declare(
        self,
        kind: str,
        name: ast.Identifier,
        item: ast.Node,
        binding: Binding | None = None,
    ) -> bool:
        """Add a name; whether that could be done."""
        scope, report = self.definition.scope, self.report
        check_name(name, kind, report)
        if name.text in self.inherited and self.inherited[name.text].kind != "failed":
            self.say_override(kind, name, item, self.inherited[name.text].span)
            return False
        parameter = next((p for p in self.link.node.parameters if p.name.text == name.text), None)
        if parameter is not None:
            report.add(
                "E0202",
                f"`{name.text}` is declared twice",
                name.span,
                "here again",
                secondary=[Label(parameter.span, "first here, as a parameter")],
                help="give one of them another name",
            )
            return False
        known = len(scope.bindings)
        scope.declare(binding or Binding(kind, name.text, name.span, scope), report)
        return len(scope.bindings) > known

    def say_override(self, kind: str, name: ast.Identifier, item: ast.Node, first: Span) -> None:
        """Report what is there already, in the experiment that is extended."""
        texts = (what for what, span in self.definition.origins if span.holds(first))
        base = next(texts, "what is extended")
        word = item.span.text.split(None, 1)[0]
        possible = not isinstance(item, ast.Recipe)
        self.report.add(
            "E0208",
            f"`{name.text}` is declared already, by {base}",
            name.span,
            secondary=[Label(first, "declared here")],
            help=f"begin with `override {word}` to replace it" if possible else "give it another name",
        )

    def collect(self, member: ast.Member) -> None:
        """Add a member that overrides nothing."""
        definition, scope, report = self.definition, self.definition.scope, self.report
        match member:
            case ast.Docstring():
                self._describe(member)
            case ast.Declaration():
                binding = declared(member, scope, report)
                self.declare(member.keyword, member.name, member, binding)
            case ast.Sweep() | ast.SweepTable():
                good = True
                for name in axis_names(member):
                    _check_axis(name, scope, report)
                    good &= self.declare("axis", name, member)
                if good or not self.inherited:
                    definition.sweeps.append(member)
                else:
                    definition.broken = True
            case ast.Except():
                definition.excepts.append(member)
            case ast.Seeds():
                self._seeds(member)
            case ast.Allocate():
                self._allocate(member)
            case ast.Stage():
                if self._too_many("stages", len(definition.stages), MOST_STAGES, member):
                    definition.broken = definition.table_broken = True
                    failed = Binding("failed", member.name.text, member.name.span, scope)
                    scope.bindings.setdefault(member.name.text, failed)
                elif self.declare("stage", member.name, member):
                    settings, broken = unique_settings(member.settings, report)
                    definition.stages[member.name.text] = StageDefinition(
                        member.name.text, member.name.span, member.parent, settings, broken
                    )
                else:
                    definition.broken = definition.table_broken = True
            case ast.Eval():
                if self.declare("eval", member.name, member):
                    definition.evals[member.name.text] = member
            case ast.Check():
                definition.checks.append(member)
            case ast.Compare():
                if self.declare("compare", member.name, member):
                    definition.compares[member.name.text] = member
            case ast.Expect() | ast.ExpectSql():
                if member.name is None or self.declare("expect", member.name, member):
                    definition.expects.append(member)
            case ast.Recipe():
                self._recipe(member)
            case ast.Broken():
                definition.broken = definition.table_broken = True
                scope.declare_broken(member)

    def _describe(self, member: ast.Docstring) -> None:
        """The description; that of what is extended holds unless there is one here."""
        if any(isinstance(other, ast.Docstring) for other in self._before(member)):
            self.report.add(
                "E0206", "a second description", member.span, help="keep one string, or write a comment"
            )
        self.definition.description = member.text

    def _before(self, member: ast.Member) -> list[ast.Member]:
        members = self.link.node.members
        return list(members[: members.index(member)])

    def _seeds(self, member: ast.Seeds) -> None:
        definition = self.definition
        if definition.seeds is not None and any(isinstance(m, ast.Seeds) for m in self._before(member)):
            report_twice("seeds", member.span, definition.seeds.span, self.report)
        elif definition.seeds is not None:
            name = ast.Identifier(_head(member.span, "seeds"), "seeds")
            self.say_override("seeds", name, member, definition.seeds.span)
            return
        definition.seeds = member

    def _allocate(self, member: ast.Allocate) -> None:
        """The table, or rows that are added to the one that is extended."""
        definition, report = self.definition, self.report
        if any(isinstance(m, ast.Allocate) for m in self._before(member)):
            assert definition.allocate is not None
            report_twice(
                "allocate", _head(member.span, "allocate"), _head(definition.allocate, "allocate"), report
            )
        here = self.link.node.span
        inherited = {
            name: row for name, row in definition.rows.items() if self.inherited and not here.holds(row.span)
        }
        rows = []
        for row in member.rows:
            if isinstance(row, ast.Row) and row.corpus.text in inherited:
                self.say_override("row", row.corpus, member, inherited[row.corpus.text].span)
            else:
                rows.append(row)
        definition.allocate = member.span
        definition.rows |= unique_rows(rows, definition.rows, report)
        definition.table_broken |= any(isinstance(row, ast.Broken) for row in member.rows)

    def _too_many(self, what: str, number: int, most: int, member: ast.Member) -> bool:
        """Whether an experiment has all that it may have of something; reported once."""
        if number == most and what not in self.full:
            self.full.add(what)
            self.report.add(
                "E0505",
                f"an experiment has at most {most:,} {what}",
                Span(member.span.source, member.span.start, member.span.start + 1),
                f"number {most + 1:,}",
                help="make several experiments of it",
            )
        return number >= most

    def _recipe(self, member: ast.Recipe) -> None:
        definition, scope = self.definition, self.definition.scope
        if self._too_many("recipes", len(definition.recipes), MOST_RECIPES, member):
            return
        if member.name.text == BASE:
            self.report.add(
                "E0207",
                f"`{BASE}` can't name a recipe",
                member.name.span,
                "it is the experiment as written",
                help="give the recipe another name",
            )
            return
        check_parameters(member.parameters, scope, self.report)
        binding = Binding("recipe", member.name.text, member.name.span, scope, node=member)
        if self.declare("recipe", member.name, member, binding) and not member.parameters:
            definition.recipes[member.name.text] = member


def check_name(name: ast.Identifier, kind: str, report: Report) -> None:
    """Report a name that is too long to be a column or an alias."""
    if len(name.text) > LONGEST_NAME:
        report.add(
            "E0207",
            f"this name has {len(name.text)} characters; the longest has {LONGEST_NAME}",
            name.span,
            help=f"give the {kind} a shorter name",
        )


def _check_axis(name: ast.Identifier, scope: Scope, report: Report) -> None:
    """Report a name that can't be a column beside the others: SQL doesn't tell upper from lower case."""
    from specc.results.schema import RESERVED_COLUMNS

    if name.text.lower() in RESERVED_COLUMNS:
        help = "write `seeds 0..2`; seeds are replicates, not an axis" if name.text == "seed" else None
        report.add(
            "E0207",
            f"`{name.text}` can't name an axis: it is a column of the results",
            name.span,
            help=help or f"give it another name, for instance `{name.text}_value`",
        )
    for other in scope.bindings.values():
        same = other.name.lower() == name.text.lower() and other.name != name.text
        if other.kind == "axis" and same:
            report.add(
                "E0202",
                f"axes `{name.text}` and `{other.name}` are the same column in SQL",
                name.span,
                secondary=[Label(other.span, "first here")],
                help="give one of them another name",
            )


def _head(span: Span, word: str) -> Span:
    return Span(span.source, span.start, span.start + len(word))
