"""The passes in order: from a file to checked experiments, with all mistakes in one report."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from specc.analysis.arms import MOST_ARMS, axes, seeds
from specc.analysis.beyond import report_beyond
from specc.analysis.checks import corpus_limits, read_checks, run_checks, unequal_rounding
from specc.analysis.definition import Definition
from specc.analysis.evaluate import Evaluator, Point
from specc.analysis.expectations import Arms, ExpectReader
from specc.analysis.findings import Finding, report_findings
from specc.analysis.load import DISK, Files, Program, load
from specc.analysis.members import define
from specc.analysis.memory import Memory
from specc.analysis.overrides import apply
from specc.analysis.queries import Query, check_queries, is_template, render_comparisons
from specc.analysis.resolve import Variant
from specc.analysis.resolved import ResolvedPoint
from specc.analysis.scope import Scope
from specc.analysis.selection import chooses, count_arms
from specc.analysis.sweep_reader import Sweeps, read_sweeps
from specc.analysis.sweeps import Grid
from specc.analysis.unused import report_unused
from specc.diagnostics import Label, Report, nearest, uses_of
from specc.errors import DataError
from specc.language import ast
from specc.locking import Lock, locked, read_lock
from specc.study import BASE, Axis, Comparison, Expectation


@dataclass(slots=True)
class RecipeArms:
    """One recipe of an experiment: its arms are `points` times `seeds`.

    Attributes:
        chooses: whether `best` may choose among them; see `specc.analysis.selection` for its arms.
    """

    name: str
    definition: Definition
    seeds: tuple[int, ...]
    points: list[ResolvedPoint]
    chooses: bool = False


@dataclass(slots=True)
class CompiledExperiment:
    """A checked experiment; `digest` is the SHA-256 of the text of all files that it was read from."""

    name: str
    description: str
    spec: str
    digest: str
    axes: tuple[Axis, ...]
    recipes: list[RecipeArms]
    comparisons: tuple[Comparison, ...] = ()
    expectations: tuple[Expectation, ...] = ()

    @property
    def arms(self) -> int:
        """How many arms there are, those of what `best` has chosen included."""
        return sum(count_arms(recipe.points, recipe.chooses) * len(recipe.seeds) for recipe in self.recipes)


@dataclass(slots=True)
class Compilation:
    """What came of a file. `experiments` holds those without errors."""

    report: Report
    program: Program = field(default_factory=Program)
    experiments: list[CompiledExperiment] = field(default_factory=list)


def compile_file(
    path: str | Path,
    only: Sequence[str] = (),
    max_arms: int = MOST_ARMS,
    library: bool = False,
    files: Files = DISK,
    memory: Memory[CompiledExperiment | None] | None = None,
    lock: Lock | None = None,
) -> Compilation:
    """Read and check a recipe.

    Args:
        only: names of the experiments wanted; all of the file if empty.
        max_arms: an experiment with more arms is refused.
        library: whether a file may declare names for others to use, and no experiment.
        files: where recipes are read from.
        memory: what earlier compilations found, for an editor.
        lock: what is pinned; None for what the recipe's lock file says.
    """
    report = Report()
    compilation = Compilation(report, load(path, report, files))
    try:
        pinned = read_lock(path) if lock is None else lock
    except DataError as error:
        report.add("E0001", error.message, None, help=error.help)
    else:
        with locked(pinned):
            _compile(compilation, path, only, max_arms, library, memory)
    return compilation


def _compile(
    compilation: Compilation,
    path: str | Path,
    only: Sequence[str],
    max_arms: int,
    library: bool,
    memory: Memory[CompiledExperiment | None] | None,
) -> None:
    report = compilation.report
    found = compilation.program.experiments
    names = [experiment.name.text for experiment, _ in found]
    forms = [name for name in compilation.program.templates if name not in names]
    for name in only:
        if name in forms:
            report.add(
                "E0201",
                f"experiment `{name}` has parameters: it is there to be extended",
                None,
                help=f"extend it: `experiment NAME extends {name}(...)`",
            )
        elif name not in names:
            close = nearest(name, names)
            listed = ", ".join(f"`{n}`" for n in names) or "none"
            report.add(
                "E0201",
                f"there is no experiment `{name}` in `{path}`",
                None,
                help=f"write `{close}`" if close else f"experiments are {listed}",
            )
    for file in compilation.program.files:
        Evaluator(file.scope, report).check_declarations({})
    offers = bool(compilation.program.files and compilation.program.files[0].scope.bindings)
    if not found and not report.failed and not (library and offers):
        report.add(
            "E0507",
            f"`{path}` declares no experiment without parameters"
            if forms
            else f"`{path}` declares no experiment",
            None,
            help=f"extend the one with parameters: `experiment NAME extends {forms[0]}(...)`"
            if forms
            else "write `experiment NAME { ... }`; a file without one can be named in `use`",
        )
    digest = hashlib.sha256(
        "\0".join(file.source.text for file in compilation.program.files).encode("utf-8", "surrogatepass")
    ).hexdigest()
    for node, scope in found:
        if only and node.name.text not in only:
            continue
        before = report.errors
        work = partial(_extended, node, scope, str(path), digest, max_arms=max_arms)
        if memory is None:
            compiled = work(report)
        else:
            compiled, told = memory.recall(node, compilation.program, work)
            report.merge(told)
        if compiled is not None and report.errors == before:
            compilation.experiments.append(compiled)
            report_unused(node, compilation.program, report)


def _extended(
    node: ast.Experiment, scope: Scope, path: str, digest: str, report: Report, max_arms: int
) -> CompiledExperiment | None:
    """Compile an experiment; what is wrong in the text of those that it extends says so."""
    if node.extends is None:
        return _experiment(node, scope, path, digest, report, max_arms)
    told = Report()
    compiled = _experiment(node, scope, path, digest, told, max_arms)
    for diagnostic in told.diagnostics:
        primary = diagnostic.primary
        if primary is not None and not node.span.holds(primary.span) and not uses_of(primary.span):
            label = Label(node.extends.span, "extended here")
            if all(other.text != label.text for other in diagnostic.secondary):
                diagnostic = replace(diagnostic, secondary=(*diagnostic.secondary, label))
        report.keep(diagnostic)
    return None if told.failed else compiled


def _experiment(
    node: ast.Experiment, scope: Scope, path: str, digest: str, report: Report, max_arms: int
) -> CompiledExperiment | None:
    definition = define(node, scope, report)
    evaluator = Evaluator(definition.scope, report)
    sweeps = read_sweeps(definition, evaluator, report)
    base_seeds = seeds(definition, evaluator, report)
    if sweeps.good:
        if _too_many(definition, sweeps.grid, base_seeds, report, max_arms):
            return None
        return _at_points(definition, evaluator, sweeps, base_seeds, path, digest, report)
    told = Report()
    if not _too_many(definition, sweeps.grid, base_seeds, Report(), max_arms):
        _at_points(definition, Evaluator(definition.scope, told), sweeps, base_seeds, path, digest, told)
    for diagnostic in told.diagnostics:
        if _stands_alone(diagnostic.code, sweeps):
            report.keep(diagnostic)
    return None


def _stands_alone(code: str, sweeps: Sweeps) -> bool:
    """Whether a mistake is none that may follow from those in the sweeps."""
    if code.startswith("W") or code in ("E0409", "E0501", "E0505", "E0510"):
        return False
    return sweeps.exact or code[:3] in ("E00", "E01", "E02", "E06") or code in ("E0301", "E0302")


def _at_points(
    definition: Definition,
    evaluator: Evaluator,
    sweeps: Sweeps,
    base_seeds: tuple[int, ...],
    path: str,
    digest: str,
    report: Report,
) -> CompiledExperiment | None:
    """Compile what an experiment is at the points of its sweeps."""
    grid = sweeps.grid
    swept = axes(grid)
    evaluator.check_declarations(next(iter(grid.points()), {}))
    if not definition.stages:
        return None
    recipes = [_arms(definition, evaluator, base_seeds, grid, report)]
    for recipe in definition.recipes.values():
        changed = apply(definition, recipe, report)
        its_evaluator = Evaluator(changed.scope, report)
        its_seeds = (
            seeds(changed, its_evaluator, report) if changed.seeds is not definition.seeds else base_seeds
        )
        recipes.append(_arms(changed, its_evaluator, its_seeds, grid, report))
    reader = ExpectReader(
        definition,
        evaluator,
        swept,
        grid,
        {recipe.name: Arms(recipe.points, recipe.seeds, recipe.chooses) for recipe in recipes},
        report,
    )
    complete = reader.complete = all(len(recipe.points) == grid.count() for recipe in recipes)
    if complete:
        _reached(recipes, report)
    expectations = _expectations(definition, reader)
    lost = [Axis(name=name, type=kind, values=()) for name, kind in sweeps.lost.items() if kind is not None]
    computed = _computed(recipes) if complete else None
    queries = _queries(definition, (*swept, *lost), recipes, computed, report)
    if len(lost) == len(sweeps.lost):  # a query may name any axis
        check_queries(
            definition.name,
            (*swept, *lost),
            queries,
            [expect.sql for expect in definition.expects if isinstance(expect, ast.ExpectSql)],
            report,
        )
    if not complete:
        return None
    return CompiledExperiment(
        definition.name,
        definition.description,
        path,
        digest,
        swept,
        recipes,
        tuple(Comparison(name=name, sql=query.text.strip()) for name, query in queries.items()),
        expectations,
    )


def _computed(recipes: list[RecipeArms]) -> list[str]:
    """Names of the checkpoints that are computed and measured."""
    plans = {id(plan): plan for recipe in recipes for point in recipe.points for plan in point.evals}
    marks = (mark for plan in plans.values() for mark in plan.marks)
    return list(dict.fromkeys(mark.stage for mark in marks if mark.value is not None))


def _queries(
    definition: Definition,
    axes: tuple[Axis, ...],
    recipes: list[RecipeArms],
    computed: list[str] | None,
    report: Report,
) -> dict[str, Query]:
    """The queries of an experiment's comparisons; where there are templates, rendered."""
    compares = definition.compares
    if not any(is_template(compare.sql) for compare in compares.values()):
        return {name: Query(compare.sql) for name, compare in compares.items()}
    from specc.quantities.templates.context import Context
    from specc.quantities.templates.render import protected

    context = Context(
        definition.name,
        axes,
        tuple(dict.fromkeys(seed for recipe in recipes for seed in recipe.seeds)),
        tuple(recipe.name for recipe in recipes),
        tuple(definition.stages),
        tuple(definition.evals),
        {name: compare.sql.text for name, compare in compares.items()},
        computed,
    )
    queries = render_comparisons(context, compares, report)
    for name, query in queries.items():  # who is shown the experiment is shown what is asked
        sql = replace(query.written, text=protected(query.text))
        definition.compares[name] = replace(compares[name], sql=sql)
    return queries


