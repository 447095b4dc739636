"""What a shell may complete: names in the results of the workspace."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from specc.errors import SpeccError

if TYPE_CHECKING:
    import click

    from specc.workspace import Workspace

_MOST = 1000
"""Names that are offered."""


def experiment_names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Experiments that have been run."""
    with suppress(SpeccError, OSError):
        return _beginning(incomplete, _workspace(context).experiments)
    return []


def evaluation_names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Evaluations of the experiments."""
    return _beginning(incomplete, _names(context, "SELECT DISTINCT eval FROM main.evaluations"))


def stage_names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Stages, and checkpoints that are computed and measured."""
    sql = "SELECT stage FROM main.stages UNION SELECT stage FROM main.results"
    return _beginning(incomplete, _names(context, sql))


def axis_names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Axes of the sweeps, and `recipe`."""
    axes = _names(context, "SELECT DISTINCT unnest(axes) FROM main.experiments")
    return _beginning(incomplete, ["recipe", *axes])


def comparison_and_recipe_names(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[str]:
    """Comparisons that a recipe declares, and recipes."""
    recipes = _names(context, "SELECT DISTINCT recipe FROM main.recipes")
    declared: list[str] = []
    with suppress(SpeccError, OSError):
        workspace = _workspace(context)
        for experiment in workspace.experiments:
            declared += [each.name for each in workspace.study(experiment).comparisons]
    return _beginning(incomplete, [*declared, *recipes])


def _workspace(context: click.Context) -> Workspace:
    from specc.cli.places import find_workspace
    from specc.workspace import Workspace

    given = context.params.get("workspace") or context.params.get("workspaces")
    return Workspace(find_workspace(given[0] if isinstance(given, tuple) else given))


def _names(context: click.Context, sql: str) -> list[str]:
    with suppress(SpeccError, OSError):
        rows = _workspace(context).sql(f"SELECT * FROM ({sql}) LIMIT {_MOST}").rows
        return sorted(str(name) for (name,) in rows if name)
    return []


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    return [name for name in dict.fromkeys(names) if name.startswith(incomplete)]
