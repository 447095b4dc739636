"""Where things lie: recipes that come with specc, and workspaces."""

from __future__ import annotations

from pathlib import Path

from specc.errors import WorkspaceError

WORKSPACE = ".specc"
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

    As given; else the nearest `.specc` upwards; else the only one up to three folders down.

    Raises:
        WorkspaceError: if there is none, or more than one below.
    """
    if workspace:
        return Path(workspace)
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / WORKSPACE / "format.json").is_file():
            return folder / WORKSPACE if folder != here else Path(WORKSPACE)
    below = sorted(
        marker.parent.relative_to(here)
        for depth in ("*", "*/*", "*/*/*")
        for marker in here.glob(f"{depth}/{WORKSPACE}/format.json")
    )
    if len(below) == 1:
        return below[0]
    if below:
        listed = ", ".join(f"`{path}`" for path in below[:5])
        raise WorkspaceError(
            f"there are {len(below)} workspaces below: {listed}", "name one with `--workspace`"
        )
    raise WorkspaceError(
        "there is no workspace here",
        "run a recipe first (`specc run FILE`), or name a workspace with `--workspace`",
    )
