"""Which workspace is meant by a folder."""

from __future__ import annotations

from pathlib import Path

from specc.errors import WorkspaceError

WORKSPACE = ".specc"
"""Name of a workspace, beside the recipe that it is of."""

_MARKER = "format.json"

STUDY = "study.json"
"""Name of the file that makes a folder an exported study, which is a workspace that can be read."""


def is_workspace(folder: Path) -> bool:
    """Whether a folder is a workspace, or an exported study."""
    return (folder / _MARKER).is_file() or (folder / STUDY).is_file()


def workspace_near(folder: Path) -> Path:
    """The workspace of a project: the nearest `.specc` upwards, else the only one up to three folders down.

    Raises:
        WorkspaceError: if there is none, or more than one below.
    """
    start = folder.absolute()
    for each in (start, *start.parents):
        if (each / WORKSPACE / _MARKER).is_file():
            return folder / WORKSPACE if each == start else each / WORKSPACE
    below = sorted(
        marker.parent
        for depth in ("*", "*/*", "*/*/*")
        for marker in folder.glob(f"{depth}/{WORKSPACE}/{_MARKER}")
    )
    if len(below) == 1:
        return below[0]
    if below:
        listed = ", ".join(f"`{path}`" for path in below[:5])
        raise WorkspaceError(
            f"there are {len(below)} workspaces below: {listed}", "name one with `--workspace`"
        )
    where = "here" if folder == Path() else f"in {folder}"
    raise WorkspaceError(
        f"there is no workspace {where}",
        "run a recipe first (`specc run FILE`), or name a workspace with `--workspace`",
    )


def workspace_at(path: Path) -> Path:
    """The workspace that a path stands for: itself, that beside a recipe file, or that near a folder.

    An exported study stands for itself.

    Raises:
        WorkspaceError: if there is none, or more than one.
    """
    if is_workspace(path):
        return path
    if path.is_file():
        return path.parent / WORKSPACE
    if path.is_dir():
        return workspace_near(path)
    raise WorkspaceError(f"there is no file or folder {path}", "name a workspace, a recipe, or its folder")