def _too_many(
    definition: Definition, grid: Grid, its_seeds: tuple[int, ...], report: Report, max_arms: int
) -> bool:
    recipes = 1 + len(definition.recipes)
    points = grid.bound if grid.too_large else grid.count()
    arms = points * len(its_seeds) * recipes
    if arms <= max_arms and not grid.too_large:
        return False
    parts = [f"{len(f.values):,} ({', '.join(f.names)})" for f in grid.factors] + [
        f"{len(its_seeds):,} (seeds)"
    ]
    if recipes > 1:
        parts.append(f"{recipes} (recipes)")
    if grid.too_large:
        title = f"experiment `{definition.name}` sweeps over up to {points:,} points: too many to choose from"
        report.add("E0505", title, definition.span, help="sweep fewer values")
        return True
    report.add(
        "E0505",
        f"experiment `{definition.name}` has {arms:,} arms; at most {max_arms:,} are allowed",
        definition.span,
        " x ".join(parts)
        if grid.plain
        else f"{points:,} points of the sweep x {' x '.join(parts[len(grid.factors) :])}",
        help=f"sweep fewer values, or allow it with `--max-arms {arms}`",
    )
    return True


def _arms(
    definition: Definition,
    evaluator: Evaluator,
    its_seeds: tuple[int, ...],
    grid: Grid,
    report: Report,
) -> RecipeArms:
    """Resolve a recipe at all points of the sweep; mistakes of several points are told once."""
    variant = Variant(definition, evaluator, report, lambda: iter(grid.points()))
    variant.check_names()
    findings: list[tuple[Point, Finding]] = []
    resolved = []
    total = grid.count()
    for point in grid.points():
        at_point = variant.resolve(point, findings)
        if at_point is not None:
            resolved.append(at_point)
    if len(resolved) == total:
        findings += corpus_limits(definition, resolved)
        if definition.recipe == BASE:
            findings += run_checks(definition, evaluator, grid, resolved, report)
        report_beyond(definition, evaluator, resolved, report)
        unequal_rounding(definition, resolved, report)
    elif definition.recipe == BASE:
        read_checks(definition, evaluator, next(iter(grid.points()), {}), report)
    report_findings(findings, total, definition.recipe, report)
    return RecipeArms(definition.recipe, definition, its_seeds, resolved, chooses(definition))


def _reached(recipes: list[RecipeArms], report: Report) -> None:
    """Report stages that get no tokens in any arm of any recipe: where a recipe takes them away, it may.

    Nothing is said where a row that may give them some is broken.
    """
    if any(recipe.definition.table_broken for recipe in recipes):
        return
    for name, stage in recipes[0].definition.stages.items():
        if not any(at_point.stages[name].steps for recipe in recipes for at_point in recipe.points):
            report.add(
                "E0501",
                f"stage `{name}` is never reached: it gets no tokens in any arm",
                stage.span,
                help=f"give it tokens in `allocate`, for instance `CORPUS {{ {name}: 100% }}`, or remove it",
            )


def _expectations(definition: Definition, reader: ExpectReader) -> tuple[Expectation, ...]:
    found = []
    for number, node in enumerate(definition.expects, 1):
        if isinstance(node, ast.ExpectSql):
            found.append(Expectation(name=node.name.text, text=node.name.text, sql=node.sql.text.strip()))
        elif (expectation := reader.expectation(node, number)) is not None:
            found.append(expectation)
    return tuple(found)
