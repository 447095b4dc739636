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
from specc.words import printable


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
    elif not runs and name is not None:
        raise QueryError(f"`{name}` was not run in this workspace", "`specc log` lists all runs")
    elif not runs:
        print("nothing was run in this workspace yet")
    else:
        print("\n".join(log_lines(runs)))
        more = sum(1 for _ in found)
        if more:
            print(f"({more} earlier; `-n` shows more)")
    return 0


def note(name: str, text: str | None, replace: bool, workspace: str | None) -> int:
    """Add a note to a run; without a text, from standard input, or show what is there if that is empty."""
    given = sys.stdin is not None and not sys.stdin.isatty()
    shows = text is None and not (replace and given)
    if text == "-" or (text is None and given):
        text = _standard_input()
    place = open_workspace(find_workspace(workspace), write=bool(text) or not shows)
    run = find_run(place, name)
    if text or not shows:
        add_note(place, run.number, text or "", replace)
        return 0
    for each in run.notes.notes:
        print("\n".join(map(printable, each.text.splitlines())))
    return 0


def _standard_input() -> str:
    """What was handed over.

    Raises:
        QueryError: if it is no text.
    """
    try:
        return sys.stdin.buffer.read().decode() if sys.stdin is not None else ""
    except UnicodeDecodeError as error:
        raise QueryError("what standard input gives is no UTF-8 text", "write the note as text") from error


def tag(name: str, tags: tuple[str, ...], remove: bool, workspace: str | None) -> int:
    """Set tags on a run, or take them away; without any, show those that it has."""
    place = open_workspace(find_workspace(workspace), write=bool(tags))
    run = find_run(place, name)
    for each in tags:
        (remove_tag if remove else add_tag)(place, run.number, each)
    for each in () if tags else run.notes.tags:
        print(printable(each))
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
