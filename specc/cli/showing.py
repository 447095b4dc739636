"""`specc show`: an experiment as one text, and where its values come from."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from specc.analysis.compile import Compilation, CompiledExperiment, RecipeArms
from specc.analysis.evaluate import Evaluator
from specc.analysis.values import Value, show
from specc.cli.compiling import compiled
from specc.cli.failures import WRONG_SPEC, WRONG_USE, tell
from specc.diagnostics import Report, Source, nearest
from specc.errors import SpeccError
from specc.language import ast
from specc.language.parse import parse
from specc.study import BASE


def show_file(
    file: str,
    only: Sequence[str],
    max_arms: int,
    recipe: str | None,
    arm: Sequence[str],
    origin: bool,
    as_json: bool,
) -> int:
    """Print the experiments of a recipe with all that they use put in; nothing is written."""
    compilation = compiled(file, only, max_arms)
    if compilation.report.failed:
        return WRONG_SPEC
    try:
        sys.stdout.write(_shown(file, compilation, recipe, arm, origin, as_json))
    except SpeccError as error:
        tell(error)
        return WRONG_USE
    return 0


def _shown(
    file: str,
    compilation: Compilation,
    recipe: str | None,
    arm: Sequence[str],
    origin: bool,
    as_json: bool,
) -> str:
    from specc.showing.origin import origin_text, origins
    from specc.showing.text import experiment_text

    if arm and len(compilation.experiments) > 1:
        names = ", ".join(f"`{each.name}`" for each in compilation.experiments)
        raise SpeccError(f"`{file}` has several experiments: {names}", "name one with `-e`")
    parts: list[str] = []
    data: list[dict[str, Any]] = []
    for experiment in compilation.experiments:
        arms, point, seed = _chosen(experiment, recipe, arm)
        found = origins(experiment, arms, point) if origin or as_json else []
        text = "" if origin and not as_json else experiment_text(experiment, arms, point, seed)
        parts.append(f"experiment {experiment.name}\n{origin_text(found)}" if origin else text)
        data.append({"experiment": experiment.name, "recipe": arms.name, "text": text})
        data[-1]["values"] = [each.as_json() for each in found]
    return json.dumps(data, indent=1) + "\n" if as_json else "\n".join(parts)


def _chosen(
    experiment: CompiledExperiment, recipe: str | None, arm: Sequence[str]
) -> tuple[RecipeArms, Mapping[str, Value] | None, int | None]:
    """The recipe, and the point and seed if an arm is asked for."""
    wanted: dict[str, str] = {}
    for text in arm:
        for part in _parts(experiment, text):
            name, sign, value = part.partition("=")
            if not sign:
                raise SpeccError(f"`{text}` is no arm", "write `--arm AXIS=VALUE`, or the label of an arm")
            wanted[name.strip()] = value.strip()
    name = wanted.pop("recipe", recipe or BASE)
    arms = next((each for each in experiment.recipes if each.name == name), None)
    if arms is None:
        known = [each.name for each in experiment.recipes]
        close = nearest(name, known)
        listed = ", ".join(f"`{each}`" for each in known)
        raise SpeccError(
            f"experiment `{experiment.name}` has no recipe `{name}`",
            f"write `{close}`" if close else f"recipes are {listed}",
        )
    seed = _seed(wanted.pop("seed"), arms) if "seed" in wanted else None
    if not arm:
        return arms, None, None
    return arms, _point(experiment, arms, wanted), seed


def _parts(experiment: CompiledExperiment, text: str) -> list[str]:
    """An arm's label in parts such as `early=25%`, or the one part that it is."""
    if "/" not in text or not text.startswith(f"{experiment.name}/"):
        return [text]
    names = {axis.name for axis in experiment.axes} | {"seed"}
    parts: list[str] = []
    for piece in text.split("/")[1:]:
        if piece.partition("=")[0] in names:
            parts.append(piece)
        elif parts:
            parts[-1] += f"/{piece}"  # a value with a slash in it
        else:
            parts.append(f"recipe={piece}")
    return parts


def _seed(text: str, arms: RecipeArms) -> int:
    found = next((seed for seed in arms.seeds if str(seed) == text), None)
    if found is None:
        seeds = ", ".join(map(str, arms.seeds[:8])) + (", ..." if len(arms.seeds) > 8 else "")
        raise SpeccError(f"there is no seed `{text}`", f"seeds are {seeds}")
    return found


def _point(
    experiment: CompiledExperiment, arms: RecipeArms, wanted: Mapping[str, str]
) -> Mapping[str, Value]:
    """The only point with these values of axes."""
    axes = [axis.name for axis in experiment.axes]
    points = [resolved.point for resolved in arms.points]
    for axis, text in wanted.items():
        if axis not in axes:
            close = nearest(axis, axes)
            raise SpeccError(f"there is no axis `{axis}`", f"write `{close}`" if close else None)
        value = _value(text, arms)
        kept = [point for point in points if point[axis] == value or show(point[axis]) == text]
        if not kept:
            values = ", ".join(dict.fromkeys(show(point[axis]) for point in points))
            raise SpeccError(f"no such arm has `{axis} = {text}`", f"`{axis}` is {values}")
        points = kept
    if len(points) > 1:
        open_axes = [axis for axis in axes if len({show(point[axis]) for point in points}) > 1]
        listed = ", ".join(f"`{axis}`" for axis in open_axes)
        raise SpeccError(
            f"{len(points)} arms are meant: they differ in {listed}", "name a value of each with `--arm`"
        )
    return points[0]


def _value(text: str, arms: RecipeArms) -> Value | None:
    """A value as somebody writes it, for instance `1e-3`; None if it is none."""
    report = Report()
    tree = parse(Source("--arm", f"let value = {text}"), report)
    item = tree.items[0] if tree.items and not report.failed else None
    if not isinstance(item, ast.Declaration):
        return None
    value = Evaluator(arms.definition.scope, report).value(item.value, {})
    return None if report.failed else value
