"""`specc run` and `specc status`."""

from __future__ import annotations

import gc
import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from specc.cli.compiling import compiled, study_of
from specc.cli.failures import EXPECTATION_NOT_MET, STEP_FAILED, WRONG_SPEC, WRONG_USE, tell
from specc.cli.machine import Machine
from specc.cli.places import find_workspace, workspace_of
from specc.corpora.declared import DECLARED
from specc.errors import DataError, NoDevice, WorkspaceError
from specc.history.recipe import KeptRecipe
from specc.store import Store, open_workspace
from specc.study import Study

if TYPE_CHECKING:
    from specc.execute.run import RunOptions


def run_file(
    file: str,
    only: Sequence[str],
    max_arms: int,
    workspace: str | None,
    workers: int | None,
    machine: Machine,
    no_wait: bool,
) -> int:
    """Run the experiments of a recipe one after the other; the first that fails decides the exit code."""
    compilation = compiled(file, only, max_arms)
    if compilation.report.failed:
        return WRONG_SPEC
    from specc.execute.run import RunOptions

    place = open_workspace(workspace_of(file, workspace), create=True)
    chosen = [part for name in only for part in ("-e", name)] + (["-w", workspace] if workspace else [])
    again = shlex.join(["specc", "run", file, *chosen, *machine.arguments()])
    recipe = KeptRecipe(files={each.source.name: each.source.text for each in compilation.program.files})
    code = 0
    first, missing = None, []
    for experiment in compilation.experiments:
        study, _ = study_of(experiment, Store(place))
        first = first or study
        missing += [name for name in only_declared(study) if name not in missing]
    if missing:
        tell(without_data(missing))
        return WRONG_SPEC
    for experiment in compilation.experiments:
        # Later ones are expanded again: what ran before them has measured how long steps take.
        study, first = first or study_of(experiment, Store(place))[0], None
        options = RunOptions(
            workers=machine.workers(workers),
            lanes=machine.lanes,
            wait=not no_wait,
            again=again,
            recipe=recipe,
        )
        ended = run_one(machine.run_by(study), place, options)
        code = code or ended
        if ended not in (0, EXPECTATION_NOT_MET):
            break
    return code


def only_declared(study: Study) -> list[str]:
    """Names of the corpora of a study that are declared without data."""
    labels = (
        step.label
        for step in study.steps
        if step.op == "prepare" and step.params["reader"]["name"] == DECLARED
    )
    return list(dict.fromkeys(label.rpartition("/")[2] for label in labels))


def without_data(names: Sequence[str]) -> DataError:
    """What to tell of corpora that can be planned with, and not read."""
    what = "a corpus is" if len(names) == 1 else f"{len(names)} corpora are"
    return DataError(
        f"{what} declared without data: {', '.join(f'`{name}`' for name in names)}",
        "a plan needs none, a run does: write where it lies in place of `declared(...)`, "
        f'for instance `corpus {names[0]} = jsonl("data/*.jsonl", text = "text")`',
    )


def run_one(study: Study, workspace: Path, options: RunOptions) -> int:
    """Run a study, keep its results readable while it runs, and print what came of it."""
    from specc.cli.querying import print_outcome
    from specc.execute.console import open_console
    from specc.execute.run import run_study
    from specc.results.index import Indexer

    gc.enable()
    indexer = Indexer(workspace)

    def publish() -> None:
        indexer.update(wait=False)

    outcome = run_study(study, workspace, replace(options, on_change=publish), open_console())
    if outcome.error is not None:
        return WRONG_USE if isinstance(outcome.error, NoDevice) else STEP_FAILED
    if outcome.exit_code == 0:
        indexer.update()  # waits: a reader may have been at it when the last step ended
        met = print_outcome(study, workspace, complete=True)
        print(f"next: {suggestion(workspace)}", file=sys.stderr)
        return 0 if met else EXPECTATION_NOT_MET
    if outcome.state == "failed":
        print_outcome(study, workspace)  # of the arms that came through
    return outcome.exit_code


def suggestion(workspace: Path) -> str:
    """A command to try next; it names the workspace where it would not be found from here."""
    where = ""
    try:
        found = find_workspace(None).resolve() == workspace.resolve()
    except WorkspaceError:
        found = False
    if not found:
        where = f" -w {shlex.quote(str(workspace))}"
    return f'specc sql{where} "select * from results limit 10"'


def show_status(workspace: str | None, as_json: bool, watch: bool = False) -> int:
    """Tell how the latest run is going; with `watch` until it ends."""
    from specc.execute.status import read_status, status_text

    place = open_workspace(find_workspace(workspace))
    if watch:
        from specc.cli.leaving import leave
        from specc.cli.watching import watch_status

        return leave(watch_status(place, as_json))
    status = read_status(place)
    if status is None:
        print("null" if as_json else "nothing was run in this workspace yet")
    elif as_json:
        print(json.dumps(status.model_dump(mode="json"), indent=1))
    else:
        print(status_text(status))
    return 0
