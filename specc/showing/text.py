"""The text of a resolved experiment: one file that needs no other and compiles to the same steps."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from specc.analysis.compile import CompiledExperiment, RecipeArms
from specc.analysis.definition import Definition, axis_names
from specc.analysis.evaluate import Evaluator
from specc.diagnostics import Report, Span
from specc.errors import SpeccError
from specc.language import ast
from specc.language.write import TooLong, statement
from specc.showing.resolved import Resolver, fixed_axes
from specc.study import BASE


def experiment_text(
    compiled: CompiledExperiment,
    arms: RecipeArms,
    point: Mapping[str, Any] | None = None,
    seed: int | None = None,
) -> str:
    """An experiment in canonical form.

    With the base recipe and no point it is the whole experiment with its sweeps and recipes. One
    recipe, or one arm, comes without what compares arms: `compare`, `expect`, and checks across axes.

    Args:
        arms: the recipe to show. point, seed: the arm; without a point, sweeps are kept.
    Raises:
        SpeccError: if it has no such form.
    """
    from specc.formatting.format import NotARecipe, format_text

    definition = arms.definition
    alone = point is not None or arms.name != BASE
    evaluator = Evaluator(definition.scope, Report())
    fixed = fixed_axes(definition, evaluator, point) if point is not None else {}
    if point is not None and arms.chooses:
        raise SpeccError(
            "an arm of an experiment with `best` can't be shown alone: it is chosen among several",
            "show the experiment without `--arm`",
        )
    resolver = Resolver(definition, evaluator, Path(compiled.spec).parent, fixed, everything=not alone)
    if not alone and (template := resolver.overrides_a_template()) is not None:
        raise SpeccError(
            f"{template}: a recipe replaces the template `{template.text}`, which is put in here",
            "show each recipe by itself, with `--recipe NAME`",
        )
    try:
        lines = [statement(item) for item in _items(definition, resolver, alone, bool(fixed), seed)]
        text = f"{_unreached(arms, point)}experiment {compiled.name} {{\n" + "\n".join(lines) + "\n}\n"
        return format_text(text)
    except TooLong:
        raise SpeccError(
            "with all templates put in, this experiment is longer than a recipe may be"
        ) from None
    except NotARecipe as error:
        first = error.report.ordered()[0].title
        raise SpeccError(f"with all templates put in, this can't be written as one text: {first}") from None


def _unreached(arms: RecipeArms, point: Mapping[str, Any] | None) -> str:
    """A remark on stages that get no tokens in this arm: alone, it would be refused for them."""
    found = next((each for each in arms.points if point is not None and each.point == point), None)
    empty = [name for name, stage in found.stages.items() if not stage.steps] if found is not None else []
    if not empty:
        return ""
    listed = ", ".join(f"`{name}`" for name in empty)
    return f"# in this arm {listed} gets no tokens: alone it would be refused, as never reached\n"


def _items(
    definition: Definition, resolver: Resolver, alone: bool, one_arm: bool, seed: int | None
) -> list[Any]:
    """The items of the new text, in the order of a recipe; declarations come after what asks for them."""
    span = definition.span
    resolve = resolver.expression
    table: list[Any] = []
    if definition.rows:
        table.append(ast.Allocate(span, tuple(resolve(row) for row in definition.rows.values())))
    stages = [
        ast.Stage(
            stage.span,
            ast.Identifier(stage.span, stage.name),
            resolve(stage.parent),
            tuple(resolve(setting) for setting in stage.settings.values()),
        )
        for stage in definition.stages.values()
    ]
    evals = [resolve(each) for each in definition.evals.values()]
    judged: list[Any] = [resolve(each) for each in definition.checks if each.operator or not one_arm]
    if not alone:
        judged += [*definition.compares.values(), *(resolve(each) for each in definition.expects)]
        judged += [resolve(_without_name(recipe)) for recipe in definition.recipes.values()]
    seeds = _seeds(definition, resolver, seed)
    sweeps: list[Any] = []
    if not one_arm:
        # Twice: paths among the values may turn out to begin elsewhere only once corpora are read.
        resolver.declarations()
        sweeps = [*(_sweep(each, resolver) for each in definition.sweeps), *map(resolve, definition.excepts)]
    head = [ast.Docstring(span, definition.description)] if definition.description else []
    return [*head, *sweeps, *seeds, *resolver.declarations(), *table, *stages, *evals, *judged]


def _without_name(recipe: ast.Recipe) -> ast.Recipe:
    return ast.Recipe(recipe.span, recipe.name, (), None, recipe.overrides)


def _sweep(node: ast.Sweep | ast.SweepTable, resolver: Resolver) -> ast.Sweep | ast.SweepTable:
    names = tuple(name.text for name in axis_names(node))
    if isinstance(node, ast.Sweep):
        return ast.Sweep(node.span, node.names, node.zipped, resolver.axis_values(node.values, names))
    entries = tuple(
        ast.Entry(e.span, resolver.expression(e.key), resolver.axis_values(e.value, names))
        for e in node.entries
    )
    return ast.SweepTable(node.span, node.name, node.by, entries)


def _seeds(definition: Definition, resolver: Resolver, seed: int | None) -> list[ast.Seeds]:
    if seed is not None:
        return [ast.Seeds(definition.span, (_whole(seed, definition.span),), False)]
    return [resolver.expression(definition.seeds)] if definition.seeds is not None else []


def _whole(number: int, span: Span) -> ast.Quantity:
    return ast.Quantity(span, ast.Identifier(span, str(number)), None)
