"""What a shell may complete: names of experiments in the workspace."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from specc.errors import SpeccError

if TYPE_CHECKING:
    import click


def experiment_names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Experiments that have been run and begin with what is written."""
    from specc.cli.places import find_workspace
    from specc.workspace import Workspace

    workspace = context.params.get("workspace")
    if isinstance(workspace, tuple):
        workspace = workspace[0] if workspace else None
    with suppress(SpeccError, OSError):
        names = Workspace(find_workspace(workspace)).experiments
        return [name for name in names if name.startswith(incomplete)]
    return []
