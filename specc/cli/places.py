"""Where things lie: recipes that come with specc, and workspaces."""

from __future__ import annotations

from pathlib import Path

from specc.finding import WORKSPACE as WORKSPACE
from specc.finding import is_workspace, workspace_near

SHIPPED = "specc:"
"""Prefix of the recipes that come with specc, for instance `specc:early_exposure/text.spec`."""


def shipped_folder() -> Path:
    """Folder of the shipped recipes: inside the package if installed, beside it in a checkout."""
    packaged = Path(__file__).resolve().parents[1] / "specs"
    return packaged if packaged.is_dir() else Path(__file__).resolve().parents[2] / "specs"


def recipe_path(name: str) -> Path:
    """The file that a recipe's name stands for."""
    return shipped_folder() / name.removeprefix(SHIPPED) if name.startswith(SHIPPED) else Path(name)


def workspace_of(name: str, workspace: str | None) -> Path:
    """The workspace of a recipe: as given, else `.specc` beside it (of a shipped one: here)."""
    if workspace:
        return Path(workspace)
    return Path(WORKSPACE) if name.startswith(SHIPPED) else Path(name).parent / WORKSPACE


def find_workspace(workspace: str | None) -> Path:
    """The workspace to read.

    As given, or `.specc` in the folder that is given; else the nearest `.specc` upwards; else the only one
    up to three folders down.

    Raises:
        WorkspaceError: if there is none, or more than one below.
    """
    if not workspace:
        return workspace_near(Path())
    place = Path(workspace)
    return place / WORKSPACE if not is_workspace(place) and is_workspace(place / WORKSPACE) else place
