"""`specc log`, `specc note` and `specc tag`."""

from __future__ import annotations

import json
import sys
from itertools import islice
from pathlib import Path

from specc.cli.places import find_workspace
from specc.errors import QueryError
from specc.history.notes import add_note, add_tag, remove_tag
from specc.history.runs import LATEST, Run, all_runs, find_run
from specc.history.show import log_lines, run_json, run_text
from specc.store import open_workspace


def show_log(name: str | None, most: int, workspace: str | None, recipe: bool, json_wanted: bool) -> int:
    """List runs, or tell all of one.

    Args:
        name: a run, or the experiment or recipe file whose runs are wanted.
    """
    place = _workspace(name, workspace)
    if name is not None and not _is_of_experiment(place, name):
        run = find_run(place, name)
        if recipe:
            return _show_recipe(run)
        print(json.dumps(run_json(run), indent=1)) if json_wanted else print(run_text(run), end="")
        return 0
    if recipe:
        raise QueryError("`--recipe` is of one run", "name it: `specc log RUN --recipe`")
    found = (run for run in all_runs(place) if name is None or _belongs(run, name))
    runs = list(islice(found, most))
    if json_wanted:
        print(json.dumps([run_json(run) for run in runs], indent=1))
    else:
        print("\n".join(log_lines(runs)))
        more = sum(1 for _ in found)
        if more:
            print(f"({more} earlier; `-n` shows more)")
    return 0


def note(name: str, text: str | None, replace: bool, workspace: str | None) -> int:
    """Add a note to a run; without a text, from standard input, or show what is there."""
    writes = text is not None or not sys.stdin.isatty()
    place = open_workspace(find_workspace(workspace), write=writes)
    run = find_run(place, name)
    if text is None and sys.stdin.isatty():
        for each in run.notes.notes:
            print(each.text)
        return 0
    add_note(place, run.number, sys.stdin.read() if text in (None, "-") else str(text), replace)
    return 0


def tag(name: str, tags: tuple[str, ...], remove: bool, workspace: str | None) -> int:
    """Set tags on a run, or take them away; without any, show those that it has."""
    place = open_workspace(find_workspace(workspace), write=bool(tags))
    run = find_run(place, name)
    for each in tags:
        (remove_tag if remove else add_tag)(place, run.number, each)
    if not tags:
        print("\n".join(run.notes.tags or {}))
    return 0


def _workspace(name: str | None, workspace: str | None) -> Path:
    if workspace is None and name is not None and name.endswith(".spec"):
        from specc.cli.places import workspace_of

        return open_workspace(workspace_of(name, None))
    return open_workspace(find_workspace(workspace))


def _is_of_experiment(workspace: Path, name: str) -> bool:
    """Whether a word names an experiment or a recipe that was run, and no run."""
    if name == LATEST or name.isdecimal():
        return False
    return name.endswith(".spec") or any(run.experiment == name for run in all_runs(workspace))


def _belongs(run: Run, name: str) -> bool:
    if name.endswith(".spec"):
        return Path(run.spec).name == Path(name).name
    return run.experiment == name


def _show_recipe(run: Run) -> int:
    kept = run.recipe
    if kept is None:
        raise QueryError(
            f"the text of run {run.number}'s recipe was not kept", "runs by this version of specc keep it"
        )
    for number, (name, text) in enumerate(kept.files.items()):
        if number:
            print(f"\n# ---- {name}\n")
        sys.stdout.write(text)
    return 0
