"""`specc check`, `specc plan`, and what needs no run."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from specc.analysis.compile import Compilation, CompiledExperiment, compile_file
from specc.cli.failures import WRONG_SPEC, colored
from specc.cli.places import SHIPPED, recipe_path, shipped_folder, workspace_of
from specc.diagnostics import as_json, render
from specc.graph.cost import Rates
from specc.graph.plan import Plan
from specc.store import Store
from specc.study import Study
from specc.words import printable


def compiled(file: str, only: Sequence[str], max_arms: int, library: bool = False) -> Compilation:
    """Compile a recipe; its diagnostics are printed to stderr."""
    compilation = compile_file(recipe_path(file), only, max_arms, library)
    if not compilation.report.failed:
        warn_ignored(compilation)
    print(render(compilation.report, colored(sys.stderr)), end="", file=sys.stderr)
    return compilation


def check_file(file: str, only: Sequence[str], max_arms: int, json_wanted: bool) -> int:
    """Check a recipe and say what it holds."""
    if json_wanted:
        compilation = compile_file(recipe_path(file), only, max_arms, library=True)
        warn_ignored(compilation)
        print(json.dumps(as_json(compilation.report, str(recipe_path(file))), indent=1))
    else:
        compilation = compiled(file, only, max_arms, library=True)
        for experiment in compilation.experiments:
            print(_summary(experiment))
        if not compilation.experiments and not compilation.report.failed:
            names = ", ".join(compilation.program.files[0].scope.bindings)
            print(f"{printable(file)}: ok (no experiment; declares {names})")
    return WRONG_SPEC if compilation.report.failed else 0


def _summary(experiment: CompiledExperiment) -> str:
    base = experiment.recipes[0].definition
    items = [
        (experiment.arms, "arm"),
        (len(base.stages), "stage"),
        (len(base.evals), "evaluation"),
        (len(base.checks), "check"),
        (len(experiment.comparisons), "comparison"),
        (len(experiment.expectations), "expectation"),
    ]
    counted = ", ".join(f"{number:,} {word}{'' if number == 1 else 's'}" for number, word in items if number)
    return f"{experiment.name}: ok ({counted})"


def warn_ignored(compilation: Compilation) -> None:
    """Warn of recipes that git ignores: the common ignore list for Python holds *.spec."""
    from specc.cli.ignored import ignored_by_git

    for file in compilation.program.files:
        rule = ignored_by_git(file.source.name)
        if rule:
            compilation.report.add(
                "W0001",
                f"`{file.source.name}` is ignored by git",
                None,
                notes=[f"by the line `{rule}`, which common ignore lists for Python have for PyInstaller"],
                help="end the .gitignore with `!*.spec`",
            )


def study_of(experiment: CompiledExperiment, store: Store) -> tuple[Study, Rates]:
    """Expand an experiment, with times predicted from what the store has."""
    from specc.graph.expand import expand

    rates = Rates.from_store(store)
    return expand(experiment, rates), rates


def make_plans(
    compilation: Compilation, store: Store, workers: int | None, explained: bool = False
) -> list[Plan]:
    """The plan of each experiment of a recipe; `explained` asks for the state of each step."""
    from specc.execute.local import default_workers
    from specc.graph.environment import differences
    from specc.graph.plan import make_plan

    plans = []
    done = store.done()
    for experiment in compilation.experiments:
        study, rates = study_of(experiment, store)
        different = differences(store, (step.key for step in study.steps if step.key in done))
        plans.append(
            make_plan(study, done, workers or default_workers(), rates.measured, different, explained)
        )
    return plans


def plan_file(
    file: str,
    only: Sequence[str],
    max_arms: int,
    workspace: str | None,
    workers: int | None,
    all_tables: bool,
    json_wanted: bool,
) -> int:
    """Show what a recipe will do; nothing is written."""
    from specc.graph.show import plan_text
    from specc.store import open_workspace
    from specc.streaming import json_pieces

    compilation = compiled(file, only, max_arms)
    if compilation.report.failed:
        return WRONG_SPEC
    place = workspace_of(file, workspace)
    if place.exists() and not (place.is_dir() and not any(place.iterdir())):
        open_workspace(place)
    plans = make_plans(compilation, Store(place), workers, json_wanted)
    if json_wanted:
        for number, plan in enumerate(plans):
            sys.stdout.write(",\n" if number else "[")
            sys.stdout.writelines(json_pieces(plan))
        sys.stdout.write("]\n")
    else:
        print("\n".join(plan_text(plan, all_tables) for plan in plans), end="")
    return 0


def shipped_recipes() -> list[tuple[str, Path, str]]:
    """The recipes with experiments that come with specc: name, path, and what each asks."""
    from specc.analysis.load import load
    from specc.diagnostics import Report
    from specc.language import ast

    folder = shipped_folder()
    found = []
    for path in sorted(folder.rglob("*.spec")):
        for experiment, _ in load(path, Report()).experiments:
            text = next((m.text for m in experiment.members if isinstance(m, ast.Docstring)), "")
            found.append((str(path.relative_to(folder).with_suffix("")), path, text))
    return found


def list_shipped() -> int:
    """Names and descriptions of the recipes that come with specc."""
    for name, _, text in shipped_recipes():
        print(f"{SHIPPED}{name}.spec  {printable(text)}")
    return 0
