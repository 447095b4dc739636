"""`specc new`."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from specc.cli.compiling import shipped_recipes
from specc.cli.places import shipped_folder
from specc.diagnostics import nearest
from specc.errors import WorkspaceError, disk_errors, reason
from specc.files import write_atomic
from specc.starting import IGNORED, check_name, project_files, recipe_files
from specc.words import printable

WRONG_USAGE = 2
PAPER = "paper"


def new_project(folder: str | None, source: str | None) -> int:
    """Write a new project into a folder that is not there yet, is empty, or has no such files.

    Nothing that exists is changed but `.gitignore`, which gets the lines that it lacks.
    """
    if source == PAPER:
        return _offer(folder or "FOLDER")
    if not folder:
        return _refused("no folder is named", "write `specc new my_study`")
    place = Path(folder)
    name = Path(os.path.abspath(place)).name.replace("-", "_")
    try:
        check_name(name)
    except ValueError as error:
        return _refused(
            f"`{printable(name)}` can't name an experiment: {error}", "give the folder another name"
        )
    if source is None:
        files = project_files(name)
    else:
        recipes = {recipe: path for recipe, path, _ in shipped_recipes()}
        if source not in recipes:
            return _unknown(source, list(recipes))
        files = recipe_files(recipes[source], name, shipped_folder())
    there = [path for path in files if path != ".gitignore" and os.path.lexists(place / path)]
    if there:
        return _refused(f"`{printable(str(place / there[0]))}` is there already", "name another folder")
    if place.exists() and not place.is_dir():
        return _refused(f"`{printable(folder)}` is a file", "name another folder")
    try:
        with disk_errors(place, "name a folder that you may write to"):
            for path, text in files.items():
                _write(place / path, text)
    except OSError as error:
        return _refused(f"can't write to `{printable(folder)}`: {reason(error)}", "name another folder")
    except WorkspaceError as error:
        return _refused(printable(error.message), error.help or "")
    _tell(place, name, files)
    return 0


def _write(path: Path, text: str) -> None:
    """Write a file; a `.gitignore` that is there keeps its lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.name == ".gitignore" and path.exists():
        old = path.read_text(encoding="utf-8", errors="surrogateescape")
        if not set(IGNORED.splitlines()[1:]) - set(old.splitlines()):
            return
        text = old + ("" if old.endswith("\n") or not old else "\n") + text
        path.write_text(text, encoding="utf-8", errors="surrogateescape")
        return
    write_atomic(path, text, "name a folder that you may write to")


def _tell(place: Path, name: str, files: dict[str, str]) -> None:
    for path in files:
        print(f"wrote {printable(str(place / path))}")
    inside = place != Path(".")
    option = "-- " if str(place).startswith("-") else ""
    print("\nnext:" + (f" cd {option}{_typed(place)}" if inside else ""))
    for command in ("check", "plan", "run"):
        print(f"  specc {command} {name}.spec")
    print("  specc sql")


def _typed(place: Path) -> str:
    """A folder as it is typed into a shell."""
    return shlex.quote(printable(str(place)))


def _offer(folder: str) -> int:
    """List what a project can be started from, to be chosen by name."""
    offered = shipped_recipes()
    print("experiments that come with specc, after papers:\n")
    for recipe, _, description in offered:
        print(f"  {recipe}\n      {printable(description)}")
    print(f"\nstart from one with: specc new {printable(folder)} --from {offered[0][0]}")
    return 0


def _unknown(source: str, recipes: Sequence[str]) -> int:
    """Refuse a recipe that is not there; its last name alone, or a slip of the pen, says which was meant."""
    last = [recipe for recipe in recipes if recipe.rpartition("/")[2] == source]
    close = last[0] if len(last) == 1 else nearest(source, recipes)
    help = f"write `--from {close}`" if close else "`specc new --from paper` lists them"
    return _refused(f"no recipe `{printable(source)}` comes with specc", help)


def _refused(message: str, help: str) -> int:
    print(f"error: {message}\n  = help: {help}", file=sys.stderr)
    return WRONG_USAGE
